// Device memory: blocks for arrays, from the pools of streams. And page-locked memory of the host, which the device reads and
// writes by itself.
#pragma once

#include <memory>

#include "cuda/stream.hpp"

namespace pycnn::cuda {

struct MemoryStats {
    size_t used, cached, most_used;  // bytes: in arrays, free in the pool, and the largest `used` so far
};
MemoryStats memory_stats();

// A block of device memory from the pool of the stream that is current when the object is made.
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

// Page-locked memory of the host: the device copies from and to it without the CPU and without an intermediate copy. Wait for
// copies before the memory is freed.
class PinnedMemory {
public:
    explicit PinnedMemory(size_t bytes);  // OutOfMemory with the request
    ~PinnedMemory();
    PinnedMemory(const PinnedMemory&) = delete;
    PinnedMemory& operator=(const PinnedMemory&) = delete;
    void* data() const { return data_; }

private:
    void* data_ = nullptr;
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

}  // namespace pycnn::cuda
