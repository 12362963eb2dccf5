#include "ops/dropout.hpp"

#include <algorithm>
#include <cmath>

#include "cpu/chunks.hpp"
#include "cpu/dispatch.hpp"

namespace pycnn {
namespace {

constexpr double kPhiloxWork = 20;  // a random number costs about twenty multiply-adds
static_assert(kChunk % 4 == 0);     // chunks begin with a block

// For a p within 2^-33 of 1 the threshold would be 2^32, which no random number reaches.
uint32_t threshold_of(double p) { return static_cast<uint32_t>(std::min(std::nearbyint(p * 0x1p32), 0x1p32 - 1)); }

float scale_of(double p) { return static_cast<float>(1 / (1 - p)); }

}  // namespace

void dropout(int64_t count, uint64_t first_block, double p, uint64_t seed, const float* x, float* y, uint8_t* kept) {
    const KernelTable& table = kernels();
    const DropoutScalars scalars{seed, threshold_of(p), scale_of(p)};
    const auto chunk = [&](int64_t i, int64_t n) {
        table.dropout(n, first_block + static_cast<uint64_t>(i / 4), scalars, x + i, y + i, kept + i);
    };
    for_chunks(count, chunk, kPhiloxWork);
}

void dropout_backward(int64_t count, double p, const float* dy, const uint8_t* kept, float* dx) {
    const KernelTable& table = kernels();
    for_chunks(count, [&](int64_t i, int64_t n) { table.dropout_backward(n, scale_of(p), dy + i, kept + i, dx + i); });
}

}  // namespace pycnn
