// Row numbers, handled on the host for the CPU and for CUDA: grouping equal ones, and reporting wrong ones.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/shape.hpp"

namespace pycnn {

// Positions in an array of numbers, grouped by the number found there: group g is positions[starts[g]] .. positions[starts[g + 1] - 1],
// ascending; `rows` holds the numbers of the groups, ascending.
struct RowGroups {
    std::vector<int64_t> positions, starts, rows;
};

// Leaves out the positions with the number `skipped`. The numbers are not negative.
RowGroups sorted_groups(int64_t count, const int64_t* index, int64_t skipped);

// ValueError for a number that is negative, or too large for V rows; the message says where it is in the array of numbers.
[[noreturn]] void fail_row_number(const char* op, const Shape& shape, int64_t position, int64_t number,
                                  std::optional<int64_t> V);

}  // namespace pycnn
