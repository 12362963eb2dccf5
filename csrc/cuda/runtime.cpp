#include "cuda/runtime.hpp"

#include "core/error.hpp"
#include "cuda/stream.hpp"

namespace pycnn::cuda {
namespace {

// The caller may change or free the host's memory as soon as this returns. So it waits for the copies, even if a later one
// fails.
void copy_and_wait(const std::vector<Copy>& copies, cudaMemcpyKind kind, const char* where) {
    cudaError_t error = cudaSuccess;
    size_t bytes = 0;
    bool any = false;
    for (const Copy& copy : copies) {
        if (copy.bytes == 0) continue;
        if (!any) refuse_while_capturing(text("a copy ", where).c_str());
        any = true;
        bytes = copy.bytes;
        error = cudaMemcpyAsync(copy.target, copy.source, bytes, kind, current_stream());
        if (error != cudaSuccess) break;
    }
    if (!any) return;
    const cudaError_t waited = cudaStreamSynchronize(current_stream());
    check(error, "cudaMemcpyAsync", text(bytes, " bytes ", where));
    check(waited, "cudaStreamSynchronize");
}

}  // namespace

void check(cudaError_t error, const char* call, const std::string& about) {
    if (error == cudaSuccess) return;
    cudaGetLastError();  // or the next launch would report it
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

void copy_to_device(const std::vector<Copy>& copies) { copy_and_wait(copies, cudaMemcpyHostToDevice, "to the device"); }
void copy_to_host(const std::vector<Copy>& copies) { copy_and_wait(copies, cudaMemcpyDeviceToHost, "to the host"); }
void copy_to_device(void* target, const void* source, size_t bytes) { copy_to_device({{target, source, bytes}}); }
void copy_to_host(void* target, const void* source, size_t bytes) { copy_to_host({{target, source, bytes}}); }

void copy_on_device(void* target, const void* source, size_t bytes) {
    if (bytes == 0) return;
    check(cudaMemcpyAsync(target, source, bytes, cudaMemcpyDeviceToDevice, current_stream()), "cudaMemcpyAsync",
          text(bytes, " bytes on the device"));
}

void fill_zeros(void* target, size_t bytes) {
    if (bytes > 0) check(cudaMemsetAsync(target, 0, bytes, current_stream()), "cudaMemsetAsync", text(bytes, " bytes"));
}

}  // namespace pycnn::cuda
