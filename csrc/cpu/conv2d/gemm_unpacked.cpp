#include "cpu/conv2d/gemm_unpacked.hpp"

#include "cpu/conv2d/implicit_gemm.hpp"
#include "cpu/dispatch.hpp"

namespace pycnn {
namespace {

// Whether the unpacked vectors cost less than packed ones, for `rows` filters and these output planes. Cycles a step of the sum: M / 2 a
// vector (two multiply-adds a cycle), and for packed vectors 3 a copied vector (an unaligned load, a store across two lines), of which
// each row's end needs one more. Packed vectors run over the ends of planes.
bool unpacked_costs_less(int64_t images, int64_t rows, int64_t out_height, int64_t out_width) {
    const int64_t lanes = kernels().lanes;
    const int64_t unpacked_vectors = images * out_height * ceil_div(out_width, lanes);
    const int64_t packed_vectors = ceil_div(images * out_height * out_width, lanes);
    return unpacked_vectors * rows <= packed_vectors * rows + 6 * (packed_vectors + images * out_height);
}

// Whether a 1 x 1 is faster packed, however long its rows. No other tap uses its lines of pixels, which lie planes apart: with 16 registers each
// tile of 6 filters reads two of them from L2 for 12 multiply-adds, 6 cycles. AVX2: 64 -> 256 on 56 x 56 at 85 GFLOP/s packed, 76 unpacked;
// dx of 256 -> 1024 on 14 x 14 at 90 and 82; 192 -> 32 the same.
bool waits_for_lines(int64_t filters) {
    constexpr int kManyRows = 14, kManyFilters = 64;
    return kernels().mr < kManyRows && filters >= kManyFilters;
}

}  // namespace

bool takes_gemm_unpacked(ConvPass pass, const ConvShape&) { return pass != ConvPass::backward_weight; }

// Of a strided backward-input, the largest of its grids counts. To a 1 x 1 that reads each pixel at its place, a plane is one row.
bool suits_gemm_unpacked(ConvPass pass, const ConvShape& s) {
    const int64_t rows = pass == ConvPass::forward ? s.group_outputs() : s.group_inputs();
    if (s.R * s.S == 1 && s.P == s.H && s.Q == s.W)
        return !waits_for_lines(rows) && unpacked_costs_less(s.N, rows, 1, s.P * s.Q);
    if (pass == ConvPass::forward) return unpacked_costs_less(s.N, rows, s.P, s.Q);
    return unpacked_costs_less(s.N, rows, ceil_div(s.H, s.stride.h), ceil_div(s.W, s.stride.w));
}

void conv2d_gemm_unpacked(const ConvShape& s, const float* x, const float* w, const float* b, float* y) {
    implicit_gemm(forward_correlation(s, x, w, b, y), Patches::unpacked);
}

void conv2d_gemm_unpacked_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b) {
    for (const Correlation& grid : backward_input_correlations(s, dy, w, dx, b)) implicit_gemm(grid, Patches::unpacked);
}

}  // namespace pycnn
