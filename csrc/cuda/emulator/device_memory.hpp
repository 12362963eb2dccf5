// The memory of the emulated device: how much there is, and which parts of it may be accessed.
#pragma once

#include <cstddef>

#include "cuda/emulator/cuda_emulated.hpp"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace pycnn::emulator {

void set_device_bytes(size_t bytes);  // of the whole device, 4 GiB by default

// For AddressSanitizer. By itself it would miss accesses to the rounded end of a block, uses of a block that is back in the
// pool, and shared memory that the kernel has not requested. Other builds do nothing.
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

// Called when a stream starts (ends) using a block, for an array of `bytes`. The block is filled with NaN each time, so that
// reads of uninitialised memory show.
void begin_use(cudaStream_t stream, void* block, size_t bytes, size_t block_bytes);
void end_use(cudaStream_t stream, void* block, size_t block_bytes);

}  // namespace pycnn::emulator
