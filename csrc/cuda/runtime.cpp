#include "cuda/runtime.hpp"

#include <atomic>

#include "core/error.hpp"

namespace pycnn::cuda {
namespace {

std::atomic<bool> tf32_is_allowed{false};

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

void synchronize() {
    refuse_while_recording("synchronize");
    check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
}

void allow_tf32(bool allowed) { tf32_is_allowed = allowed; }
bool tf32_allowed() { return tf32_is_allowed; }
bool computes_in_tf32() {
    if (!tf32_is_allowed) return false;
    static const bool can = devices().at(0).major >= 8;
    return can;
}

void copy_to_device(void* target, const void* source, size_t bytes) {
    if (bytes == 0) return;
    refuse_while_recording("a copy to the device");
    check(cudaMemcpyAsync(target, source, bytes, cudaMemcpyHostToDevice, current_stream()), "cudaMemcpyAsync",
          text(bytes, " bytes to the device"));
    // The source is pageable memory of the caller, who may change it at once.
    check(cudaStreamSynchronize(current_stream()), "cudaStreamSynchronize");
}

void copy_to_host(void* target, const void* source, size_t bytes) {
    if (bytes == 0) return;
    refuse_while_recording("a copy to the host");
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
