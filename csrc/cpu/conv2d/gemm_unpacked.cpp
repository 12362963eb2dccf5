#include "cpu/conv2d/gemm_unpacked.hpp"

#include "cpu/conv2d/implicit_gemm.hpp"
#include "cpu/dispatch.hpp"

namespace pycnn {
namespace {

// Whether the unpacked vectors cost less than packed ones, for `rows` filters and this output plane. Cycles a step of the sum: M / 2 a
// vector (two multiply-adds a cycle), and for packed vectors 3 a copied vector (an unaligned load, a store across two lines), of
// which each row's end needs one more.
bool unpacked_costs_less(int64_t rows, int64_t out_height, int64_t out_width) {
    const int64_t lanes = kernels().lanes;
    const int64_t unpacked_vectors = out_height * ceil_div(out_width, lanes);
    const int64_t packed_vectors = ceil_div(out_height * out_width, lanes);
    return unpacked_vectors * rows <= packed_vectors * rows + 6 * (packed_vectors + out_height);
}

}  // namespace

bool takes_gemm_unpacked(ConvPass pass, const ConvShape&) { return pass != ConvPass::backward_weight; }

// Of a strided backward-input, the largest of its grids counts.
bool suits_gemm_unpacked(ConvPass pass, const ConvShape& s) {
    if (pass == ConvPass::forward) return unpacked_costs_less(s.group_outputs(), s.P, s.Q);
    return unpacked_costs_less(s.group_inputs(), ceil_div(s.H, s.stride.h), ceil_div(s.W, s.stride.w));
}

void conv2d_gemm_unpacked(const ConvShape& s, const float* x, const float* w, const float* b, float* y) {
    implicit_gemm(forward_correlation(s, x, w, b, y), Patches::unpacked);
}

void conv2d_gemm_unpacked_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b) {
    for (const Correlation& grid : backward_input_correlations(s, dy, w, dx, b)) implicit_gemm(grid, Patches::unpacked);
}

}  // namespace pycnn
