// Affine maps of channels and batch normalisation. A channel's values are cut into slices. A block sums one slice; then a
// thread for each channel adds its slices in order and computes the channel's statistics in double. They are few, and an
// inexact mean would spoil all that follows.
#include <algorithm>

#include "cuda/block_sum.hpp"
#include "cuda/compensated_sum.hpp"
#include "ops/batch_norm2d.hpp"

namespace pycnn {
namespace {

using cuda::CompensatedSum;
using cuda::kThreads;

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

// dy, and dy (x - mean); mean may be null.
struct Products {
    const float *dy, *x, *mean;
    __device__ void add(Sums& sums, int64_t at, int64_t c) const {
        const cuda::Difference d(x[at], mean ? mean[c] : 0.0f);
        sums.first.add(dy[at], 0.0f);
        sums.second.add_product(d.value, d.rest, dy[at]);
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
    const float* weight;  // or null
    const Mean* mean;
    BatchStatistics statistics;
    float* scale;
    __device__ void operator()(int64_t c, const Totals& totals) const {
        // The first sum would be zero for the exact mean. Its value corrects the second one.
        const double rest = totals.first / count;
        double var = totals.second / count - rest * rest;
        if (var < 0) var = 0;
        const double inv_std = 1 / sqrt(var + eps);
        statistics.mean[c] = mean[c].value;
        statistics.var[c] = static_cast<float>(var);
        statistics.inv_std[c] = static_cast<float>(inv_std);
        scale[c] = static_cast<float>(weight ? static_cast<double>(weight[c]) * inv_std : inv_std);
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

// y = (x - centre) scale + shift; centre and shift may be null. The mean is subtracted first: with a shift of -mean * scale
// instead, a large mean would take digits from y.
__global__ void affine_kernel(int64_t count, int64_t C, int64_t plane, const float* x, const float* centre, const float* scale,
                              const float* shift, float* y) {
    PYCNN_FOR_EACH_ELEMENT(i, count) {
        const int64_t c = i / plane % C;
        y[i] = (x[i] - (centre ? centre[c] : 0.0f)) * scale[c] + (shift ? shift[c] : 0.0f);
    }
}

__global__ void gradient_kernel(int64_t count, int64_t C, int64_t plane, const float* dy, const float* x,
                                const BatchNormScalars* scalars, float* dx) {
    PYCNN_FOR_EACH_ELEMENT(i, count) {
        const BatchNormScalars s = scalars[i / plane % C];
        dx[i] = dy[i] * s.scale - (x[i] - s.mean) * s.slope - s.offset;
    }
}

void affine(const ChannelShape& s, const float* x, const float* centre, const float* scale, const float* shift, float* y) {
    using namespace cuda;
    const int64_t count = s.C * s.values();
    launch(affine_kernel, blocks_for(count), kThreads, 0, current_stream(), count, s.C, s.plane, x, centre, scale, shift, y);
}

}  // namespace

void channel_affine(const ChannelShape& s, const float* x, const float* scale, const float* shift, float* y) {
    affine(s, x, nullptr, scale, shift, y);
}

void channel_affine_backward(const ChannelShape& s, const float* dy, const float* x, const float* scale, float* dx,
                             float* dscale, float* dshift) {
    sum_channels(s, Products{dy, x, nullptr}, TakeSums{dshift, dscale});
    affine(s, dy, nullptr, scale, nullptr, dx);
}

void batch_norm2d(const ChannelShape& s, const float* x, const float* weight, const float* bias, double eps, float* y,
                  const BatchStatistics& statistics) {
    const double count = static_cast<double>(s.values());
    const cuda::Workspace<Mean> mean(s.C);
    const cuda::Workspace<float> scale(s.C);
    sum_channels(s, Values{x}, TakeMean{count, mean.data()});
    sum_channels(s, Deviations{x, mean.data()}, TakeVariance{count, eps, weight, mean.data(), statistics, scale.data()});
    affine(s, x, statistics.mean, scale.data(), bias, y);
}

void batch_norm2d_backward(const ChannelShape& s, const float* dy, const float* x, const float* weight, const float* mean,
                           const float* inv_std, float* dx, float* dweight, float* dbias) {
    using namespace cuda;
    const Workspace<BatchNormScalars> scalars(s.C);
    const double values = static_cast<double>(s.values());
    sum_channels(s, Products{dy, x, mean}, TakeGradients{values, weight, mean, inv_std, dweight, dbias, scalars.data()});
    const int64_t count = s.C * s.values();
    launch(gradient_kernel, blocks_for(count), kThreads, 0, current_stream(), count, s.C, s.plane, dy, x, scalars.data(), dx);
}

void channel_sums(const ChannelShape& s, const float* x, float* sums) { sum_channels(s, Values{x}, TakeSum{sums}); }

}  // namespace pycnn
