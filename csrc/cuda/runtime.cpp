#include "cuda/runtime.hpp"

#include "core/error.hpp"
#include "cuda/stream.hpp"

namespace pycnn::cuda {

void check(cudaError_t error, const char* call, const std::string& about) {
    if (error == cudaSuccess) return;
    cudaGetLastError();  // or the next launch would be blamed for it
    throw std::runtime_error(text(call, about.empty() ? "" : " (", about, about.empty() ? "" : ")",
                                  " failed: ", cudaGetErrorString(error), " [", cudaGetErrorName(error), "]"));
}

void check_launch(dim3 grid, dim3 block) {
    const cudaError_t error = cudaGetLastError();
    if (error == cudaSuccess) return;
    check(error, "kernel launch",
          text("grid ", grid.x, " x ", grid.y, " x ", grid.z, ", block ", block.x, " x ", block.y, " x ", block.z));
}

std::string why_no_device() {
    int count = 0;
    const cudaError_t error = cudaGetDeviceCount(&count);
    cudaGetLastError();  // an answer, not an error
    return error == cudaSuccess ? "" : cudaGetErrorString(error);
}

std::vector<Device> devices() {
    int count = 0;
    if (!why_no_device().empty()) return {};
    check(cudaGetDeviceCount(&count), "cudaGetDeviceCount");
    std::vector<Device> result;
    for (int i = 0; i < count; ++i) {
        cudaDeviceProp p{};
        check(cudaGetDeviceProperties(&p, i), "cudaGetDeviceProperties");
        result.push_back({p.name, p.major, p.minor, p.multiProcessorCount, p.totalGlobalMem});
    }
    return result;
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
