// Sums of scattered rows of a matrix.
#pragma once

#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

// Four vectors of sums stay in registers while the rows go past.
void sum_rows(int64_t count, const int64_t* positions, int64_t pitch, const float* source, int64_t width, float* target) {
    int64_t j = 0;
    for (; j + 4 * kLanes <= width; j += 4 * kLanes) {
        Vec total[4] = {};
        for (int64_t i = 0; i < count; ++i) {
            const float* row = source + positions[i] * pitch + j;
            for (int v = 0; v < 4; ++v) total[v] += load(row + v * kLanes);
        }
        for (int v = 0; v < 4; ++v) store(target + j + v * kLanes, total[v]);
    }
    for (; j + kLanes <= width; j += kLanes) {
        Vec total = {};
        for (int64_t i = 0; i < count; ++i) total += load(source + positions[i] * pitch + j);
        store(target + j, total);
    }
    if (j < width) {
        Vec total = {};
        for (int64_t i = 0; i < count; ++i) total += load_first(source + positions[i] * pitch + j, width - j);
        store_first(target + j, total, width - j);
    }
}

}  // namespace
}  // namespace pycnn
