// Products of matrices, one for each group.
#include "cuda/array_functions.hpp"
#include "cuda/gemm.hpp"
#include "cuda/reduce.hpp"

namespace pycnn::cuda {
namespace {

// AcrossDepth for each group.
struct GroupsAcrossDepth {
    static constexpr bool kAlongDepth = false;
    const float* data;
    int outer;
    int64_t group_stride;

    struct Place {
        const float* matrix;
        AcrossDepth::Place columns;
    };
    __device__ Place locate(int group, int i) const { return {data + group * group_stride, {i}}; }
    __device__ void load(const Place& p, int k, int end, float (&out)[4]) const {
        AcrossDepth{p.matrix, outer}.load(p.columns, k, end, out);
    }
};

}  // namespace

void matrix_products(const ProductShape& s, const float* a, const float* b, float* y) {
    const GemmShape g = with_slices("matmul", s.groups, s.rows, s.columns, s.depth);
    const int64_t results = s.groups * s.rows * s.columns;
    const Workspace<float> parts(g.slices > 1 ? g.slices * results : 0);
    gemm(g, AlongDepth{a, g.rows, g.depth, s.a_stride}, GroupsAcrossDepth{b, g.columns, s.b_stride},
         RowMajor{g.slices > 1 ? parts.data() : y, g.groups, g.rows, g.columns});
    if (g.slices > 1) add_slices(results, g.slices, parts.data(), y);
}

}  // namespace pycnn::cuda
