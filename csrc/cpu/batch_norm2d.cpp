// Sums over a channel: each plane has its own sums, in double; a channel's planes are then added in the order of the images,
// so the bits do not depend on the threads.
#include "ops/batch_norm2d.hpp"

#include <cmath>
#include <vector>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/dispatch.hpp"

namespace pycnn {
namespace {

// kernel(first element, channel) for every plane.
template <class F>
void for_planes(const ChannelShape& s, F&& kernel) {
    parallel_ranges(s.N * s.C, planes_per_task(s.plane), static_cast<double>(s.plane), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) kernel(i * s.plane, i % s.C);
    });
}

struct Sums {
    double first, second;
};

// The two sums of every channel; kernel(first element, channel, double sums[2]) computes those of one plane.
template <class F>
std::vector<Sums> sums_of_channels(const ChannelShape& s, F&& kernel) {
    const Workspace<Sums> planes(s.N * s.C);
    for_planes(s, [&](int64_t at, int64_t c) {
        double sums[2];
        kernel(at, c, sums);
        planes.data()[at / s.plane] = {sums[0], sums[1]};
    });
    std::vector<Sums> channels(s.C);
    for (int64_t n = 0; n < s.N; ++n)
        for (int64_t c = 0; c < s.C; ++c) {
            channels[c].first += planes.data()[n * s.C + c].first;
            channels[c].second += planes.data()[n * s.C + c].second;
        }
    return channels;
}

}  // namespace

void channel_affine(const ChannelShape& s, const float* x, const float* scale, const float* shift, float* y) {
    const KernelTable& table = kernels();
    for_planes(s, [&](int64_t at, int64_t c) { table.affine(s.plane, x + at, 0.0f, scale[c], shift[c], y + at); });
}

void channel_affine_backward(const ChannelShape& s, const float* dy, const float* x, const float* scale, float* dx,
                             float* dscale, float* dshift) {
    const KernelTable& table = kernels();
    const auto sums = sums_of_channels(s, [&](int64_t at, int64_t c, double* out) {
        table.product_sums(s.plane, dy + at, x + at, 0.0, out);
        table.affine(s.plane, dy + at, 0.0f, scale[c], 0.0f, dx + at);
    });
    for (int64_t c = 0; c < s.C; ++c) {
        dscale[c] = static_cast<float>(sums[c].second);
        dshift[c] = static_cast<float>(sums[c].first);
    }
}

void batch_norm2d(const ChannelShape& s, const float* x, const float* weight, const float* bias, double eps, float* y,
                  const BatchStatistics& statistics) {
    const KernelTable& table = kernels();
    const double count = static_cast<double>(s.values());
    auto deviations =
        sums_of_channels(s, [&](int64_t at, int64_t, double* out) { table.deviation_sums(s.plane, x + at, 0.0, out); });
    std::vector<double> mean(s.C);
    for (int64_t c = 0; c < s.C; ++c) mean[c] = deviations[c].first / count;

    deviations =
        sums_of_channels(s, [&](int64_t at, int64_t c, double* out) { table.deviation_sums(s.plane, x + at, mean[c], out); });
    std::vector<float> scale(s.C);
    for (int64_t c = 0; c < s.C; ++c) {
        // Around the exact mean the first sum would be zero; its actual value corrects the second one.
        const double rest = deviations[c].first / count;
        double var = deviations[c].second / count - rest * rest;
        if (var < 0) var = 0;
        const double inv_std = 1 / std::sqrt(var + eps);
        statistics.mean[c] = static_cast<float>(mean[c]);
        statistics.var[c] = static_cast<float>(var);
        statistics.inv_std[c] = static_cast<float>(inv_std);
        scale[c] = static_cast<float>(weight ? weight[c] * inv_std : inv_std);
    }
    // The mean is subtracted first: with a shift of -mean * scale instead, a large mean would take digits from y.
    for_planes(s, [&](int64_t at, int64_t c) {
        table.affine(s.plane, x + at, statistics.mean[c], scale[c], bias ? bias[c] : 0.0f, y + at);
    });
}

void batch_norm2d_backward(const ChannelShape& s, const float* dy, const float* x, const float* weight, const float* mean,
                           const float* inv_std, float* dx, float* dweight, float* dbias) {
    const KernelTable& table = kernels();
    const auto sums = sums_of_channels(
        s, [&](int64_t at, int64_t c, double* out) { table.product_sums(s.plane, dy + at, x + at, mean[c], out); });
    const double count = static_cast<double>(s.values());
    std::vector<BatchNormScalars> scalars(s.C);
    for (int64_t c = 0; c < s.C; ++c) {
        const double inverse = inv_std[c], scale = weight ? weight[c] * inverse : inverse;
        dweight[c] = static_cast<float>(sums[c].second * inverse);
        dbias[c] = static_cast<float>(sums[c].first);
        scalars[c] = {mean[c], static_cast<float>(scale),
                      static_cast<float>(scale * inverse * inverse * sums[c].second / count),
                      static_cast<float>(scale * sums[c].first / count)};
    }
    for_planes(s, [&](int64_t at, int64_t c) { table.batch_norm_gradient(s.plane, dy + at, x + at, scalars[c], dx + at); });
}

void channel_sums(const ChannelShape& s, const float* x, float* sums) {
    const KernelTable& table = kernels();
    const auto channels =
        sums_of_channels(s, [&](int64_t at, int64_t, double* out) { table.deviation_sums(s.plane, x + at, 0.0, out); });
    for (int64_t c = 0; c < s.C; ++c) sums[c] = static_cast<float>(channels[c].first);
}

}  // namespace pycnn
