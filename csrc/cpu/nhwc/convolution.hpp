// Dense convolutions of images whose channels lie side by side: the sum over (r, s, c) as a matrix product of pixels, read where they lie,
// and filters that are packed once. See csrc/inference.md.
#pragma once

#include <optional>
#include <vector>

#include "cpu/kernel_table.hpp"
#include "cpu/nhwc/images.hpp"

namespace pycnn {

struct NhwcConvolution {
    NhwcImages x, y;
    std::optional<NhwcImages> residual;  // of the shape of y
    int64_t R, S, groups;
    Pair stride, dilation;
    Padding pad;  // x has borders at least as wide; those of `bottom` and `right` as far as windows reach
    Clamp clamp;
};

class DirectConvolution : public PlanStep {
public:
    // The weights are (K, C / groups, R, S); bias may be null. Both are copied.
    DirectConvolution(const NhwcConvolution& p, const float* w, const float* bias);
    void run(const PlanRun& run) const override;

    // For one image alone.
    void run_image(const PlanRun& run, int64_t image) const;

private:
    struct Cut;

    void compute(const PlanRun& run, const Cut& cut, int64_t image, int64_t band, int64_t part) const;

    const NhwcConvolution p_;
    const int64_t width_, panels_, vectors_, depth_;  // filters of a panel, panels and vectors of a group, terms of a sum
    Workspace<float> filters_, bias_;                 // [group][panel][(r, s, c)][NR], [group][panel][NR]
    std::vector<int64_t> offsets_;                    // of each (r, s, c) from a window's first pixel
};

}  // namespace pycnn
