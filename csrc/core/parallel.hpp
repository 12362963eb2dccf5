// The only place that knows about threads. Kernels see `parallel_for(tasks, body)`.
//
// Any thread may run any task; results must not depend on it. Therefore an op cuts its work into tasks by its shape alone, every
// task writes its own part of the result, and sums across tasks are taken afterwards in task order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace pycnn {

constexpr int kMostThreads = 1024;

// set_num_threads > PYCNN_NUM_THREADS > min(OMP_NUM_THREADS, OMP_THREAD_LIMIT, CPU affinity, cgroup quota).
int num_threads();
void set_num_threads(int count);

// Work below this many units (multiply-adds, or moved elements) runs on the calling thread, less with helpers that are awake: waking
// a team and waiting for it costs about 5 us, in which one core with AVX2 does 200,000 multiply-adds.
constexpr double kSerialWork = 200'000;

// The number of threads that `parallel_for` would use for this many tasks and this much work, and so of work areas to allocate.
int team_size(int64_t tasks, double work);

namespace detail {
using Body = void (*)(void* context, int64_t task, int thread);
void run(int64_t tasks, int team, Body body, void* context);
}  // namespace detail

// Calls body(task, thread) for every task in [0, tasks) on `team` threads, 0 <= thread < team. `body` must not throw:
// allocate before. Denormals count as zero inside; the caller's floating-point state is restored.
template <class F>
void parallel_for(int64_t tasks, int team, F&& body) {
    static_assert(std::is_invocable_v<F, int64_t, int>);
    detail::run(
        tasks, team,
        [](void* context, int64_t task, int thread) noexcept {
            (*static_cast<std::remove_reference_t<F>*>(context))(task, thread);
        },
        const_cast<void*>(static_cast<const void*>(std::addressof(body))));
}

// Planes per task, for about 16 K elements: a task switch then costs less than a hundredth of the work.
inline int64_t planes_per_task(int64_t plane) { return std::max<int64_t>(16384 / plane, 1); }

// For bodies that need no work area: body(begin, end) over [0, count) in chunks of `grain`.
template <class F>
void parallel_ranges(int64_t count, int64_t grain, double work_per_item, F&& body) {
    const int64_t tasks = (count + grain - 1) / grain;
    parallel_for(tasks, team_size(tasks, static_cast<double>(count) * work_per_item), [&](int64_t task, int) {
        const int64_t begin = task * grain;
        body(begin, begin + grain < count ? begin + grain : count);
    });
}

}  // namespace pycnn
