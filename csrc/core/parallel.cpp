#include "core/parallel.hpp"

#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "core/error.hpp"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace pycnn {
namespace {

// Sets flush-to-zero and denormals-are-zero while it lives.
class FlushDenormals {
#if defined(__x86_64__)
public:
    FlushDenormals() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | 0x8040); }
    ~FlushDenormals() { _mm_setcsr(saved_); }

private:
    unsigned saved_;
#elif defined(__aarch64__)
public:
    FlushDenormals() {
        asm volatile("mrs %0, fpcr" : "=r"(saved_));
        asm volatile("msr fpcr, %0" ::"r"(saved_ | (uint64_t{1} << 24)));
    }
    ~FlushDenormals() { asm volatile("msr fpcr, %0" ::"r"(saved_)); }

private:
    uint64_t saved_;
#endif
};

// A forked child has none of the parent's OpenMP threads, and GNU OpenMP waits for them for ever: run serially there.
std::atomic<bool> forked{false};
[[maybe_unused]] const int at_fork = pthread_atfork(nullptr, nullptr, [] { forked = true; });

// OMP_NUM_THREADS may be a list, one number a nesting level: the first counts. OpenMP ignores what is not a number, and so
// do we.
int threads_of_openmp() {
    const char* value = std::getenv("OMP_NUM_THREADS");
    return value == nullptr ? 0 : static_cast<int>(std::clamp<long>(std::strtol(value, nullptr, 10), 0, kMostThreads));
}

// Our own variable is checked.
int threads_of_pycnn() {
    const char* value = std::getenv("PYCNN_NUM_THREADS");
    if (value == nullptr || *value == '\0') return 0;
    char* end = nullptr;
    const long count = std::strtol(value, &end, 10);
    if (*end != '\0' || count < 1 || count > kMostThreads)
        fail_value("PYCNN_NUM_THREADS", "must be a whole number from 1 to ", kMostThreads, ", got '", value, "'");
    return static_cast<int>(count);
}

// CPUs that the control group may use, rounded up; 0 where there is no limit (cgroup v2, then v1).
int cgroup_quota() {
    std::string quota;
    double period = 0;
    if (std::ifstream file("/sys/fs/cgroup/cpu.max"); !(file >> quota >> period)) {
        std::ifstream quota_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
        std::ifstream period_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
        if (!(quota_file >> quota) || !(period_file >> period)) return 0;
    }
    const double microseconds = std::strtod(quota.c_str(), nullptr);  // "max" reads as 0, "no limit" is -1
    return microseconds > 0 && period > 0 ? static_cast<int>((microseconds + period - 1) / period) : 0;
}

int default_threads() {
    if (const int count = threads_of_pycnn()) return count;
    if (const int count = threads_of_openmp()) return count;
    cpu_set_t affinity;
    int count = sched_getaffinity(0, sizeof affinity, &affinity) == 0 ? CPU_COUNT(&affinity) : 1;
    if (const int quota = cgroup_quota()) count = std::min(count, quota);
    return std::max(count, 1);
}

// Tasks [next, end), on a cache line of their own.
struct alignas(64) Share {
    std::atomic<int64_t> next;
    int64_t end;
};

std::atomic<int>& thread_setting() {
    static std::atomic<int> count{default_threads()};
    return count;
}

}  // namespace

int num_threads() { return thread_setting(); }

void set_num_threads(int count) { thread_setting() = count; }

int team_size(int64_t tasks, double work) {
    // GNU OpenMP ends the process when it cannot create a thread: no larger team than could be of any use.
    static const int64_t most = std::max<int64_t>(64, 4 * sysconf(_SC_NPROCESSORS_ONLN));
    if (work < kSerialWork || forked) return 1;
    return static_cast<int>(std::clamp<int64_t>(tasks, 1, std::min<int64_t>(num_threads(), most)));
}

void detail::run(int64_t tasks, int team, Body body, void* context) {
    if (team == 1 || forked) {
        FlushDenormals guard;
        for (int64_t task = 0; task < tasks; ++task) body(context, task, 0);
        return;
    }
    // Each thread has a share of neighbouring tasks, and helps the others when it is done with it. Ops that cut the batch in the
    // same order then find in their core's cache what the op before them wrote there, and a core that another program holds up
    // does not keep the others waiting.
    std::vector<Share> shares(team);
    for (int t = 0; t < team; ++t) {
        shares[t].next = t * tasks / team;
        shares[t].end = (t + 1) * tasks / team;
    }
#pragma omp parallel num_threads(team)
    {
        FlushDenormals guard;
        const int thread = omp_get_thread_num();
        for (int t = 0; t < team; ++t) {
            Share& share = shares[(thread + t) % team];
            for (int64_t task; (task = share.next.fetch_add(1, std::memory_order_relaxed)) < share.end;)
                body(context, task, thread);
        }
    }
}

}  // namespace pycnn
