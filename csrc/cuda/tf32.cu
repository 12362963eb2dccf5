#include <atomic>

#include "cuda/launch.hpp"
#include "cuda/tf32.hpp"

namespace pycnn::cuda {
namespace {

std::atomic<bool> is_allowed{false};

// The kernel tells what it was compiled for: a new device may run code for an old one, which has no TF32.
__global__ void probe_kernel() {}

}  // namespace

void allow_tf32(bool allowed) { is_allowed = allowed; }
bool tf32_allowed() { return is_allowed; }

bool computes_in_tf32() {
    if (!is_allowed) return false;
    static const bool can = [] {
        cudaFuncAttributes attributes{};
        check(cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(probe_kernel)), "cudaFuncGetAttributes");
        return attributes.ptxVersion >= 80;
    }();
    return can;
}

}  // namespace pycnn::cuda
