// Sums over channels in double precision, two at a time, and how lanes go through a channel or through several.
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

// Numbers of a channel in all lanes, or of the channel of each lane.
template <int kCount>
struct Numbers {
    Vec lanes[kCount > 0 ? kCount : 1] = {};
};

// Short runs of channels that lie side by side are one run: its positions are those of the first channel, then those of the second...
inline bool is_short(const ChannelRuns& r) { return 0 < r.length && r.length < ChannelRuns::kShort && r.step == r.length; }

// Some channels of short runs, with the numbers of each position's channel.
template <int kCount>
class ShortRuns {
public:
    // Positions: 4 KiB in a row of each array. The six numbers of a gradient then take 24 KiB, and two sums in double 16.
    static constexpr int64_t kMost = 1024;

    // numbers_of(c, numbers) for at most `channels` channels from `first` on.
    template <class F>
    ShortRuns(const ChannelRuns& r, int64_t first, F&& numbers_of) : begin(first * r.length) {
        const int64_t most = kMost / r.length;
        channels = r.channels - first < most ? r.channels - first : most;
        positions = channels * r.length;
        for (int64_t c = 0; kCount > 0 && c < channels; ++c) {
            float numbers[kCount > 0 ? kCount : 1];
            numbers_of(first + c, numbers);
            for (int one = 0; one < kCount; ++one)  // what is written beyond a channel, the next one overwrites
                for (int64_t i = 0; i < r.length; i += kLanes) store(rows_[one] + c * r.length + i, broadcast(numbers[one]));
        }
    }
    Numbers<kCount> at(int64_t position) const {
        Numbers<kCount> numbers;
        for (int one = 0; one < kCount; ++one) numbers.lanes[one] = load(rows_[one] + position);
        return numbers;
    }

    const int64_t begin;  // its offset in an image
    int64_t channels, positions;

private:
    float rows_[kCount > 0 ? kCount : 1][kMost + kLanes];
};

template <int kCount, class F>
inline Numbers<kCount> numbers_of_channel(int64_t c, F&& numbers_of) {
    float numbers[kCount > 0 ? kCount : 1] = {};
    Numbers<kCount> all;
    if (kCount > 0) numbers_of(c, numbers);
    for (int one = 0; one < kCount; ++one) all.lanes[one] = broadcast(numbers[one]);
    return all;
}

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

// The two sums of each channel of short runs: of each position over the images, then over the positions of a channel.
template <int kCount, class NumbersOf, class F>
inline void sum_short_channels(const ChannelRuns& r, double* sums, NumbersOf numbers_of, F add) {
    using Runs = ShortRuns<kCount>;
    for (int64_t c = 0; c < r.channels;) {
        const Runs runs(r, c, numbers_of);
        DoubleVec lanes[Runs::kMost / kDoubleLanes + 2][2] = {};
        for (int64_t n = 0; n < r.images; ++n)
            for (int64_t i = 0; i < runs.positions; i += kLanes) {
                DoubleVec(*const of)[2] = lanes + i / kDoubleLanes;
                DoubleSums both;
                both.first[0] = of[0][0], both.second[0] = of[0][1], both.first[1] = of[1][0], both.second[1] = of[1][1];
                const int64_t left = runs.positions - i, at = runs.begin + i + n * r.pitch;
                if (left >= kLanes) {
                    add(both, 0, at, kLanes, runs.at(i));
                } else {
                    add(both, 0, at, left, runs.at(i));
                }
                of[0][0] = both.first[0], of[0][1] = both.second[0], of[1][0] = both.first[1], of[1][1] = both.second[1];
            }
        for (int64_t i = 0; i < runs.channels; ++i) {
            double total[2] = {};
            for (int64_t j = i * r.length; j < (i + 1) * r.length; ++j)
                for (int one = 0; one < 2; ++one) total[one] += lanes[j / kDoubleLanes][one][j % kDoubleLanes];
            sums[2 * (c + i)] = total[0];
            sums[2 * (c + i) + 1] = total[1];
        }
        c += runs.channels;
    }
}

// sums[2 c], sums[2 c + 1] = the two sums of channel c, from add(DoubleSums, first chain, offset of a vector, lanes that count, the
// channel's numbers), image by image: neighbouring channels lie side by side in memory. The lanes are added to each other once.
template <int kCount, class NumbersOf, class F>
inline void sum_channels(const ChannelRuns& r, double* sums, NumbersOf numbers_of, F add) {
    if (is_short(r)) return sum_short_channels<kCount>(r, sums, numbers_of, add);
    constexpr int64_t kBlock = 32;  // channels, whose lanes of sums stay in the cache: 4 KiB of vectors of 8 doubles
    for (int64_t first = 0; first < r.channels; first += kBlock) {
        const int64_t channels = r.channels - first < kBlock ? r.channels - first : kBlock;
        DoubleVec totals[kBlock][2];
        for (int64_t c = 0; c < channels; ++c) totals[c][0] = totals[c][1] = DoubleVec{};
        for (int64_t n = 0; n < r.images; ++n)
            for (int64_t c = 0; c < channels; ++c) {
                const Numbers<kCount> numbers = numbers_of_channel<kCount>(first + c, numbers_of);
                const DoubleSums run = sum_run(
                    (first + c) * r.step + n * r.pitch, r.length,
                    [&](DoubleSums& both, int chain, int64_t at, int64_t count) { add(both, chain, at, count, numbers); });
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

// compute(offset of a vector, lanes that count, the numbers of its channel or channels) for all channels, image by image.
template <int kCount, class NumbersOf, class F>
inline void map_channels(const ChannelRuns& r, NumbersOf numbers_of, F compute) {
    if (is_short(r)) {
        for (int64_t c = 0; c < r.channels;) {
            const ShortRuns<kCount> runs(r, c, numbers_of);
            for (int64_t n = 0; n < r.images; ++n) {
                const int64_t begin = runs.begin + n * r.pitch;
                int64_t i = 0;
                for (; i + kLanes <= runs.positions; i += kLanes) compute(begin + i, kLanes, runs.at(i));
                if (i < runs.positions) compute(begin + i, runs.positions - i, runs.at(i));
            }
            c += runs.channels;
        }
        return;
    }
    for (int64_t n = 0; n < r.images; ++n)
        for (int64_t c = 0; c < r.channels; ++c) {
            const Numbers<kCount> numbers = numbers_of_channel<kCount>(c, numbers_of);
            cover_run(c * r.step + n * r.pitch, r.length, [&](int64_t at, int64_t count) { compute(at, count, numbers); });
        }
}

}  // namespace
}  // namespace pycnn
