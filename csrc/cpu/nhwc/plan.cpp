#include "cpu/nhwc/plan.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <mutex>

#include "core/parallel.hpp"
#include "core/serial_scope.hpp"
#include "core/team.hpp"

namespace pycnn {
namespace {

// The first exception of a parallel region, whose body must not throw: steps allocate work areas.
class FirstError {
public:
    template <class F>
    void watch(F&& f) noexcept {
        try {
            f();
        } catch (...) {
            const std::lock_guard lock(mutex_);
            if (!error_) error_ = std::current_exception();
        }
    }
    void rethrow() const {
        if (error_) std::rethrow_exception(error_);
    }

private:
    std::mutex mutex_;
    std::exception_ptr error_;
};

}  // namespace

void InferencePlan::add(std::unique_ptr<const PlanStep> step) {
    if (stretches_.empty()) stretches_.push_back({0, 0, false, 0});
    steps_.push_back(std::move(step));
    stretches_.back().end = steps_.size();
}

void InferencePlan::begin_image_by_image(double work) { stretches_.push_back({steps_.size(), steps_.size(), true, work}); }
void InferencePlan::end_image_by_image() { stretches_.push_back({steps_.size(), steps_.size(), false, 0}); }

int64_t InferencePlan::floats(int64_t images) const {
    return images * sizes_.kept + std::min<int64_t>(images, num_threads()) * sizes_.passing;
}

// f(step, run, thread, share) for all steps and images; `share` of its time is that of the whole run.
template <class F>
void InferencePlan::each_step(int64_t images, int threads, const float* x, float* y, F&& f) const {
    const CloseRegions close;
    const Workspace<float> memory(images * sizes_.kept + std::min<int64_t>(images, threads) * sizes_.passing);
    const PlanRun all{images, 0, images, x, y, memory.data(), memory.data() + images * sizes_.kept};
    const auto steps_of = [&](const Stretch& stretch, const PlanRun& run, int thread, double share) {
        for (size_t step = stretch.begin; step < stretch.end; ++step) f(step, run, thread, share);
    };
    for (const Stretch& stretch : stretches_) {
        if (!stretch.by_image) {
            steps_of(stretch, all, 0, 1.0);
            continue;
        }
        // As many images for each thread; those that are left over are computed by all threads, step by step.
        const int team = std::min(team_size(threads, stretch.work * static_cast<double>(images)), threads);
        const int64_t alone = images - images % team;
        FirstError error;
        parallel_for(alone, team, [&](int64_t image, int thread) {
            const SerialScope serial;
            PlanRun one = all;
            one.images = 1;
            one.first = image;
            one.passing += thread * sizes_.passing;
            error.watch([&] { steps_of(stretch, one, thread, 1.0 / team); });
        });
        error.rethrow();
        if (alone == images) continue;
        PlanRun rest = all;
        rest.images = images - alone;
        rest.first = alone;
        steps_of(stretch, rest, 0, 1.0);
    }
}

void InferencePlan::run(int64_t images, const float* x, float* y) const {
    if (images == 0) return;
    each_step(images, num_threads(), x, y, [&](size_t step, const PlanRun& run, int, double) { steps_[step]->run(run); });
}

std::vector<double> InferencePlan::times(int64_t images, const float* x, float* y) const {
    using Clock = std::chrono::steady_clock;
    std::vector<double> seconds(steps_.size());
    if (images == 0) return seconds;
    const int threads = num_threads();
    std::vector<double> of_threads(static_cast<size_t>(threads) * steps_.size());
    each_step(images, threads, x, y, [&](size_t step, const PlanRun& run, int thread, double share) {
        const auto begin = Clock::now();
        steps_[step]->run(run);
        const std::chrono::duration<double> time = Clock::now() - begin;
        of_threads[static_cast<size_t>(thread) * steps_.size() + step] += time.count() * share;
    });
    for (size_t i = 0; i < of_threads.size(); ++i) seconds[i % steps_.size()] += of_threads[i];
    return seconds;
}

}  // namespace pycnn
