// Sums of scattered rows of a matrix.
#pragma once

#include "cpu/isa/block_sums.hpp"
#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

// Four vectors of sums stay in registers while the rows pass.
void sum_rows(int64_t count, const int64_t* positions, int64_t pitch, const float* source, int64_t width, float* target) {
    int64_t j = 0;
    for (; j + 4 * kLanes <= width; j += 4 * kLanes) {
        Vec total[4];
        sum_in_blocks(count, total, [&](int64_t i, Vec(&sum)[4]) {
            const float* row = source + positions[i] * pitch + j;
            for (int v = 0; v < 4; ++v) sum[v] += load(row + v * kLanes);
        });
        for (int v = 0; v < 4; ++v) store(target + j + v * kLanes, total[v]);
    }
    for (; j + kLanes <= width; j += kLanes) {
        Vec total[1];
        sum_in_blocks(count, total, [&](int64_t i, Vec(&sum)[1]) { sum[0] += load(source + positions[i] * pitch + j); });
        store(target + j, total[0]);
    }
    if (j < width) {
        Vec total[1];
        sum_in_blocks(count, total,
                      [&](int64_t i, Vec(&sum)[1]) { sum[0] += load_first(source + positions[i] * pitch + j, width - j); });
        store_first(target + j, total[0], width - j);
    }
}

constexpr void fill_rows(KernelTable& table) { table.sum_rows = sum_rows; }

}  // namespace
}  // namespace pycnn
