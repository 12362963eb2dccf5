// Rows of a table by number, (V, D)[index] -> (count, D), and the gradient of the table: a sum for each row that was used.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/shape.hpp"

namespace pycnn {

// ValueError for a negative number, or one that V rows do not have; the text says where in the array of numbers it is.
void check_row_numbers(const char* op, const Shape& shape, const int64_t* index, std::optional<int64_t> V);

// y[i] = table[index[i]]; the numbers are checked.
void embedding(int64_t count, int64_t D, const float* table, const int64_t* index, float* y);

// The positions of `index`, grouped by the number there: group g is positions[starts[g]] .. positions[starts[g + 1] - 1],
// ascending; the numbers of the groups are `rows`, ascending.
struct RowGroups {
    std::vector<int64_t> positions, starts, rows;
};

// Leaves out the positions with the number `skipped`. The numbers are not negative.
RowGroups group_rows(int64_t count, const int64_t* index, int64_t skipped);

// values[g] = sum of dy[position] over the positions of group g, in their order.
void embedding_backward(const RowGroups& groups, int64_t D, const float* dy, float* values);

}  // namespace pycnn
