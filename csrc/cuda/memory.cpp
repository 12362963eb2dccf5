#include "cuda/memory.hpp"

#include <atomic>

#include "core/error.hpp"
#if defined(PYCNN_CUDA_EMULATED)
#include "cuda/emulator/device_memory.hpp"
#endif

namespace pycnn::cuda {
namespace {

// Blocks are whole multiples of this, so that arrays of nearly the same size share them.
constexpr size_t kGranule = 512;

std::atomic<size_t> used{0}, most_used{0};

cudaError_t allocate(void** data, size_t bytes) {
    const cudaError_t error = cudaMalloc(data, bytes);
    if (error != cudaSuccess) cudaGetLastError();
    return error;
}

}  // namespace

MemoryStats memory_stats() { return {used, cached_bytes(), most_used}; }

Memory::Memory(size_t bytes) : stream_(Stream::current()), bytes_((bytes > 0 ? (bytes - 1) / kGranule + 1 : 1) * kGranule) {
    data_ = stream_->take(bytes_);
    if (!data_ && allocate(&data_, bytes_) != cudaSuccess) {
        // Once more, with the free blocks of all pools. That waits for the device, which a capture does not allow.
        if (stream_->phase != Phase::capturing) trim();
        if (stream_->phase == Phase::capturing || allocate(&data_, bytes_) != cudaSuccess) {
            size_t free = 0, total = 0;
            cudaMemGetInfo(&free, &total);
            throw OutOfMemory(text("cudaMalloc: ", bytes, " bytes of device memory asked for, ", free, " of ", total, " free"));
        }
    }
#if defined(PYCNN_CUDA_EMULATED)
    emulator::begin_use(stream_->handle(), data_, bytes, bytes_);
#endif
    const size_t now = used += bytes_;
    for (size_t most = most_used; most < now && !most_used.compare_exchange_weak(most, now);) {
    }
}

Memory::~Memory() {
    used -= bytes_;
    const auto& here = Stream::current();
    if (here != stream_ && here->phase == Phase::capturing) {
        here->held_back.push_back({stream_, bytes_, data_});
        return;
    }
    stream_->give_back(bytes_, data_, *here);
}

PinnedMemory::PinnedMemory(size_t bytes) {
    const cudaError_t error = cudaMallocHost(&data_, bytes > 0 ? bytes : 1);
    if (error == cudaErrorMemoryAllocation) {
        cudaGetLastError();
        throw OutOfMemory(text("cudaMallocHost: ", bytes, " bytes of page-locked memory asked for, which are not available"));
    }
    check(error, "cudaMallocHost", text(bytes, " bytes"));
}

// Errors are ignored: at the end of the process the runtime may be gone.
PinnedMemory::~PinnedMemory() {
    cudaFreeHost(data_);
    cudaGetLastError();
}

}  // namespace pycnn::cuda
