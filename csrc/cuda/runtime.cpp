#include "cuda/runtime.hpp"

#include <map>
#include <mutex>

#include "core/error.hpp"
#if defined(PYCNN_CUDA_HOST)
#include "cuda/host/device_memory.hpp"
#endif

namespace pycnn::cuda {
namespace {

// Blocks are whole multiples of this: arrays of nearly one size share them, and 256 bytes is what cudaMalloc aligns to.
constexpr size_t kGranule = 512;

struct Pool {
    std::mutex mutex;
    std::multimap<size_t, void*> free;  // by size
    MemoryStats stats{};
};

// Never destroyed: arrays may outlive everything else at the end of the process.
Pool& pool() {
    static Pool* const p = new Pool;
    return *p;
}

void* take(size_t bytes) {
    Pool& p = pool();
    const std::lock_guard lock(p.mutex);
    // Of this very size: a training loop asks for the same ones again and again.
    if (const auto found = p.free.find(bytes); found != p.free.end()) {
        void* const data = found->second;
        p.free.erase(found);
        p.stats.cached -= bytes;
        return data;
    }
    return nullptr;
}

}  // namespace

void check(cudaError_t error, const char* call, const std::string& about) {
    if (error == cudaSuccess) return;
    throw std::runtime_error(text(call, about.empty() ? "" : " (", about, about.empty() ? "" : ")",
                                  " failed: ", cudaGetErrorString(error), " [", cudaGetErrorName(error), "]"));
}

void check_launch(dim3 grid, dim3 block) {
    const cudaError_t error = cudaGetLastError();
    if (error == cudaSuccess) return;
    check(error, "kernel launch",
          text("grid ", grid.x, " x ", grid.y, " x ", grid.z, ", block ", block.x, " x ", block.y, " x ", block.z));
}

std::vector<Device> devices() {
    int count = 0;
    if (cudaGetDeviceCount(&count) != cudaSuccess) {
        cudaGetLastError();  // no driver or no device: an answer, not an error
        return {};
    }
    std::vector<Device> result;
    for (int i = 0; i < count; ++i) {
        cudaDeviceProp p{};
        check(cudaGetDeviceProperties(&p, i), "cudaGetDeviceProperties");
        result.push_back({p.name, p.major, p.minor, p.multiProcessorCount, p.totalGlobalMem});
    }
    return result;
}

void synchronize() { check(cudaDeviceSynchronize(), "cudaDeviceSynchronize"); }

cudaStream_t current_stream() {
    static const cudaStream_t stream = [] {
        cudaStream_t made = nullptr;
        check(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
        return made;
    }();
    return stream;
}

MemoryStats memory_stats() {
    const std::lock_guard lock(pool().mutex);
    return pool().stats;
}

void trim() {
    synchronize();
    Pool& p = pool();
    const std::lock_guard lock(p.mutex);
    for (const auto& [bytes, data] : p.free) cudaFree(data);
    p.free.clear();
    p.stats.cached = 0;
}

Memory::Memory(size_t bytes) : bytes_((bytes / kGranule + 1) * kGranule), data_(take(bytes_)) {
    if (!data_ && cudaMalloc(&data_, bytes_) != cudaSuccess) {
        cudaGetLastError();
        trim();
        if (cudaMalloc(&data_, bytes_) != cudaSuccess) {
            cudaGetLastError();
            size_t free = 0, total = 0;
            cudaMemGetInfo(&free, &total);
            throw OutOfMemory(text("cudaMalloc: ", bytes, " bytes of device memory asked for, ", free, " of ", total, " free"));
        }
    }
#if defined(PYCNN_CUDA_HOST)
    host::allow_access(data_, bytes_);
    cudaMemsetAsync(data_, 0xff, bytes_, nullptr);  // NaN, in a block that is used again, too: reads of what nobody wrote show
    host::forbid_access(static_cast<char*>(data_) + bytes, bytes_ - bytes);
#endif
    const std::lock_guard lock(pool().mutex);
    pool().stats.used += bytes_;
    pool().stats.most_used = pool().stats.used > pool().stats.most_used ? pool().stats.used : pool().stats.most_used;
}

Memory::~Memory() {
#if defined(PYCNN_CUDA_HOST)
    host::forbid_access(data_, bytes_);
#endif
    Pool& p = pool();
    const std::lock_guard lock(p.mutex);
    p.free.emplace(bytes_, data_);
    p.stats.used -= bytes_;
    p.stats.cached += bytes_;
}

void copy_to_device(void* target, const void* source, size_t bytes) {
    if (bytes == 0) return;
    check(cudaMemcpyAsync(target, source, bytes, cudaMemcpyHostToDevice, current_stream()), "cudaMemcpyAsync",
          text(bytes, " bytes to the device"));
    // The source is pageable memory of the caller, who may change it at once.
    check(cudaStreamSynchronize(current_stream()), "cudaStreamSynchronize");
}

void copy_to_host(void* target, const void* source, size_t bytes) {
    if (bytes == 0) return;
    check(cudaMemcpyAsync(target, source, bytes, cudaMemcpyDeviceToHost, current_stream()), "cudaMemcpyAsync",
          text(bytes, " bytes to the host"));
    check(cudaStreamSynchronize(current_stream()), "cudaStreamSynchronize");
}

void copy_on_device(void* target, const void* source, size_t bytes) {
    if (bytes == 0) return;
    check(cudaMemcpyAsync(target, source, bytes, cudaMemcpyDeviceToDevice, current_stream()), "cudaMemcpyAsync",
          text(bytes, " bytes on the device"));
}

void fill_zeros(void* target, size_t bytes) {
    if (bytes > 0) check(cudaMemsetAsync(target, 0, bytes, current_stream()), "cudaMemsetAsync", text(bytes, " bytes"));
}

}  // namespace pycnn::cuda
