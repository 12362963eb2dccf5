#include "cpu/conv2d/weight_slices.hpp"

#include <algorithm>

#include "core/parallel.hpp"

namespace pycnn {

int64_t WeightSlices::most(const ConvShape& s) {
    constexpr int64_t kFloats = 8 << 20;
    return std::max<int64_t>(kFloats / s.weights(), 1);
}

WeightSlices::WeightSlices(const ConvShape& s, int64_t count, float* dw, float* db)
    : count_(count),
      weights_(s.weights()),
      filters_(s.K),
      dw_(dw),
      db_(db),
      copies_((count - 1) * weights_),
      biases_(count * filters_) {
    std::fill_n(biases_.data(), count * filters_, LongSum{});
}

void WeightSlices::clear() const {
    std::fill_n(dw_, weights_, 0.0f);
    std::fill_n(copies_.data(), (count_ - 1) * weights_, 0.0f);
}

void WeightSlices::add_up() const {
    parallel_ranges(weights_, 16384, static_cast<double>(count_ - 1), [&](int64_t begin, int64_t end) {
        for (int64_t slice = 1; slice < count_; ++slice) {
            const float* source = dw(slice);
            for (int64_t i = begin; i < end; ++i) dw_[i] += source[i];
        }
    });
    for (int64_t k = 0; k < filters_; ++k) {
        db_[k] = db(0)[k].value();
        for (int64_t slice = 1; slice < count_; ++slice) db_[k] += db(slice)[k].value();
    }
}

}  // namespace pycnn
