// ChannelRuns of a channel: affine maps of its elements, and sums over them in double precision.
//
// A sum of n floats in float may be off by n * 2^-24 of its magnitude, and a channel has n = N * H * W of them; a sum in double
// is practically exact.
#pragma once

#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace pycnn {
namespace {

constexpr int kDoubleLanes = kLanes / 2;
typedef double DoubleVec __attribute__((vector_size(kDoubleLanes * sizeof(double))));

// The two halves of a vector in double. With intrinsics, because GCC 12 splits __builtin_convertvector.
struct Wide {
    DoubleVec low, high;
};
inline Wide widen(Vec v) {
#if defined(__AVX512F__)
    __m256 halves[2];
    memcpy(halves, &v, sizeof v);
    // The plain form makes GCC 12 warn about its own header.
    return {_mm512_maskz_cvtps_pd(0xff, halves[0]), _mm512_maskz_cvtps_pd(0xff, halves[1])};
#elif defined(__AVX__)
    return {_mm256_cvtps_pd(_mm256_castps256_ps128(v)), _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1))};
#elif defined(__SSE2__)
    return {_mm_cvtps_pd(v), _mm_cvtps_pd(_mm_movehl_ps(v, v))};
#elif defined(__aarch64__)
    return {reinterpret_cast<DoubleVec>(vcvt_f64_f32(vget_low_f32(v))), reinterpret_cast<DoubleVec>(vcvt_high_f64_f32(v))};
#else
    Wide wide;
    for (int i = 0; i < kDoubleLanes; ++i) wide.low[i] = v[i], wide.high[i] = v[kDoubleLanes + i];
    return wide;
#endif
}

// How far ahead to fetch: to the same planes of the next image, of which the processor learns too late if they are short. Measured: a
// pass over runs of 4 KiB takes up to three times as long without. What lies beyond 16 KiB it fetches by itself.
inline int64_t fetch_ahead(const ChannelRuns& r) { return r.images > 1 && r.channels * r.length <= 4096 ? r.pitch : 0; }

// Two sums in double, a few terms of each at a time.
struct DoubleSums {
    DoubleVec first[4] = {}, second[4] = {};  // four chains hide the latency of the addition

    // Adds a to the first sum, and a * b to the second.
    void add(int chain, DoubleVec a, DoubleVec b) {
        first[chain] += a;
        second[chain] += a * b;
    }
};

// add(DoubleSums, first chain, offset of a vector, lanes that count) for the vectors of a run. Inlined thrice.
template <class F>
inline DoubleSums sum_run(int64_t begin, int64_t length, F add) {
    DoubleSums sums;
    int64_t i = 0;
    for (; i + 2 * kLanes <= length; i += 2 * kLanes) {
        add(sums, 0, begin + i, kLanes);
        add(sums, 2, begin + i + kLanes, kLanes);
    }
    if (i + kLanes <= length) {
        add(sums, 0, begin + i, kLanes);
        i += kLanes;
    }
    if (i < length) add(sums, 2, begin + i, length - i);
    return sums;
}

// sums[2 c], sums[2 c + 1] = the two sums of channel c, from sum_run(c, its first element), image by image: neighbouring channels lie
// side by side in memory. The lanes are added to each other once.
template <class F>
inline void sum_channels(const ChannelRuns& r, double* sums, F sum_run) {
    constexpr int64_t kBlock = 32;  // channels, whose lanes of sums stay in the cache: 4 KiB of vectors of 8 doubles
    for (int64_t first = 0; first < r.channels; first += kBlock) {
        const int64_t channels = r.channels - first < kBlock ? r.channels - first : kBlock;
        DoubleVec totals[kBlock][2];
        for (int64_t c = 0; c < channels; ++c) totals[c][0] = totals[c][1] = DoubleVec{};
        for (int64_t n = 0; n < r.images; ++n)
            for (int64_t c = 0; c < channels; ++c) {
                const DoubleSums run = sum_run(first + c, (first + c) * r.step + n * r.pitch);
                totals[c][0] += (run.first[0] + run.first[1]) + (run.first[2] + run.first[3]);
                totals[c][1] += (run.second[0] + run.second[1]) + (run.second[2] + run.second[3]);
            }
        for (int64_t c = 0; c < channels; ++c)
            for (int one = 0; one < 2; ++one) {
                double sum = 0;
                for (int lane = 0; lane < kDoubleLanes; ++lane) sum += totals[c][one][lane];
                sums[2 * (first + c) + one] = sum;
            }
    }
}

inline Vec load_or(const float* p, int64_t count, float fill) {
    return count == kLanes ? load(p) : load_inside(p, 0, count, fill);
}

void channel_moments(const ChannelRuns& runs, const float* x, double* sums) {
    const int64_t ahead = fetch_ahead(runs);
    sum_channels(runs, sums, [&](int64_t, int64_t begin) {
        return sum_run(begin, runs.length, [=](DoubleSums& sum, int chain, int64_t at, int64_t count) {
            fetch_to_read(x + at + ahead);
            const Wide v = widen(load_or(x + at, count, 0.0f));
            sum.add(chain, v.low, v.low);
            sum.add(chain + 1, v.high, v.high);
        });
    });
}

// Lanes that do not count are filled with the centre, and deviate by 0.
void deviation_sums(const ChannelRuns& runs, const float* x, const float* centres, double* sums) {
    sum_channels(runs, sums, [&](int64_t c, int64_t begin) {
        const float centre = centres[c];
        const double middle = centre;
        return sum_run(begin, runs.length, [=](DoubleSums& sum, int chain, int64_t at, int64_t count) {
            const Wide v = widen(load_or(x + at, count, centre));
            const DoubleVec low = v.low - middle, high = v.high - middle;
            sum.add(chain, low, low);
            sum.add(chain + 1, high, high);
        });
    });
}

// The gradient that passes the limits.
inline Vec passed(Vec dy, Vec y, const Limits& limits) {
    const Vec below = y <= limits.lower ? Vec{} : dy;
    return y >= limits.upper ? Vec{} : below;
}

void product_sums(const ChannelRuns& runs, const float* dy, const float* y, const Limits& limits, const float* x,
                  const float* centres, double* sums) {
    const int64_t ahead = fetch_ahead(runs);
    // gradient(offset, lanes that count): lanes that do not count are 0.
    const auto sum = [&](auto gradient) {
        sum_channels(runs, sums, [&](int64_t c, int64_t begin) {
            const float centre = centres == nullptr ? 0.0f : centres[c];
            const double middle = centre;
            return sum_run(begin, runs.length, [=](DoubleSums& both, int chain, int64_t at, int64_t count) {
                fetch_to_read(dy + at + ahead);
                fetch_to_read(x + at + ahead);
                const Wide g = widen(gradient(at, count)), v = widen(load_or(x + at, count, centre));
                both.add(chain, g.low, v.low - middle);
                both.add(chain + 1, g.high, v.high - middle);
            });
        });
    };
    if (y == nullptr) {
        sum([=](int64_t at, int64_t count) { return load_or(dy + at, count, 0.0f); });
    } else {
        sum([=](int64_t at, int64_t count) {
            fetch_to_read(y + at + ahead);
            return passed(load_or(dy + at, count, 0.0f), load_or(y + at, count, 0.0f), limits);
        });
    }
}

// compute(offset, count) for vectors that cover a run. The last one may overlap the one before, and some numbers are then computed
// twice; it is partial in a run that is shorter than a vector.
template <class F>
inline void cover_run(int64_t begin, int64_t length, F compute) {
    int64_t i = 0;
    for (; i + kLanes <= length; i += kLanes) compute(begin + i, kLanes);
    if (i == length) return;
    if (length >= kLanes) {
        compute(begin + length - kLanes, kLanes);
    } else {
        compute(begin, length);
    }
}

// body(channel, its first element) for all channels, image by image.
template <class F>
inline void for_runs(const ChannelRuns& r, F body) {
    for (int64_t n = 0; n < r.images; ++n)
        for (int64_t c = 0; c < r.channels; ++c) body(c, c * r.step + n * r.pitch);
}

void normalise(const ChannelRuns& runs, const float* x, const AffineScalars* scalars, const float* residual,
               const Limits& limits, float* y) {
    const Limits l = limits;
    const int64_t ahead = fetch_ahead(runs);
    const auto limited = [l](Vec v) {
        const Vec above = v < l.lower ? broadcast(l.lower) : v;
        return above > l.upper ? broadcast(l.upper) : above;
    };
    // finish(value, offset, count) of what is scaled and shifted
    const auto map = [&](auto finish) {
        for_runs(runs, [&](int64_t c, int64_t begin) {
            const AffineScalars s = scalars[c];
            cover_run(begin, runs.length, [=](int64_t at, int64_t count) {
                fetch_to_write(y + at + ahead);
                const Vec v = (load_at_most(x + at, count) - s.mean) * s.scale + s.shift;
                store_at_most(y + at, finish(v, at, count), count);
            });
        });
    };
    if (residual != nullptr) {
        map([=](Vec v, int64_t at, int64_t count) {
            fetch_to_read(residual + at + ahead);
            return limited(v + load_at_most(residual + at, count));
        });
    } else if (l.lower == l.lower || l.upper == l.upper) {
        map([=](Vec v, int64_t, int64_t) { return limited(v); });
    } else {
        map([](Vec v, int64_t, int64_t) { return v; });
    }
}

void batch_norm_gradient(const ChannelRuns& runs, const float* dy, const float* y, const Limits& limits, const float* x,
                         const BatchNormScalars* scalars, float* dx, float* dresidual) {
    const int64_t ahead = fetch_ahead(runs);
    const auto map = [&](auto gradient) {
        for_runs(runs, [&](int64_t c, int64_t begin) {
            const BatchNormScalars s = scalars[c];
            cover_run(begin, runs.length, [=](int64_t at, int64_t count) {
                fetch_to_write(dx + at + ahead);
                const Vec g = gradient(at, count), deviation = load_at_most(x + at, count) - s.mean;
                if (dresidual != nullptr) store_at_most(dresidual + at, g, count);
                store_at_most(dx + at, g * s.scale - deviation * s.slope - s.offset, count);
            });
        });
    };
    const Limits l = limits;
    if (y == nullptr) {
        map([=](int64_t at, int64_t count) { return load_at_most(dy + at, count); });
    } else {
        map([=](int64_t at, int64_t count) { return passed(load_at_most(dy + at, count), load_at_most(y + at, count), l); });
    }
}

constexpr void fill_channel(KernelTable& table) {
    table.channel_moments = channel_moments;
    table.deviation_sums = deviation_sums;
    table.product_sums = product_sums;
    table.normalise = normalise;
    table.batch_norm_gradient = batch_norm_gradient;
}

}  // namespace
}  // namespace pycnn
