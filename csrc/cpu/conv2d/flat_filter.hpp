// Makes a FlatFilter (cpu/kernel_table.hpp) of taps.
#pragma once

#include <cstdint>
#include <vector>

#include "cpu/kernel_table.hpp"

namespace pycnn {

// Tap w[index] of output i is the element offset + i, `shift` columns behind the output's own.
struct FlatTap {
    int64_t index, offset, shift;
};

// The taps must make one of the kinds.
class FlatTaps {
public:
    FlatTaps(std::vector<FlatTap> taps, int64_t pitch, int lanes);
    FlatFilter filter() const {
        return {kind_, indices_.data(), offsets_.data(), masks_.data(), pitch_ + lanes_, pitch_, lanes_ % pitch_};
    }

private:
    void append(const std::vector<FlatTap>& taps);

    int64_t pitch_, lanes_;
    FlatKind kind_;
    std::vector<int64_t> indices_, offsets_;
    std::vector<int32_t> masks_;
};

// Where the taps of one axis are: output p of tap t meets element p + shifts[t] of the copy of phase phases[t].
struct FlatAxis {
    std::vector<int64_t> phases, shifts;
    int64_t first = 0, last = 0;  // shifts, from the smallest to the largest

    FlatAxis(int64_t taps, int64_t stride, int64_t dilation, int64_t pad);
};

// Rows of outputs computed at a time from copies of `line` floats a row, `extent` of which are the filter's: the copies fit half of
// L1 (16 KiB), but of them no more than a quarter is copied twice, as long as they fit half of L2.
int64_t flat_band_rows(int64_t rows, int64_t line, int64_t extent);

}  // namespace pycnn
