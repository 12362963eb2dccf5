// Sums of products over a batch, of any length, for the gradients of weights. A lane adds up a run of at most kProductRun products; at
// most kRunsInFloat sums of runs are added in float, and their sums in double. With the 16 slices of a batch and the sum over lanes a
// result is off by 1,900 u at most, below 2^-13. In networks of usual sizes a sum is one run, or a few, and costs no more.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/memory.hpp"

namespace pycnn {

// LeNet-5's first convolution makes one run of the 28 x 28 pixels of two images.
constexpr int64_t kProductRun = 1600;
constexpr int64_t kRunsInFloat = 256;

// `rows` x `columns` floats, `pitch` apart, to which others are added. `totals` has room for as many doubles without gaps, or is null
// if there are at most `limit` additions: then nothing is done.
class LongSums {
public:
    LongSums(float* sums, int64_t rows, int64_t columns, int64_t pitch, double* totals, int64_t limit = kRunsInFloat)
        : sums_(sums), rows_(rows), columns_(columns), pitch_(pitch), totals_(totals), limit_(limit) {}

    // Call this before each batch of at most `limit` additions, with their number.
    void expect(int64_t additions = 1) {
        if (totals_ == nullptr) return;
        if (count_ + additions > limit_) {
            move_up();
            for_each_row([this](float* sums, double*) { std::fill_n(sums, columns_, 0.0f); });
            count_ = 0;
        }
        count_ += additions;
    }

    // Writes the sums of all additions to the floats.
    void finish() {
        if (!moved_) return;
        move_up();
        for_each_row([this](float* sums, double* totals) {
            for (int64_t j = 0; j < columns_; ++j) sums[j] = static_cast<float>(totals[j]);
        });
    }

private:
    template <class F>
    void for_each_row(F&& use) {
        for (int64_t i = 0; i < rows_; ++i) use(sums_ + i * pitch_, totals_ + i * columns_);
    }

    void move_up() {
        if (!moved_) std::fill_n(totals_, rows_ * columns_, 0.0);
        moved_ = true;
        for_each_row([this](float* sums, double* totals) {
            for (int64_t j = 0; j < columns_; ++j) totals[j] += sums[j];
        });
    }

    float* sums_;
    int64_t rows_, columns_, pitch_;
    double* totals_;
    int64_t limit_, count_ = 0;
    bool moved_ = false;
};

// The doubles of LongSums for each thread of a team if there are more additions than the limit; otherwise none.
class LongSumAreas {
public:
    LongSumAreas(int64_t additions, int64_t size, int team, int64_t limit = kRunsInFloat)
        : size_(additions > limit ? size : 0), totals_(size_ * team) {}

    double* of(int thread) const { return size_ == 0 ? nullptr : totals_.data() + size_ * thread; }

private:
    int64_t size_;
    Workspace<double> totals_;
};

}  // namespace pycnn
