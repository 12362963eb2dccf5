#include "cpu/pixel_rows.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/parallel.hpp"
#include "cpu/dispatch.hpp"

namespace pycnn {
namespace {

constexpr int64_t kBytes = 256;

// What a pixel costs in multiply-adds, of which a core with AVX2 does 16 a cycle: from a table a load, a store and the way to its
// address; in lanes a quarter of that.
constexpr double kTableWork = 16, kLineWork = 4;
constexpr int64_t kPixelsPerTask = 8192;

void look_up(int64_t count, const uint8_t* x, const float* table, float* y) {
    for (int64_t i = 0; i < count; ++i) y[i] = table[x[i]];
}

// Whether the kernel gives the numbers of the table, to the bit: it is asked for all of them.
bool is_line(const KernelTable& kernel, const float* table, const double* line) {
    uint8_t bytes[kBytes];
    float values[kBytes];
    for (int64_t b = 0; b < kBytes; ++b) bytes[b] = static_cast<uint8_t>(b);
    return kernel.affine_bytes(kBytes, bytes, line[0], line[1], values) == kBytes &&
           std::memcmp(values, table, sizeof(values)) == 0;
}

}  // namespace

void pixel_rows(int64_t C, int64_t P, const uint8_t* x, const PixelValues& values, int64_t count, const int64_t* index,
                float* y) {
    if (C * P == 0) return;
    const KernelTable& kernel = kernels();
    std::vector<char> lines(values.channels);
    for (int64_t c = 0; c < values.channels; ++c) lines[c] = is_line(kernel, values.tables + c * kBytes, values.lines + c * 2);
    const double work = (lines[0] ? kLineWork : kTableWork) * static_cast<double>(C * P);
    parallel_ranges(count, std::max<int64_t>(kPixelsPerTask / (C * P), 1), work, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
            for (int64_t c = 0; c < C; ++c) {
                const int64_t channel = values.channels == 1 ? 0 : c;
                const uint8_t* from = x + (index[i] * C + c) * P;
                float* to = y + (i * C + c) * P;
                const double* line = values.lines + channel * 2;
                const int64_t done = lines[channel] ? kernel.affine_bytes(P, from, line[0], line[1], to) : 0;
                look_up(P - done, from + done, values.tables + channel * kBytes, to + done);
            }
    });
}

}  // namespace pycnn
