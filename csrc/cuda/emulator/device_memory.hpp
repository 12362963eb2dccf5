// The memory of the emulated device: how much there is, and what of it may be touched.
#pragma once

#include <cstddef>

#include "cuda/emulator/cuda_emulated.hpp"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace pycnn::host {

void set_device_bytes(size_t bytes);  // in all: 4 GiB to begin with

// For AddressSanitizer, which by itself would miss steps into the rounded end of a block, uses of a block that has gone back to the
// pool, and shared memory that the kernel has not asked for. Other builds do nothing.
inline void allow_access([[maybe_unused]] void* memory, [[maybe_unused]] size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
    __asan_unpoison_memory_region(memory, bytes);
#endif
}

inline void forbid_access([[maybe_unused]] void* memory, [[maybe_unused]] size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
    __asan_poison_memory_region(memory, bytes);
#endif
}

// Where a stream begins to use a block for an array of so many bytes: it is full of NaN, also one that is used again, so that reads
// of what nobody has written show. And where it has done with it.
void begin_use(cudaStream_t stream, void* block, size_t bytes, size_t block_bytes);
void end_use(cudaStream_t stream, void* block, size_t block_bytes);

}  // namespace pycnn::host
