#include "cpu/nhwc/plan.hpp"

#include <chrono>

namespace pycnn {

void InferencePlan::run(int64_t images, const float* x, float* y) const {
    if (images == 0) return;
    const Workspace<float> arena(images * sizes_.arena);
    const PlanRun run{images, x, y, arena.data()};
    for (const auto& step : steps_) step->run(run);
}

std::vector<double> InferencePlan::times(int64_t images, const float* x, float* y) const {
    using Clock = std::chrono::steady_clock;
    const Workspace<float> arena(images * sizes_.arena);
    const PlanRun run{images, x, y, arena.data()};
    std::vector<double> seconds;
    for (const auto& step : steps_) {
        const auto begin = Clock::now();
        step->run(run);
        seconds.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
    }
    return seconds;
}

}  // namespace pycnn
