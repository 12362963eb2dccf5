// For tests of code that works in the pool's memory (core/memory).
#pragma once

#include <cstdint>

namespace pycnn {

// While it is on, blocks are handed out full of NaN, with a guard after the bytes that were asked for: unwritten elements, and reads
// past the end of a block, then show in the results.
void pool_poison(bool on) noexcept;

// The number of blocks that came back with a damaged guard.
int64_t pool_damaged_blocks() noexcept;

}  // namespace pycnn
