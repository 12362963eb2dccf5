#include "core/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>

#include "core/cpu_limits.hpp"
#include "core/denormals.hpp"
#include "core/error.hpp"
#include "core/serial_scope.hpp"
#include "core/team.hpp"

namespace pycnn {
namespace {

// Unlike OpenMP's variables, our own is checked.
int threads_of_pycnn() {
    const char* value = std::getenv("PYCNN_NUM_THREADS");
    if (value == nullptr || *value == '\0') return 0;
    char* end = nullptr;
    const long count = std::strtol(value, &end, 10);
    if (*end != '\0' || count < 1 || count > kMostThreads)
        fail_value("PYCNN_NUM_THREADS", "must be a whole number from 1 to ", kMostThreads, ", got '", std::string(value), "'");
    return static_cast<int>(count);
}

// More threads than processors would only take turns, so only pycnn's own variable can ask for them.
int default_threads() {
    if (const int count = threads_of_pycnn()) return count;
    const int quota = cgroup_quota();
    return std::min({openmp_setting("OMP_NUM_THREADS", kMostThreads), openmp_setting("OMP_THREAD_LIMIT", kMostThreads),
                     affinity_count(), quota > 0 ? quota : kMostThreads});
}

// 0 until first needed. Two threads that both find 0 compute the same number, and a fork in between leaves nothing locked.
constinit std::atomic<int> thread_setting{0};

// The same limit as kSerialWork while a recorded step or a plan of inference runs and all helpers are awake: a region then costs
// 0.3 us, or 1.3 us where the cores share no cache. Of 1.9 to 2.0 ms of processor time of LeNet-5's step at batch 64, 325 us were
// outside of regions with 200,000, 237 with 60,000, 149 with 20,000 and 176 with 5,000 (one run each, whose noise is about 20).
constexpr double kSerialWorkAwake = 20'000;

}  // namespace

thread_local int SerialScope::depth = 0;

int num_threads() {
    if (SerialScope::is_open()) return 1;
    int count = thread_setting.load(std::memory_order_relaxed);
    if (count > 0) return count;
    const int found = default_threads();
    return thread_setting.compare_exchange_strong(count, found, std::memory_order_relaxed) ? found : count;
}

void set_num_threads(int count) { thread_setting.store(count, std::memory_order_relaxed); }

int team_size(int64_t tasks, double work) {
    if (work < kSerialWorkAwake) return 1;
    const int team = static_cast<int>(std::clamp<int64_t>(tasks, 1, std::min(num_threads(), most_in_team())));
    if (work >= kSerialWork) return team;
    return CloseRegions::are_here() && helpers_are_awake(team) ? team : 1;
}

void detail::run(int64_t tasks, int team, Body body, void* context) {
    FlushDenormals guard;
    team = std::min(team, most_in_team());
    if (team > 1 && tasks > 1 && run_with_helpers({tasks, team, body, context})) return;
    for (int64_t task = 0; task < tasks; ++task) body(context, task, 0);
}

}  // namespace pycnn

// For threadpoolctl, which looks for these functions in a process's loaded libraries (pycnn/_threadpool.py). It cannot catch
// exceptions: an invalid PYCNN_NUM_THREADS reads as one thread here, while ops and pycnn.get_num_threads() report the fault.
extern "C" {
__attribute__((visibility("default"))) int pycnn_get_num_threads() noexcept {
    try {
        return pycnn::num_threads();
    } catch (const std::exception&) {
        return 1;
    }
}
__attribute__((visibility("default"))) void pycnn_set_num_threads(int count) noexcept {
    pycnn::set_num_threads(std::clamp(count, 1, pycnn::kMostThreads));
}
}
