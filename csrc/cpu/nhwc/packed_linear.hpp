// Linear layers of a plan for several rows, whose weights are packed once.
#pragma once

#include <vector>

#include "cpu/nhwc/images.hpp"

namespace pycnn {

// y = clamp(x W^T + b), as a convolution of one pixel. Each output is one sum in the order of the inputs, from the bias on.
class PackedLinear : public PlanStep {
public:
    // The weights are (outputs, inputs); bias may be null. Both are copied.
    PackedLinear(const FlatRows& x, const FlatRows& y, const float* w, const float* bias, Clamp clamp);
    void run(const PlanRun& run) const override;

private:
    struct Range {
        int64_t begin, end;
    };

    void compute(const PlanRun& run, Range rows, Range vectors) const;

    const FlatRows x_, y_;
    const Clamp clamp_;
    const int64_t width_, panels_;     // filters of a panel, panels
    Workspace<float> filters_, bias_;  // [panel][input][NR], [panel][NR]
    std::vector<int64_t> offsets_;     // of the inputs
};

}  // namespace pycnn
