// Affine maps of channels and batch normalisation. A channel's values are cut into slices. A block sums one slice; then a
// thread for each channel adds its slices in order and computes the channel's statistics in double. They are few, and an
// inexact mean would spoil all that follows.
#include <algorithm>
#include <limits>

#include "cuda/block_sum.hpp"
#include "cuda/compensated_sum.hpp"
#include "ops/batch_norm2d.hpp"

namespace pycnn {
namespace {

using cuda::CompensatedSum;
using cuda::kThreads;

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
constexpr Limits kNoLimits{kNone, kNone};

struct Sums {
    CompensatedSum first, second;

    __device__ Sums& operator+=(const Sums& other) {
        first.add(other.first);
        second.add(other.second);
        return *this;
    }
};

// Terms: add(sums, element, channel) adds an element's terms. partial[c * slices + slice] are the sums of a slice.
template <class Terms>
__global__ void slices_kernel(ChannelShape s, int64_t slices, int64_t slice, Terms terms, Sums* partial) {
    const int t = static_cast<int>(threadIdx.x);
    const int64_t c = blockIdx.x / slices, begin = blockIdx.x % slices * slice;
    const int64_t end = min(begin + slice, s.N * s.plane);
    // Values are numbered along the pixels of an image, then along the images. A step of kThreads is this many of each.
    const int64_t images = kThreads / s.plane, pixels = kThreads % s.plane;
    int64_t n = (begin + t) / s.plane, i = (begin + t) % s.plane;
    Sums sums{};
    for (int64_t value = begin + t; value < end; value += kThreads) {
        terms.add(sums, (n * s.C + c) * s.plane + i, c);
        n += images;
        i += pixels;
        if (i >= s.plane) {
            i -= s.plane;
            ++n;
        }
    }
    sums = cuda::block_sum(sums);
    if (t == 0) partial[blockIdx.x] = sums;
}

struct Totals {
    double first, second;
};

__device__ Totals totals_of(const Sums* partial, int64_t slices, int64_t c) {
    Totals totals{0, 0};
    for (int64_t slice = 0; slice < slices; ++slice) {
        totals.first += partial[c * slices + slice].first.value();
        totals.second += partial[c * slices + slice].second.value();
    }
    return totals;
}

// Finish: operator()(c, totals) uses the sums of channel c.
template <class Finish>
__global__ void finish_kernel(int64_t channels, int64_t slices, const Sums* partial, Finish finish) {
    PYCNN_FOR_EACH_ELEMENT(c, channels) finish(c, totals_of(partial, slices, c));
}

// Slices depend on the shape alone: about 1024 blocks, of 2048 values at least.
template <class Terms, class Finish>
void sum_channels(const ChannelShape& s, const Terms& terms, const Finish& finish) {
    using namespace cuda;
    constexpr int64_t kMostSlices = 256;  // a thread adds them all
    const int64_t useful = std::clamp<int64_t>(s.values() / 2048, 1, kMostSlices);
    const int64_t wanted = std::clamp<int64_t>(1024 / s.C, 1, useful);
    const int64_t slice = std::max<int64_t>((s.values() + wanted - 1) / wanted, 1);
    const int64_t slices = std::max<int64_t>((s.values() + slice - 1) / slice, 1);
    const Workspace<Sums> partial(s.C * slices);
    launch(slices_kernel<Terms>, dim3(static_cast<unsigned>(s.C * slices)), kThreads, 0, current_stream(), s, slices, slice,
           terms, partial.data());
    launch(finish_kernel<Finish>, blocks_for(s.C), kThreads, 0, current_stream(), s.C, slices, partial.data(), finish);
}

struct Values {
    const float* x;
    __device__ void add(Sums& sums, int64_t at, int64_t) const { sums.first.add(x[at], 0.0f); }
};

// A channel's mean in two floats.
struct Mean {
    float value, rest;
};

struct Deviations {
    const float* x;
    const Mean* mean;
    __device__ void add(Sums& sums, int64_t at, int64_t c) const {
        cuda::Difference d(x[at], mean[c].value);
        d.subtract(mean[c].rest);
        sums.first.add(d.value, d.rest);
        sums.second.add_product(d.value, 2.0f * d.rest, d.value);
    }
};

// y = limits((x - mean) scale weight + shift + residual); all but x and scale may be null. The mean is subtracted first: with a shift of
// -mean * scale instead, a large mean would take digits from y.
struct Affine {
    const float *mean, *scale, *weight, *shift, *residual;
    Limits limits;
    __device__ float operator()(float x, int64_t at, int64_t c) const {
        const float factor = weight ? static_cast<float>(static_cast<double>(weight[c]) * scale[c]) : scale[c];
        float y = (x - (mean ? mean[c] : 0.0f)) * factor + (shift ? shift[c] : 0.0f);
        if (residual) y += residual[at];
        y = y < limits.lower ? limits.lower : y;
        return y > limits.upper ? limits.upper : y;
    }
};

// The gradient of y where y lies between the limits of `of`; y is computed from x again where it is null.
struct Passed {
    const float *dy, *y, *x;
    Affine of;
    __device__ float operator()(int64_t at, int64_t c) const {
        const float v = y ? y[at] : of(x[at], at, c);
        return v <= of.limits.lower || v >= of.limits.upper ? 0.0f : dy[at];
    }
};

// The gradient of y, and its product with x - mean; mean may be null.
struct Products {
    Passed gradient;
    const float* mean;
    __device__ void add(Sums& sums, int64_t at, int64_t c) const {
        const cuda::Difference d(gradient.x[at], mean ? mean[c] : 0.0f);
        const float dy = gradient(at, c);
        sums.first.add(dy, 0.0f);
        sums.second.add_product(d.value, d.rest, dy);
    }
};

struct TakeSum {
    float* sums;
    __device__ void operator()(int64_t c, const Totals& totals) const { sums[c] = static_cast<float>(totals.first); }
};

struct TakeSums {
    float *first, *second;
    __device__ void operator()(int64_t c, const Totals& totals) const {
        first[c] = static_cast<float>(totals.first);
        second[c] = static_cast<float>(totals.second);
    }
};

struct TakeMean {
    double count;
    Mean* mean;
    __device__ void operator()(int64_t c, const Totals& totals) const {
        const double exact = totals.first / count;
        const float value = static_cast<float>(exact);
        mean[c] = {value, static_cast<float>(exact - static_cast<double>(value))};
    }
};

struct TakeVariance {
    double count, eps;
    const Mean* mean;
    BatchStatistics statistics;
    __device__ void operator()(int64_t c, const Totals& totals) const {
        // The first sum would be zero for the exact mean. Its value corrects the second one.
        const double rest = totals.first / count;
        double var = totals.second / count - rest * rest;
        if (var < 0) var = 0;
        statistics.mean[c] = mean[c].value;
        statistics.var[c] = static_cast<float>(var);
        statistics.inv_std[c] = static_cast<float>(1 / sqrt(var + eps));
    }
};

struct TakeGradients {
    double count;
    const float *weight, *mean, *inv_std;  // weight may be null
    float *dweight, *dbias;
    BatchNormScalars* scalars;
    __device__ void operator()(int64_t c, const Totals& totals) const {
        const double inverse = inv_std[c], scale = weight ? static_cast<double>(weight[c]) * inverse : inverse;
        dweight[c] = static_cast<float>(totals.second * inverse);
        dbias[c] = static_cast<float>(totals.first);
        scalars[c] = {mean[c], static_cast<float>(scale), static_cast<float>(scale * inverse * inverse * totals.second / count),
                      static_cast<float>(scale * totals.first / count)};
    }
};

__global__ void affine_kernel(int64_t count, int64_t C, int64_t plane, const float* x, Affine f, float* y) {
    PYCNN_FOR_EACH_ELEMENT(i, count) y[i] = f(x[i], i, i / plane % C);
}

__global__ void gradient_kernel(int64_t count, int64_t C, int64_t plane, Passed gradient, const BatchNormScalars* scalars,
                                float* dx, float* dresidual) {
    PYCNN_FOR_EACH_ELEMENT(i, count) {
        const int64_t c = i / plane % C;
        const BatchNormScalars s = scalars[c];
        const float dy = gradient(i, c);
        dx[i] = dy * s.scale - ((gradient.x[i] - s.mean) * s.slope + s.offset);
        if (dresidual) dresidual[i] = dy;
    }
}

void affine(const ChannelShape& s, const float* x, const Affine& f, float* y) {
    using namespace cuda;
    const int64_t count = s.C * s.values();
    launch(affine_kernel, blocks_for(count), kThreads, 0, current_stream(), count, s.C, s.plane, x, f, y);
}

}  // namespace

void channel_affine(const ChannelShape& s, const float* x, const float* scale, const float* shift, float* y) {
    affine(s, x, {nullptr, scale, nullptr, shift, nullptr, kNoLimits}, y);
}

void channel_affine_backward(const ChannelShape& s, const float* dy, const float* x, const float* scale, float* dx,
                             float* dscale, float* dshift) {
    const Affine unlimited{nullptr, scale, nullptr, nullptr, nullptr, kNoLimits};
    sum_channels(s, Products{{dy, nullptr, x, unlimited}, nullptr}, TakeSums{dshift, dscale});
    affine(s, dy, unlimited, dx);
}

void batch_norm2d_statistics(const ChannelShape& s, const float* x, double eps, const BatchStatistics& statistics) {
    const double count = static_cast<double>(s.values());
    const cuda::Workspace<Mean> mean(s.C);
    sum_channels(s, Values{x}, TakeMean{count, mean.data()});
    sum_channels(s, Deviations{x, mean.data()}, TakeVariance{count, eps, mean.data(), statistics});
}

void batch_norm2d_apply(const ChannelShape& s, const float* x, const float* mean, const float* inv_std,
                        const BatchNormTail& tail, float* y) {
    affine(s, x, {mean, inv_std, tail.weight, tail.bias, tail.residual, tail.limits}, y);
}

void batch_norm2d(const ChannelShape& s, const float* x, double eps, const BatchNormTail& tail, float* y,
                  const BatchStatistics& statistics) {
    batch_norm2d_statistics(s, x, eps, statistics);
    batch_norm2d_apply(s, x, statistics.mean, statistics.inv_std, tail, y);
}

void batch_norm2d_backward(const ChannelShape& s, const float* dy, const float* y, const float* x, const float* mean,
                           const float* inv_std, const BatchNormTail& tail, const BatchNormGradients& gradients) {
    using namespace cuda;
    const Workspace<BatchNormScalars> scalars(s.C);
    const double values = static_cast<double>(s.values());
    const Passed gradient{dy, y, x, {mean, inv_std, tail.weight, tail.bias, nullptr, tail.limits}};
    sum_channels(s, Products{gradient, mean},
                 TakeGradients{values, tail.weight, mean, inv_std, gradients.dweight, gradients.dbias, scalars.data()});
    const int64_t count = s.C * s.values();
    launch(gradient_kernel, blocks_for(count), kThreads, 0, current_stream(), count, s.C, s.plane, gradient, scalars.data(),
           gradients.dx, gradients.dresidual);
}

void channel_sums(const ChannelShape& s, const float* x, float* sums) { sum_channels(s, Values{x}, TakeSum{sums}); }

}  // namespace pycnn
