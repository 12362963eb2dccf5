// Sums over a channel are in double: see cpu/channels.hpp.
#include "ops/batch_norm2d.hpp"

#include <cmath>
#include <limits>

#include "core/memory.hpp"
#include "cpu/channels.hpp"
#include "cpu/dispatch.hpp"

namespace pycnn {
namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
constexpr Limits kNoLimits{kNone, kNone};

// A pass over an array takes about as long as this many multiply-adds for each element.
constexpr double kPass = 2;

// Takes the statistics of channels from the sums of x and x^2. If the mean is `kFar` standard deviations, mean^2 = 16 var takes 4 bits
// of the 53 that a double has; beyond, the sums are taken anew around the mean.
class Statistics {
public:
    Statistics(const ChannelShape& s, double eps, const BatchStatistics& statistics)
        : cut_(s), count_(static_cast<double>(s.values())), eps_(eps), statistics_(statistics) {}

    void finish(int64_t c, const ChannelSums& sums, const ChannelRuns& runs, const float* x) const {
        const double mean = sums.first / count_;
        double var = sums.second / count_ - mean * mean;
        if (!(mean * mean <= kFar * kFar * var)) var = var_around(static_cast<float>(mean), runs, x);
        if (var < 0) var = 0;
        statistics_.mean[c] = static_cast<float>(mean);
        statistics_.var[c] = static_cast<float>(var);
        statistics_.inv_std[c] = static_cast<float>(1 / std::sqrt(var + eps_));
    }

private:
    static constexpr double kFar = 4;
    const ChannelCut cut_;
    const double count_, eps_;
    const BatchStatistics statistics_;

    // Around the exact mean the first sum would be zero; its actual value corrects the second one.
    double var_around(float centre, const ChannelRuns& runs, const float* x) const {
        double sums[2];
        kernels().deviation_sums(runs, x, &centre, sums);
        const double rest = sums[0] / count_;
        return sums[1] / count_ - rest * rest;
    }
};

// The mean is subtracted first: with a shift of -mean * scale instead, a large mean would take digits from y.
AffineScalars scalars_of(const BatchNormTail& tail, int64_t c, float mean, float inv_std) {
    const double scale = inv_std;
    return {mean, static_cast<float>(tail.weight ? tail.weight[c] * scale : scale), tail.bias ? tail.bias[c] : 0.0f};
}

}  // namespace

void channel_affine(const ChannelShape& s, const float* x, const float* scale, const float* shift, float* y) {
    const KernelTable& table = kernels();
    const Workspace<AffineScalars> scalars(s.C);
    for (int64_t c = 0; c < s.C; ++c) scalars.data()[c] = {0.0f, scale[c], shift[c]};
    for_channels(ChannelCut(s), 1, {{x}, {y}}, [&](int64_t c, const ChannelRuns& runs, const ChannelArrays& at) {
        table.normalise(runs, at.read[0], scalars.data() + c, nullptr, kNoLimits, at.written[0]);
    });
}

void channel_affine_backward(const ChannelShape& s, const float* dy, const float* x, const float* scale, float* dx,
                             float* dscale, float* dshift) {
    const KernelTable& table = kernels();
    const Workspace<AffineScalars> scalars(s.C);
    for (int64_t c = 0; c < s.C; ++c) scalars.data()[c] = {};
    for_channels(
        ChannelCut(s), 2 * kPass, {{dy, x}, {dx}},
        [&](int64_t c, const ChannelRuns& runs, const ChannelArrays& at, double* sums) {
            table.product_sums(runs, at.read[0], nullptr, kNoLimits, at.read[1], scalars.data() + c, sums);
        },
        [&](int64_t c, const ChannelSums& sums, const ChannelRuns&, const ChannelArrays&) {
            dscale[c] = static_cast<float>(sums.second);
            dshift[c] = static_cast<float>(sums.first);
            scalars.data()[c] = {0.0f, scale[c], 0.0f};
        },
        [&](int64_t c, const ChannelRuns& runs, const ChannelArrays& at) {
            table.normalise(runs, at.read[0], scalars.data() + c, nullptr, kNoLimits, at.written[0]);
        });
}

void batch_norm2d_statistics(const ChannelShape& s, const float* x, double eps, const BatchStatistics& statistics) {
    const KernelTable& table = kernels();
    const Statistics of(s, eps, statistics);
    for_channels(
        ChannelCut(s), kPass, {{x}, {}},
        [&](int64_t, const ChannelRuns& runs, const ChannelArrays& at, double* sums) {
            table.channel_moments(runs, at.read[0], sums);
        },
        [&](int64_t c, const ChannelSums& sums, const ChannelRuns& runs, const ChannelArrays& at) {
            of.finish(c, sums, runs, at.read[0]);
        },
        [](int64_t, const ChannelRuns&, const ChannelArrays&) {});
}

void batch_norm2d_apply(const ChannelShape& s, const float* x, const float* mean, const float* inv_std,
                        const BatchNormTail& tail, float* y) {
    const KernelTable& table = kernels();
    const Workspace<AffineScalars> scalars(s.C);
    for (int64_t c = 0; c < s.C; ++c) scalars.data()[c] = scalars_of(tail, c, mean[c], inv_std[c]);
    for_channels(ChannelCut(s), kPass, {{x, tail.residual}, {y}},
                 [&](int64_t c, const ChannelRuns& runs, const ChannelArrays& at) {
                     table.normalise(runs, at.read[0], scalars.data() + c, at.read[1], tail.limits, at.written[0]);
                 });
}

void batch_norm2d(const ChannelShape& s, const float* x, double eps, const BatchNormTail& tail, float* y,
                  const BatchStatistics& statistics) {
    const KernelTable& table = kernels();
    const Workspace<AffineScalars> scalars(s.C);
    const Statistics of(s, eps, statistics);
    for_channels(
        ChannelCut(s), 2 * kPass, {{x, tail.residual}, {y}},
        [&](int64_t, const ChannelRuns& runs, const ChannelArrays& at, double* sums) {
            table.channel_moments(runs, at.read[0], sums);
        },
        [&](int64_t c, const ChannelSums& sums, const ChannelRuns& runs, const ChannelArrays& at) {
            of.finish(c, sums, runs, at.read[0]);
            scalars.data()[c] = scalars_of(tail, c, statistics.mean[c], statistics.inv_std[c]);
        },
        [&](int64_t c, const ChannelRuns& runs, const ChannelArrays& at) {
            table.normalise(runs, at.read[0], scalars.data() + c, at.read[1], tail.limits, at.written[0]);
        });
}

void batch_norm2d_backward(const ChannelShape& s, const float* dy, const float* y, const float* x, const float* mean,
                           const float* inv_std, const BatchNormTail& tail, const BatchNormGradients& gradients) {
    const KernelTable& table = kernels();
    const double count = static_cast<double>(s.values());
    const Workspace<AffineScalars> scalars(s.C);
    const Workspace<BatchNormScalars> slopes(s.C);
    for (int64_t c = 0; c < s.C; ++c) scalars.data()[c] = scalars_of(tail, c, mean[c], inv_std[c]);
    for_channels(
        ChannelCut(s), 3 * kPass, {{dy, y, x}, {gradients.dx, gradients.dresidual}},
        [&](int64_t c, const ChannelRuns& runs, const ChannelArrays& at, double* sums) {
            table.product_sums(runs, at.read[0], at.read[1], tail.limits, at.read[2], scalars.data() + c, sums);
        },
        [&](int64_t c, const ChannelSums& sums, const ChannelRuns&, const ChannelArrays&) {
            const double inverse = inv_std[c], scale = tail.weight ? tail.weight[c] * inverse : inverse;
            gradients.dweight[c] = static_cast<float>(sums.second * inverse);
            gradients.dbias[c] = static_cast<float>(sums.first);
            slopes.data()[c] = {mean[c], static_cast<float>(scale),
                                static_cast<float>(scale * inverse * inverse * sums.second / count),
                                static_cast<float>(scale * sums.first / count)};
        },
        [&](int64_t c, const ChannelRuns& runs, const ChannelArrays& at) {
            table.batch_norm_gradient(runs, at.read[0], at.read[1], tail.limits, at.read[2], scalars.data() + c,
                                      slopes.data() + c, at.written[0], at.written[1]);
        });
}

void channel_sums(const ChannelShape& s, const float* x, float* sums) {
    const KernelTable& table = kernels();
    for_channels(
        ChannelCut(s), kPass, {{x}, {}},
        [&](int64_t, const ChannelRuns& runs, const ChannelArrays& at, double* out) {
            table.channel_moments(runs, at.read[0], out);
        },
        [&](int64_t c, const ChannelSums& total, const ChannelRuns&, const ChannelArrays&) {
            sums[c] = static_cast<float>(total.first);
        },
        [](int64_t, const ChannelRuns&, const ChannelArrays&) {});
}

}  // namespace pycnn
