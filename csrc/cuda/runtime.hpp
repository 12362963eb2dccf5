// The device and its memory: errors, blocks that arrays are made of, copies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#if defined(PYCNN_CUDA_HOST)
#include "cuda/host/cuda_host.hpp"
#else
#include <cuda_runtime.h>
#endif

namespace pycnn::cuda {

// RuntimeError (std::runtime_error) with the failing call, what it was about, and the runtime's words.
void check(cudaError_t error, const char* call, const std::string& about = "");
void check_launch(dim3 grid, dim3 block);

struct Device {
    std::string name;
    int major, minor, processors;
    size_t memory;
};
std::vector<Device> devices();  // none where there is no driver
std::string why_no_device();    // in CUDA's words; empty where devices can be asked for
void synchronize();             // waits for all streams of pycnn, but those that record a step

class Stream;  // stream.hpp
// That of this thread: ops run on it in the order of their calls.
cudaStream_t current_stream();
// RuntimeError while a step is being recorded (step_graph.hpp), with what cannot be done then.
void refuse_while_recording(const char* what);

struct MemoryStats {
    size_t used, cached, most_used;  // bytes: in arrays, free in the pool, and the largest `used` so far
};
MemoryStats memory_stats();
void trim();  // gives cached blocks back to the device

// A block of device memory, of the pool of the stream that was current when it was made.
class Memory {
public:
    explicit Memory(size_t bytes);  // OutOfMemory with the request and what is free
    ~Memory();
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    void* data() const { return data_; }

private:
    std::shared_ptr<Stream> stream_;
    size_t bytes_;
    void* data_;
};

// A work area of an op.
template <class T>
class Workspace {
public:
    explicit Workspace(int64_t count) : memory_(static_cast<size_t>(count) * sizeof(T)) {}
    T* data() const { return static_cast<T*>(memory_.data()); }

private:
    Memory memory_;
};

void copy_to_device(void* target, const void* source, size_t bytes);
void copy_to_host(void* target, const void* source, size_t bytes);  // waits for the stream
void copy_on_device(void* target, const void* source, size_t bytes);
void fill_zeros(void* target, size_t bytes);

}  // namespace pycnn::cuda
