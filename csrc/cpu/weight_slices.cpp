#include "cpu/weight_slices.hpp"

#include <algorithm>

#include "core/parallel.hpp"

namespace pycnn {

int64_t WeightSlices::most(const ConvShape& s) {
    constexpr int64_t kFloats = 8 << 20;
    return std::max<int64_t>(kFloats / s.weights(), 1);
}

WeightSlices::WeightSlices(const ConvShape& s, int64_t count, float* dw, float* db)
    : count_(count), weights_(s.weights()), filters_(s.K), dw_(dw), db_(db), copies_((count - 1) * (weights_ + filters_)) {}

void WeightSlices::clear() const { std::fill_n(copies_.data(), (count_ - 1) * (weights_ + filters_), 0.0f); }

void WeightSlices::add_up() const {
    parallel_ranges(weights_ + filters_, 16384, static_cast<double>(count_ - 1), [&](int64_t begin, int64_t end) {
        for (int64_t slice = 1; slice < count_; ++slice) {
            const float* source = dw(slice);
            for (int64_t i = begin; i < end; ++i) (i < weights_ ? dw_[i] : db_[i - weights_]) += source[i];
        }
    });
}

}  // namespace pycnn
