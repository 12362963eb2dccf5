// The functions of the CUDA runtime on host memory. New memory is full of NaN, so that what nobody has written shows.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cuda/host/queue.hpp"

using pycnn::host::enqueue;

namespace {
constexpr size_t kDeviceBytes = size_t{4} << 30;  // more is refused, as by a device of that size
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
    std::snprintf(properties->name, sizeof properties->name, "host emulation");
    properties->totalGlobalMem = kDeviceBytes;
    properties->major = 8;  // has what the kernels use: TF32
    properties->multiProcessorCount = 1;
    return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
    *free = *total = kDeviceBytes;
    return cudaSuccess;
}

cudaError_t cudaMalloc(void** memory, size_t bytes) {
    *memory = bytes <= kDeviceBytes ? std::aligned_alloc(256, (bytes + 255) / 256 * 256) : nullptr;
    if (!*memory) return cudaErrorMemoryAllocation;
    std::memset(*memory, 0xff, bytes);
    return cudaSuccess;
}

cudaError_t cudaFree(void* memory) {
    const cudaError_t error = cudaDeviceSynchronize();
    std::free(memory);
    return error;
}

cudaError_t cudaMallocHost(void** memory, size_t bytes) {
    *memory = std::malloc(bytes);
    return *memory ? cudaSuccess : cudaErrorMemoryAllocation;
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
