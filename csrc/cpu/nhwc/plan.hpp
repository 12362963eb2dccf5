// A plan of inference: the calls of a network for images of one shape, in order, with their buffers assigned.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "cpu/nhwc/images.hpp"

namespace pycnn {

// A step that is one call of an op, on flat rows.
class OpStep : public PlanStep {
public:
    explicit OpStep(std::function<void(const PlanRun&)> call) : call_(std::move(call)) {}
    void run(const PlanRun& run) const override { call_(run); }

private:
    const std::function<void(const PlanRun&)> call_;
};

// Floats of an image in the memory of a run, where buffers are kept or pass, in its input and in its output.
struct PlanSizes {
    int64_t kept, passing, input, output;
};

// Any number of threads may run a plan at the same time: each run has memory of its own.
class InferencePlan {
public:
    explicit InferencePlan(const PlanSizes& sizes) : sizes_(sizes) {}

    // Steps keep to these sizes: python/numpy/plan_checks.hpp.
    void add(std::unique_ptr<const PlanStep> step);
    const PlanSizes& sizes() const { return sizes_; }

    // The steps that are added until `end_image_by_image` go image by image: a thread takes one through all of them, and what passes from
    // step to step stays in its cache. `work` is of an image, in multiply-adds.
    void begin_image_by_image(double work);
    void end_image_by_image();

    // The floats of a run.
    int64_t floats(int64_t images) const;

    void run(int64_t images, const float* x, float* y) const;

    // Runs, and returns the seconds of each step: of those that go image by image, the mean over the threads.
    std::vector<double> times(int64_t images, const float* x, float* y) const;

private:
    struct Stretch {
        size_t begin, end;  // steps
        bool by_image;
        double work;
    };

    template <class F>
    void each_step(int64_t images, int threads, const float* x, float* y, F&& f) const;

    const PlanSizes sizes_;
    std::vector<std::unique_ptr<const PlanStep>> steps_;
    std::vector<Stretch> stretches_;
};

}  // namespace pycnn
