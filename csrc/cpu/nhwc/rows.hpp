// Steps of a plan that go over images row by row: depthwise convolutions, pooling, and what is done to each pixel alone.
#pragma once

#include <optional>
#include <vector>

#include "cpu/nhwc/images.hpp"
#include "ops/activation.hpp"
#include "ops/local_response_norm.hpp"
#include "ops/pool2d.hpp"

namespace pycnn {

// One filter for each channel.
class DepthwiseConvolution : public PlanStep {
public:
    // The weights are (C, 1, R, S); bias may be null. x needs no border: taps beyond it are left out.
    struct Shape {
        NhwcImages x, y;
        std::optional<NhwcImages> residual;
        int64_t R, S;
        Pair stride, dilation;
        Padding pad;
        Clamp clamp;
    };
    DepthwiseConvolution(const Shape& p, const float* w, const float* bias);
    void run(const PlanRun& run) const override;

private:
    // The taps of a window that lie inside from left to right, row by row.
    struct Taps {
        int64_t of_row;
        std::vector<int64_t> x_offsets, w_offsets;
    };

    Taps taps_of_column(int64_t column) const;
    void run_row(const PlanRun& run, int64_t image, int64_t row) const;

    const Shape p_;
    Workspace<float> filters_, bias_;  // [tap][pitch], [pitch]
    int64_t begin_, end_;              // output columns whose windows lie inside
    std::vector<Taps> edges_;          // of the columns before and behind these, and last of these
};

// The largest element, or the mean, of each window.
class Pooling : public PlanStep {
public:
    enum class Kind { largest, mean };
    Pooling(Kind kind, const NhwcImages& x, const NhwcImages& y, const PoolShape& shape, AverageRule rule)
        : kind_(kind), x_(x), y_(y), shape_(shape), rule_(rule) {}
    void run(const PlanRun& run) const override;

private:
    const Kind kind_;
    const NhwcImages x_, y_;
    const PoolShape shape_;
    const AverageRule rule_;
};

// Means over the areas of an adaptive pooling.
class AreaMeans : public PlanStep {
public:
    AreaMeans(const NhwcImages& x, const NhwcImages& y) : x_(x), y_(y) {}
    void run(const PlanRun& run) const override;

private:
    const NhwcImages x_, y_;
};

// y = clamp(a + b); without b, clamp(a). All have the same pixels.
class Sum : public PlanStep {
public:
    Sum(const NhwcImages& a, std::optional<NhwcImages> b, const NhwcImages& y, Clamp clamp)
        : a_(a), b_(b), y_(y), clamp_(clamp) {}
    void run(const PlanRun& run) const override;

private:
    const NhwcImages a_;
    const std::optional<NhwcImages> b_;
    const NhwcImages y_;
    const Clamp clamp_;
};

// Copies the channels of x to those of y from channel `first` on.
class ChannelCopy : public PlanStep {
public:
    ChannelCopy(const NhwcImages& x, const NhwcImages& y, int64_t first) : x_(x), y_(y), first_(first) {}
    void run(const PlanRun& run) const override;

private:
    const NhwcImages x_, y_;
    const int64_t first_;
};

// y[c] = clamp(x[c] * scale[c] + shift[c]): with numbers that do not change, or with the pixel of another image, 1 x 1, as the scale.
class ChannelScale : public PlanStep {
public:
    ChannelScale(const NhwcImages& x, const NhwcImages& y, const float* scale, const float* shift, Clamp clamp);
    ChannelScale(const NhwcImages& x, const NhwcImages& scale, const NhwcImages& y, Clamp clamp);
    void run(const PlanRun& run) const override;

private:
    const NhwcImages x_, y_;
    const std::optional<NhwcImages> pixel_;
    const Workspace<float> scale_, shift_;
    const Clamp clamp_;
};

// Over windows of the channels of each pixel.
class LocalResponseNorm : public PlanStep {
public:
    LocalResponseNorm(const NhwcImages& x, const NhwcImages& y, const LrnWindow& window) : x_(x), y_(y), window_(window) {}
    void run(const PlanRun& run) const override;

private:
    const NhwcImages x_, y_;
    const LrnWindow window_;
};

// An activation of each number, in place.
class RowActivation : public PlanStep {
public:
    using Function = void (*)(const KernelTable&, int64_t count, float a, float b, const float* x, float* y);
    RowActivation(const NhwcImages& x, Function f, float a, float b) : x_(x), f_(f), a_(a), b_(b) {}
    void run(const PlanRun& run) const override;

private:
    const NhwcImages x_;
    const Function f_;
    const float a_, b_;
};

}  // namespace pycnn
