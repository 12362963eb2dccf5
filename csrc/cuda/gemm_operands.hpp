// The parts of a matrix product (gemm.hpp, gemm_tf32.hpp): C (M x N) = A (M x depth) B (depth x N), once for each group. Small
// functors read the operands and write the result, so that the patches of a convolution are never stored.
#pragma once

#include <algorithm>

#include "core/error.hpp"
#include "core/shape.hpp"
#include "cuda/rectified.hpp"

namespace pycnn::cuda {

// An operand has
//   static constexpr bool kAlongDepth               whether four neighbours lie along the depth, or along the other axis
//   struct Place                                    what it keeps of a row of A (four with !kAlongDepth), or of columns of B
//   Place locate(int group, int outer) const
//   void load(const Place&, int k, int end, float (&out)[4]) const     zero outside of the matrix
// and the result
//   struct Place; Place locate(int group, int slice, int column) const; void store(const Place&, int row, float sum) const

struct GemmShape {
    int groups, rows, columns, depth, slices, slice;  // the depth is cut into slices of `slice` terms
};

// Rounded up to whole tiles, of 128 at most, extents fit 32 bits.
constexpr int64_t kMostExtent = (int64_t{1} << 31) - 128;

// ValueError of `op` if a number does not fit 32 bits.
inline GemmShape gemm_shape(const char* op, int64_t groups, int64_t rows, int64_t columns, int64_t depth, int64_t slice) {
    if (std::max({groups, rows, columns, depth}) > kMostExtent)
        fail_value(op, "extents above ", kMostExtent, " are too large for CUDA, got a matrix product of ", rows, " x ", depth,
                   " by ", depth, " x ", columns);
    const auto number = [](int64_t n) { return static_cast<int>(n); };
    return {number(groups), number(rows), number(columns), number(depth), number(std::max<int64_t>(ceil_div(depth, slice), 1)),
            number(slice)};
}

// Slices of the depth for a product with few tiles and a long sum (gradients of weights): about 256 blocks, two or more for
// each processor of most devices, of 256 terms at least. They depend on the shape alone, so that the order of the additions is
// the same on every device.
inline GemmShape with_slices(const char* op, int64_t groups, int64_t rows, int64_t columns, int64_t depth) {
    const int64_t tiles = groups * ceil_div(rows, 64) * ceil_div(columns, 64);
    const int64_t wanted = std::clamp<int64_t>(256 / std::max<int64_t>(tiles, 1), 1, std::max<int64_t>(depth / 256, 1));
    const int64_t slice = std::max<int64_t>(ceil_div(ceil_div(depth, wanted), 16), 1) * 16;  // whole steps of every tile
    return gemm_shape(op, groups, rows, columns, depth, slice);
}
inline GemmShape in_one_slice(const char* op, int64_t groups, int64_t rows, int64_t columns, int64_t depth) {
    return gemm_shape(op, groups, rows, columns, depth, std::max<int64_t>(depth, 1));
}

// Rows of a matrix that are contiguous along the depth (kAlong), or columns that lie side by side at each step of it.
struct AlongDepth {
    static constexpr bool kAlongDepth = true;
    const float* data;
    int outer, depth;  // extents
    int64_t group_stride;

    struct Place {
        const float* row;  // null outside
    };
    __device__ Place locate(int group, int i) const {
        return {i < outer ? data + group * group_stride + static_cast<int64_t>(i) * depth : nullptr};
    }
    __device__ void load(const Place& p, int k, int end, float (&out)[4]) const {
        if (p.row && depth % 4 == 0 && k + 4 <= end) {  // k is a multiple of 4
            const float4 v = *reinterpret_cast<const float4*>(p.row + k);
            out[0] = v.x, out[1] = v.y, out[2] = v.z, out[3] = v.w;
            return;
        }
#pragma unroll
        for (int i = 0; i < 4; ++i) out[i] = p.row && k + i < end ? p.row[k + i] : 0.0f;
    }
};

struct AcrossDepth {
    static constexpr bool kAlongDepth = false;
    const float* data;
    int outer;  // columns, and the floats from one step of the depth to the next

    struct Place {
        int first;
    };
    __device__ Place locate(int, int i) const { return {i}; }
    __device__ void load(const Place& p, int k, int end, float (&out)[4]) const {
        const float* row = data + static_cast<int64_t>(k) * outer;
        if (k < end && outer % 4 == 0 && p.first < outer) {
            const float4 v = *reinterpret_cast<const float4*>(row + p.first);
            out[0] = v.x, out[1] = v.y, out[2] = v.z, out[3] = v.w;
            return;
        }
#pragma unroll
        for (int i = 0; i < 4; ++i) out[i] = k < end && p.first + i < outer ? row[p.first + i] : 0.0f;
    }
};

// c[slice][group][row][column], for as many slices as there are.
struct RowMajor {
    float* data;
    int groups, rows, columns;
    const float* column_bias = nullptr;
    bool relu = false;

    struct Place {
        float* column;
        float bias;
    };
    __device__ Place locate(int group, int slice, int column) const {
        const int64_t matrix = static_cast<int64_t>(slice) * groups + group;
        return {data + matrix * rows * columns + column, column_bias ? column_bias[column] : 0.0f};
    }
    __device__ void store(const Place& p, int row, float sum) const {
        const float y = sum + p.bias;
        p.column[static_cast<int64_t>(row) * columns] = relu ? rectified(y) : y;
    }
};

}  // namespace pycnn::cuda
