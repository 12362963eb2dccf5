// The whole gradient of a table of rows, for steps that are recorded: the next batch has another number of different words.
#pragma once

#include "ops/embedding.hpp"

namespace pycnn {

// gradient[row] = sum of dy[position] over the positions of the row's group, in their order; 0 for the other ones of the V rows.
void table_gradient(const RowGroups& groups, int64_t V, int64_t D, const float* dy, float* gradient);

}  // namespace pycnn
