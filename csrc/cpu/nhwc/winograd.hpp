// Winograd's convolution (csrc/convolution.md) of images whose channels lie side by side: nothing is transposed, and filters are
// transformed once. 3 x 3 and 5 x 5 filters, stride and dilation 1; the filters of a group are whole vectors, if there are several.
#pragma once

#include <vector>

#include "cpu/nhwc/convolution.hpp"

namespace pycnn {

struct Strip;

class WinogradConvolution : public PlanStep {
public:
    // As DirectConvolution; the border of x reaches as far as its last tiles, whose outputs may hang over the edge.
    WinogradConvolution(const NhwcConvolution& p, const float* w, const float* bias);
    void run(const PlanRun& run) const override;

    // Rows and columns of zeros that x needs below and to the right.
    static Padding border(const NhwcConvolution& p);

private:
    struct Areas;

    struct Columns {
        int64_t group, first, vectors;  // first: of the channels of y
    };

    void compute(const PlanRun& run, const Areas& areas, int64_t begin, int64_t end, float* area, unsigned char* finite) const;
    Columns columns_of(int64_t panel) const;
    void multiply(const Areas& areas, int64_t first_panel, int64_t tiles, const float* v, float* m) const;
    void write(const PlanRun& run, const Areas& areas, int64_t first_panel, const Strip& strip, const float* m, float* outputs,
               unsigned char& finite) const;

    const NhwcConvolution p_;
    const WinogradKernels& winograd_;
    const int64_t inputs_of_group_, outputs_of_group_;
    const int64_t width_, panels_;  // filters of a panel, panels of a group
    const int64_t panel_, group_,
        position_;  // floats of a panel of transformed filters, of a group, of one of the 36 positions
    Workspace<float> filters_, bias_, zeros_;  // [position][group][panel][c][NR], [pitch], where sums begin
    const bool fetches_;                       // the next panel
    std::vector<int64_t> inputs_;              // offsets of the terms of a product
    const DirectConvolution direct_;           // of images with results that are not finite
};

}  // namespace pycnn
