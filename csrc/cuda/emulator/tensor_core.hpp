// The words of mma.h that gemm_tf32.hpp uses, for the CPU. CUDA does not specify which lane has which elements of a fragment.
// Here each lane has the sums of half a row of 16, and the factors that they need: that row, and 8 columns.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "cuda/emulator/cuda_emulated.hpp"

namespace nvcuda::wmma {

struct matrix_a {};
struct matrix_b {};
struct accumulator {};
struct row_major {};
struct col_major {};
enum layout_t { mem_row_major };
namespace precision {
struct tf32 {};
}  // namespace precision

template <class Use, int M, int N, int K, class T, class Layout = void>
struct fragment;

constexpr int kTerms = 8, kColumnsOfLane = 8;
inline int row_of_lane() { return lane_of_thread() / 2; }
inline int first_column_of_lane() { return lane_of_thread() % 2 * kColumnsOfLane; }

template <>
struct fragment<accumulator, 16, 16, kTerms, float> {
    float x[kColumnsOfLane];
};
template <class Layout>
struct fragment<matrix_a, 16, 16, kTerms, precision::tf32, Layout> {
    float x[kTerms];
};
template <class Layout>
struct fragment<matrix_b, 16, 16, kTerms, precision::tf32, Layout> {
    float x[kTerms][kColumnsOfLane];
};
using Sums = fragment<accumulator, 16, 16, kTerms, float>;
template <class Layout>
using Rows = fragment<matrix_a, 16, 16, kTerms, precision::tf32, Layout>;
template <class Layout>
using Columns = fragment<matrix_b, 16, 16, kTerms, precision::tf32, Layout>;

constexpr uint32_t kExponent = 0x7f800000, kBelowTf32 = 0x1fff;  // of a float's 23 bits of mantissa TF32 has the upper 10

// To nearest, ties away from zero: cvt.rna.tf32.f32. The largest floats become infinite.
inline float __float_to_tf32(float value) {
    const auto bits = std::bit_cast<uint32_t>(value);
    if ((bits & kExponent) == kExponent) return value;
    return std::bit_cast<float>((bits + (kBelowTf32 + 1) / 2) & ~kBelowTf32);
}

// An element of a matrix as tensor cores may read it. CUDA does not specify the effect of the bits that TF32 lacks; here they
// are ignored.
template <class Layout>
float tf32_element(const float* matrix, unsigned pitch, int row, int column) {
    const bool by_rows = std::is_same_v<Layout, row_major>;
    const auto r = static_cast<unsigned>(row), c = static_cast<unsigned>(column);
    return std::bit_cast<float>(std::bit_cast<uint32_t>(matrix[by_rows ? r * pitch + c : c * pitch + r]) & ~kBelowTf32);
}

template <class Layout>
void load_matrix_sync(Rows<Layout>& rows, const float* matrix, unsigned pitch) {
    for (int k = 0; k < kTerms; ++k) rows.x[k] = tf32_element<Layout>(matrix, pitch, row_of_lane(), k);
}
template <class Layout>
void load_matrix_sync(Columns<Layout>& columns, const float* matrix, unsigned pitch) {
    const int first = first_column_of_lane();
    for (int k = 0; k < kTerms; ++k)
        for (int j = 0; j < kColumnsOfLane; ++j) columns.x[k][j] = tf32_element<Layout>(matrix, pitch, k, first + j);
}

inline void fill_fragment(Sums& sums, float value) {
    for (float& sum : sums.x) sum = value;
}
// Products of TF32 numbers are exact in FP32, so a fused multiply-add would change nothing.
template <class LayoutA, class LayoutB>
void mma_sync(Sums& out, const Rows<LayoutA>& a, const Columns<LayoutB>& b, const Sums& sums) {
    for (int j = 0; j < kColumnsOfLane; ++j) {
        float sum = sums.x[j];
        for (int k = 0; k < kTerms; ++k) sum += a.x[k] * b.x[k][j];
        out.x[j] = sum;
    }
}
inline void store_matrix_sync(float* matrix, const Sums& sums, unsigned pitch, layout_t) {
    float* row = matrix + static_cast<unsigned>(row_of_lane()) * pitch + first_column_of_lane();
    for (int j = 0; j < kColumnsOfLane; ++j) row[j] = sums.x[j];
}

}  // namespace nvcuda::wmma
