// Factors of a matrix product in TF32, as a warp holds them for tensor cores: mma.h, or its substitute on the CPU. PYCNN_TF32
// is not defined in code for devices whose tensor cores lack TF32 (compute capability below 8.0).
#pragma once

#include <type_traits>

#include "cuda/launch.hpp"
#if defined(PYCNN_CUDA_EMULATED)
#include "cuda/emulator/tensor_core.hpp"
#else
#include <mma.h>
#endif

namespace pycnn::cuda {

constexpr int kFragment = 16, kFragmentDepth = 8;  // rows or columns of a fragment, and its terms

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
#define PYCNN_TF32

namespace wmma = nvcuda::wmma;

template <class Use, class Layout>
using Tf32Factor = wmma::fragment<Use, kFragment, kFragment, kFragmentDepth, wmma::precision::tf32, Layout>;
using Tf32Sums = wmma::fragment<wmma::accumulator, kFragment, kFragment, kFragmentDepth, float>;

// wmma::load_matrix_sync from shared memory. The one in mma.h takes a pointer to any memory, so that nvcc 13.0 generates
// generic loads, which examine 64-bit addresses first.
template <class Use, class Layout>
__device__ void load_factor(Tf32Factor<Use, Layout>& factor, const float* shared, unsigned pitch) {
#if defined(PYCNN_CUDA_EMULATED)
    wmma::load_matrix_sync(factor, shared, pitch);
#else
#define PYCNN_LOAD_FACTOR(use, layout)                                                                        \
    asm volatile("wmma.load." use ".sync.aligned." layout ".m16n16k8.shared.tf32 {%0, %1, %2, %3}, [%4], %5;" \
                 : "=r"(word[0]), "=r"(word[1]), "=r"(word[2]), "=r"(word[3])                                 \
                 : "r"(address), "r"(pitch)                                                                   \
                 : "memory")
    constexpr bool kRows = std::is_same_v<Use, wmma::matrix_a>, kByRows = std::is_same_v<Layout, wmma::row_major>;
    const auto address = static_cast<unsigned>(__cvta_generic_to_shared(shared));
    unsigned word[4];
    if constexpr (kRows && kByRows) PYCNN_LOAD_FACTOR("a", "row");
    if constexpr (kRows && !kByRows) PYCNN_LOAD_FACTOR("a", "col");
    if constexpr (!kRows && kByRows) PYCNN_LOAD_FACTOR("b", "row");
    if constexpr (!kRows && !kByRows) PYCNN_LOAD_FACTOR("b", "col");
#undef PYCNN_LOAD_FACTOR
#pragma unroll
    for (int i = 0; i < 4; ++i) factor.x[i] = __uint_as_float(word[i]);
#endif
}

#endif

}  // namespace pycnn::cuda
