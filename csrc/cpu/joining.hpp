// Arrays side by side in a larger one, such as the channels of several branches: rows are copied as they are.
#pragma once

#include <cstdint>
#include <vector>

namespace pycnn {

// Rows of `length` floats. Those of the whole hold one row of each part, in order.
template <class T>
struct RowsOf {
    T* data;
    int64_t length;
};

void join_rows(int64_t rows, const std::vector<RowsOf<const float>>& parts, float* whole);
void split_rows(int64_t rows, const float* whole, const std::vector<RowsOf<float>>& parts);

}  // namespace pycnn
