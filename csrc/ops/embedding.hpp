// Rows of a table by number, (V, D)[index] -> (count, D), and the gradient of the table: a sum for each row that was used.
#pragma once

#include <cstdint>
#include <optional>

#include "core/row_groups.hpp"

namespace pycnn {

// ValueError for a negative number, or one that V rows do not have.
void check_row_numbers(const char* op, const Shape& shape, const int64_t* index, std::optional<int64_t> V);

// y[i] = table[index[i]]; the numbers are checked.
void embedding(int64_t count, int64_t D, const float* table, const int64_t* index, float* y);

// The positions of `index` in groups, without those with the number `skipped`. The numbers are not negative.
RowGroups group_rows(int64_t count, const int64_t* index, int64_t skipped);

// numbers[g] = groups.rows[g], and values[g] = sum of dy[position] over the positions of group g, in their order.
void embedding_backward(const RowGroups& groups, int64_t D, const float* dy, int64_t* numbers, float* values);

}  // namespace pycnn
