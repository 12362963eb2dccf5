// The device: errors, properties, copies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#if defined(PYCNN_CUDA_EMULATED)
#include "cuda/emulator/cuda_emulated.hpp"
#else
#include <cuda_runtime.h>
#endif

namespace pycnn::cuda {

// RuntimeError (std::runtime_error) with the failed call, its subject, and the message of the runtime.
void check(cudaError_t error, const char* call, const std::string& about = "");
void check_launch(dim3 grid, dim3 block);

struct Device {
    std::string name;
    int major, minor, processors;
    size_t memory;
};
std::vector<Device> devices();  // none if there is no driver
std::string why_no_device();    // in CUDA's words; empty if devices can be listed

// On the current stream (stream.hpp). The first four wait for it, once for all copies.
struct Copy {
    void* target;
    const void* source;
    size_t bytes;
};
void copy_to_device(const std::vector<Copy>& copies);
void copy_to_host(const std::vector<Copy>& copies);
void copy_to_device(void* target, const void* source, size_t bytes);
void copy_to_host(void* target, const void* source, size_t bytes);
void copy_on_device(void* target, const void* source, size_t bytes);
void fill_zeros(void* target, size_t bytes);

}  // namespace pycnn::cuda
