// The functions of the CUDA runtime, on the CPU's memory. New memory is filled with NaN, so that reads of uninitialised memory
// show.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <unordered_map>

#include "cuda/emulator/device_memory.hpp"
#include "cuda/emulator/queue.hpp"

using pycnn::emulator::enqueue;

namespace {

// The allocated blocks, and the size of the device: an allocation beyond it fails.
struct Device {
    std::mutex mutex;
    std::unordered_map<void*, size_t> blocks;
    size_t used = 0, total = size_t{4} << 30;

    size_t free() const { return total - (used < total ? used : total); }
};

// Never destroyed: at the end of the process, arrays may outlive everything else.
Device& device() {
    static Device* const d = new Device;
    return *d;
}

}  // namespace

void pycnn::emulator::set_device_bytes(size_t bytes) {
    const std::lock_guard lock(device().mutex);
    device().total = bytes;
}

void pycnn::emulator::begin_use(cudaStream_t stream, void* block, size_t bytes, size_t block_bytes) {
    enqueue(stream, [=] {
        allow_access(block, block_bytes);
        std::memset(block, 0xff, block_bytes);
        forbid_access(static_cast<char*>(block) + bytes, block_bytes - bytes);
        return cudaSuccess;
    });
}

void pycnn::emulator::end_use(cudaStream_t stream, void* block, size_t block_bytes) {
    enqueue(stream, [=] {
        forbid_access(block, block_bytes);
        return cudaSuccess;
    });
}

const char* cudaGetErrorName(cudaError_t error) {
    switch (error) {
        case cudaSuccess:
            return "cudaSuccess";
        case cudaErrorInvalidValue:
            return "cudaErrorInvalidValue";
        case cudaErrorMemoryAllocation:
            return "cudaErrorMemoryAllocation";
        case cudaErrorInvalidConfiguration:
            return "cudaErrorInvalidConfiguration";
        case cudaErrorNoDevice:
            return "cudaErrorNoDevice";
        case cudaErrorLaunchFailure:
            return "cudaErrorLaunchFailure";
        case cudaErrorStreamCaptureUnsupported:
            return "cudaErrorStreamCaptureUnsupported";
    }
    return "unknown error";
}

const char* cudaGetErrorString(cudaError_t error) {
    switch (error) {
        case cudaSuccess:
            return "no error";
        case cudaErrorInvalidValue:
            return "invalid argument";
        case cudaErrorMemoryAllocation:
            return "out of memory";
        case cudaErrorInvalidConfiguration:
            return "a grid, block or shared memory that no device takes";
        case cudaErrorNoDevice:
            return "no device";
        case cudaErrorLaunchFailure:
            return "threads of a block wait at a barrier that others never reach";
        case cudaErrorStreamCaptureUnsupported:
            return "a stream that is being captured cannot do this";
    }
    return "unknown error";
}

cudaError_t cudaGetDeviceCount(int* count) {
    *count = 1;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
    *properties = {};
    std::snprintf(properties->name, sizeof properties->name, "CPU emulation");
    properties->totalGlobalMem = device().total;
    properties->major = 8;
    properties->multiProcessorCount = 1;
    return cudaSuccess;
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void*) {
    attributes->ptxVersion = 80;  // has what the kernels use: TF32
    return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
    Device& d = device();
    const std::lock_guard lock(d.mutex);
    *free = d.free(), *total = d.total;
    return cudaSuccess;
}

cudaError_t cudaMalloc(void** memory, size_t bytes) {
    Device& d = device();
    const std::lock_guard lock(d.mutex);
    *memory = bytes <= d.free() ? std::aligned_alloc(256, (bytes + 255) / 256 * 256) : nullptr;
    if (!*memory) return cudaErrorMemoryAllocation;
    d.blocks[*memory] = bytes;
    d.used += bytes;
    std::memset(*memory, 0xff, bytes);
    return cudaSuccess;
}

cudaError_t cudaFree(void* memory) {
    const cudaError_t error = cudaDeviceSynchronize();
    Device& d = device();
    const std::lock_guard lock(d.mutex);
    const auto block = d.blocks.find(memory);
    if (block == d.blocks.end()) return cudaErrorInvalidValue;
    d.used -= block->second;
    d.blocks.erase(block);
    std::free(memory);
    return error;
}

cudaError_t cudaMallocHost(void** memory, size_t bytes) {
    *memory = std::malloc(bytes);
    if (!*memory) return cudaErrorMemoryAllocation;
    std::memset(*memory, 0xff, bytes);
    return cudaSuccess;
}

cudaError_t cudaFreeHost(void* memory) {
    std::free(memory);
    return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* target, const void* source, size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
    return enqueue(stream, [=] {
        std::memcpy(target, source, bytes);
        return cudaSuccess;
    });
}

cudaError_t cudaMemsetAsync(void* target, int value, size_t bytes, cudaStream_t stream) {
    return enqueue(stream, [=] {
        std::memset(target, value, bytes);
        return cudaSuccess;
    });
}
