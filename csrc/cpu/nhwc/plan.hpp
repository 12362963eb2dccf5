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

// Floats of an image in the arena of a plan, in its input and in its output.
struct PlanSizes {
    int64_t arena, input, output;
};

// Any number of threads may run a plan at the same time: each run has an arena of its own.
class InferencePlan {
public:
    explicit InferencePlan(const PlanSizes& sizes) : sizes_(sizes) {}

    // Steps keep to these sizes: python/numpy/plan_checks.hpp.
    void add(std::unique_ptr<const PlanStep> step) { steps_.push_back(std::move(step)); }
    const PlanSizes& sizes() const { return sizes_; }

    void run(int64_t images, const float* x, float* y) const;

    // Runs, and returns the seconds of each step.
    std::vector<double> times(int64_t images, const float* x, float* y) const;

private:
    const PlanSizes sizes_;
    std::vector<std::unique_ptr<const PlanStep>> steps_;
};

}  // namespace pycnn
