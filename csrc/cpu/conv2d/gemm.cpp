#include "cpu/conv2d/gemm.hpp"

#include "cpu/conv2d/implicit_gemm.hpp"

namespace pycnn {

void conv2d_gemm(const ConvShape& s, const float* x, const float* w, const float* b, float* y) {
    implicit_gemm(forward_correlation(s, x, w, b, y), Patches::packed);
}

void conv2d_gemm_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b) {
    for (const Correlation& grid : backward_input_correlations(s, dy, w, dx, b)) implicit_gemm(grid, Patches::packed);
}

}  // namespace pycnn
