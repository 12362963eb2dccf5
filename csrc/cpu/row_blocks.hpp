// Cuts rows of class scores into blocks: each is one call of a kernel, and one task.
#pragma once

#include <algorithm>
#include <cstdint>

namespace pycnn {

// An exponential costs about twenty multiply-adds.
constexpr double kExponentialWork = 20;

constexpr int64_t kMostRows = 64;

// About 8 K numbers, 32 KiB.
inline int64_t block_of_rows(int64_t C) { return std::clamp<int64_t>(8192 / C, 1, kMostRows); }

}  // namespace pycnn
