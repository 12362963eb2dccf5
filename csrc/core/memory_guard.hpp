// For tests of what works in the pool's memory (core/memory).
#pragma once

#include <cstdint>

namespace pycnn {

// While it is on, a block is handed out full of NaN, with a guard behind the bytes that were asked for: what nobody has written, or is
// read beyond the end of a block, then reaches the results.
void pool_poison(bool on) noexcept;

// Blocks that came back with something written into their guard.
int64_t pool_damaged_blocks() noexcept;

}  // namespace pycnn
