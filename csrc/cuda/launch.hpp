// The differences between kernels for nvcc and for a C++ compiler (PYCNN_CUDA_EMULATED, csrc/cuda/emulator), except for those in
// index.hpp and tensor_core.hpp. In kernels:
//   PYCNN_SHARED(type, name, [dims])   an array in shared memory, at the top of the kernel or of a function that it calls once
// and launch(kernel, grid, block, shared_bytes, stream, arguments...) instead of <<<>>>.
#pragma once

#if defined(PYCNN_CUDA_EMULATED)
#include <tuple>

#include "cuda/emulator/emulator.hpp"

#define PYCNN_SHARED(type, name, dims) \
    using name##_type = type dims;     \
    auto& name = *static_cast<name##_type*>(pycnn::emulator::shared_memory(sizeof(name##_type), alignof(type)))
#else
#include <cuda_runtime.h>

#define PYCNN_SHARED(type, name, dims) __shared__ type name dims
#endif

#include "cuda/memory.hpp"

namespace pycnn::cuda {

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream,
            Arguments... arguments) {
    if (Stream::current()->phase == Phase::refreshing) return;
#if defined(PYCNN_CUDA_EMULATED)
    emulator::launch_grid(grid, block, shared_bytes, stream,
                          [kernel, arguments = std::tuple<Parameters...>(static_cast<Parameters>(arguments)...)] {
                              std::apply(kernel, arguments);
                          });
#else
    // clang-format off: it would put spaces into >>>, which nvcc does not take.
    kernel<<<grid, block, shared_bytes, stream>>>(static_cast<Parameters>(arguments)...);
    // clang-format on
#endif
    check_launch(grid, block);
}

// Blocks of kThreads for `count` elements, for kernels with a grid-stride loop: enough to fill any device, few enough to
// launch.
constexpr int kThreads = 256;
constexpr int64_t kMostBlocks = 4096;
inline dim3 blocks_for(int64_t count) {
    const int64_t blocks = (count + kThreads - 1) / kThreads;
    return dim3(static_cast<unsigned>(blocks < 1 ? 1 : blocks < kMostBlocks ? blocks : kMostBlocks));
}

}  // namespace pycnn::cuda

// for (int64_t i : the elements of this thread) in a grid-stride loop. It is not unrolled: most threads take one turn, and nvcc
// would divide 64-bit numbers to count the turns.
#define PYCNN_FOR_EACH_ELEMENT(i, count)                                                                           \
    _Pragma("unroll 1") for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < (count); \
                             i += static_cast<int64_t>(gridDim.x) * blockDim.x)
