// Affine maps of the elements of channels, their sums, and the gradients of batch normalisation.
#pragma once

#include "cpu/isa/channel_sums.hpp"

namespace pycnn {
namespace {

inline Vec load_or(const float* p, int64_t count, float fill) {
    return count == kLanes ? load(p) : load_inside(p, 0, count, fill);
}

void channel_moments(const ChannelRuns& runs, const float* x, double* sums) {
    const int64_t ahead = fetch_ahead(runs);
    const auto none = [](int64_t, float*) {};
    sum_channels<0>(runs, sums, none, [=](DoubleSums& both, int chain, int64_t at, int64_t count, const Numbers<0>&) {
        fetch_to_read(x + at + ahead);
        const Wide v = widen(load_or(x + at, count, 0.0f));
        both.add(chain, v.low, v.low);
        both.add(chain + 1, v.high, v.high);
    });
}

// Lanes that do not count are filled with the centre, and deviate by 0.
void deviation_sums(const ChannelRuns& runs, const float* x, const float* centres, double* sums) {
    const auto centre_of = [=](int64_t c, float* centre) { *centre = centres[c]; };
    sum_channels<1>(runs, sums, centre_of,
                    [=](DoubleSums& both, int chain, int64_t at, int64_t count, const Numbers<1>& centre) {
                        const Wide v = widen(load_or(x + at, count, centre.lanes[0][0])), middle = widen(centre.lanes[0]);
                        const DoubleVec low = v.low - middle.low, high = v.high - middle.high;
                        both.add(chain, low, low);
                        both.add(chain + 1, high, high);
                    });
}

// The gradient that passes the limits.
inline Vec passed(Vec dy, Vec y, const Limits& limits) {
    const Vec below = y <= limits.lower ? Vec{} : dy;
    return y >= limits.upper ? Vec{} : below;
}

inline bool has_limits(const Limits& l) { return l.lower == l.lower || l.upper == l.upper; }

// What `normalise` computes before it adds and limits. Numbers 0 to 2 are those of AffineScalars.
template <int kCount>
inline Vec affine(Vec x, const Numbers<kCount>& n) {
    return (x - n.lanes[0]) * n.lanes[1] + n.lanes[2];
}
inline void take_affine(const AffineScalars& s, float* numbers) {
    numbers[0] = s.mean, numbers[1] = s.scale, numbers[2] = s.shift;
}

// body(gradient) with gradient(offset, lanes that count, x, the channel's numbers), which is 0 in lanes that do not count.
template <class F>
inline void with_gradient(const float* dy, const float* y, const Limits& limits, int64_t ahead, F body) {
    const Limits l = limits;
    if (!has_limits(l)) {
        body([=](int64_t at, int64_t count, Vec, const auto&) { return load_or(dy + at, count, 0.0f); });
    } else if (y == nullptr) {
        body([=](int64_t at, int64_t count, Vec x, const auto& numbers) {
            return passed(load_or(dy + at, count, 0.0f), affine(x, numbers), l);
        });
    } else {
        body([=](int64_t at, int64_t count, Vec, const auto&) {
            fetch_to_read(y + at + ahead);
            return passed(load_or(dy + at, count, 0.0f), load_or(y + at, count, 0.0f), l);
        });
    }
}

void product_sums(const ChannelRuns& runs, const float* dy, const float* y, const Limits& limits, const float* x,
                  const AffineScalars* scalars, double* sums) {
    const int64_t ahead = fetch_ahead(runs);
    const auto numbers_of = [=](int64_t c, float* numbers) { take_affine(scalars[c], numbers); };
    with_gradient(dy, y, limits, ahead, [&](auto gradient) {
        sum_channels<3>(
            runs, sums, numbers_of, [=](DoubleSums& both, int chain, int64_t at, int64_t count, const Numbers<3>& numbers) {
                fetch_to_read(dy + at + ahead);
                fetch_to_read(x + at + ahead);
                const Vec value = load_or(x + at, count, numbers.lanes[0][0]);
                const Wide g = widen(gradient(at, count, value, numbers)), v = widen(value), middle = widen(numbers.lanes[0]);
                both.add(chain, g.low, v.low - middle.low);
                both.add(chain + 1, g.high, v.high - middle.high);
            });
    });
}

void normalise(const ChannelRuns& runs, const float* x, const AffineScalars* scalars, const float* residual,
               const Limits& limits, float* y) {
    const Limits l = limits;
    const int64_t ahead = fetch_ahead(runs);
    const auto limited = [l](Vec v) {
        const Vec above = v < l.lower ? broadcast(l.lower) : v;
        return above > l.upper ? broadcast(l.upper) : above;
    };
    const auto numbers_of = [=](int64_t c, float* numbers) { take_affine(scalars[c], numbers); };
    // finish(value, offset, count) of what is scaled and shifted
    const auto map = [&](auto finish) {
        map_channels<3>(runs, numbers_of, [=](int64_t at, int64_t count, const Numbers<3>& numbers) {
            fetch_to_write(y + at + ahead);
            store_at_most(y + at, finish(affine(load_at_most(x + at, count), numbers), at, count), count);
        });
    };
    if (residual != nullptr) {
        map([=](Vec v, int64_t at, int64_t count) {
            fetch_to_read(residual + at + ahead);
            return limited(v + load_at_most(residual + at, count));
        });
    } else if (has_limits(l)) {
        map([=](Vec v, int64_t, int64_t) { return limited(v); });
    } else {
        map([](Vec v, int64_t, int64_t) { return v; });
    }
}

void batch_norm_gradient(const ChannelRuns& runs, const float* dy, const float* y, const Limits& limits, const float* x,
                         const AffineScalars* scalars, const BatchNormScalars* slopes, float* dx, float* dresidual) {
    const int64_t ahead = fetch_ahead(runs);
    const auto numbers_of = [=](int64_t c, float* numbers) {
        take_affine(scalars[c], numbers);
        numbers[3] = slopes[c].scale, numbers[4] = slopes[c].slope, numbers[5] = slopes[c].offset;
    };
    with_gradient(dy, y, limits, ahead, [&](auto gradient) {
        map_channels<6>(runs, numbers_of, [=](int64_t at, int64_t count, const Numbers<6>& numbers) {
            fetch_to_write(dx + at + ahead);
            const Vec value = load_at_most(x + at, count), g = gradient(at, count, value, numbers);
            const Vec* of = numbers.lanes;
            if (dresidual != nullptr) store_at_most(dresidual + at, g, count);
            // One product is added and one subtracted at a time: where the compiler contracts two into one, it has no choice between
            // two, and all variants have the same bits.
            const Vec rest = (value - of[0]) * of[4] + of[5];
            store_at_most(dx + at, g * of[3] - rest, count);
        });
    });
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
