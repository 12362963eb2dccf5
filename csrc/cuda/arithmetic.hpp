// Arithmetic of layers on whole arrays, for which the CPU side uses NumPy.
#pragma once

#include <cstdint>

namespace pycnn::cuda {

void add(int64_t count, const float* a, const float* b, float* sum);  // sum may be a or b

double sum_of_squares(int64_t count, const float* x);  // waits for the device
void scale(int64_t count, float factor, float* x);     // in place

// table[rows[i] * width + j] = values[i * width + j]. No row number occurs twice. Numbers outside of [0, table_rows) are
// skipped.
void put_rows(int64_t count, int64_t width, int64_t table_rows, const int64_t* rows, const float* values, float* table);

}  // namespace pycnn::cuda
