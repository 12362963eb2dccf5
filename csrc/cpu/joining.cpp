#include "cpu/joining.hpp"

#include <algorithm>
#include <cstring>

#include "core/parallel.hpp"

namespace pycnn {
namespace {

// 64 KiB of copied floats per task.
constexpr int64_t kFloatsPerTask = 16384;

// Calls copy(part's row, whole's row, floats) for each row of each part.
template <class Part, class Whole, class F>
void for_rows(int64_t rows, const std::vector<Part>& parts, Whole* whole, F copy) {
    int64_t length = 0;
    for (const Part& part : parts) length += part.length;
    if (length == 0) return;
    parallel_ranges(rows, std::max<int64_t>(kFloatsPerTask / length, 1), static_cast<double>(length),
                    [&](int64_t begin, int64_t end) {
                        for (int64_t row = begin; row < end; ++row) {
                            Whole* place = whole + row * length;
                            for (const Part& part : parts) {
                                copy(part.data + row * part.length, place, part.length * sizeof(float));
                                place += part.length;
                            }
                        }
                    });
}

}  // namespace

void join_rows(int64_t rows, const std::vector<RowsOf<const float>>& parts, float* whole) {
    for_rows(rows, parts, whole, [](const float* part, float* place, size_t bytes) { std::memcpy(place, part, bytes); });
}

void split_rows(int64_t rows, const float* whole, const std::vector<RowsOf<float>>& parts) {
    for_rows(rows, parts, whole, [](float* part, const float* place, size_t bytes) { std::memcpy(part, place, bytes); });
}

}  // namespace pycnn
