// Compiled once per instruction set (CMakeLists.txt gives PYCNN_ISA and the flags); exports one table, kernels_<isa>. Each
// header fills in its own kernels.
#include "cpu/isa/activation.hpp"
#include "cpu/isa/activation_kinds.hpp"
#include "cpu/isa/channel.hpp"
#include "cpu/isa/depthwise.hpp"
#include "cpu/isa/depthwise_flat.hpp"
#include "cpu/isa/depthwise_lanes.hpp"
#include "cpu/isa/distance.hpp"
#include "cpu/isa/dropout.hpp"
#include "cpu/isa/elementwise.hpp"
#include "cpu/isa/flat_planes.hpp"
#include "cpu/isa/gemm_kernels.hpp"
#include "cpu/isa/lane_pool.hpp"
#include "cpu/isa/lane_winners.hpp"
#include "cpu/isa/local_response_norm.hpp"
#include "cpu/isa/nhwc.hpp"
#include "cpu/isa/optim.hpp"
#include "cpu/isa/patches.hpp"
#include "cpu/isa/pixel_tile.hpp"
#include "cpu/isa/pixels.hpp"
#include "cpu/isa/pool.hpp"
#include "cpu/isa/rows.hpp"
#include "cpu/isa/softmax.hpp"
#include "cpu/isa/transpose.hpp"
#include "cpu/isa/unpacked_kernels.hpp"
#include "cpu/isa/winograd.hpp"
#include "cpu/isa/winograd_rows.hpp"
#include "cpu/isa/winograd_strided.hpp"
#include "cpu/kernel_table.hpp"

#define PYCNN_TEXT(x) #x
#define PYCNN_NAME(x) PYCNN_TEXT(x)
#define PYCNN_JOIN(a, b) a##b
#define PYCNN_TABLE(isa) PYCNN_JOIN(kernels_, isa)

namespace pycnn {
namespace {

constexpr const char* compiled_for() {
#if defined(__AVX512F__) && defined(__AVX512VL__) && defined(__AVX512BW__) && defined(__AVX512DQ__)
    return "avx512";
#elif defined(__AVX2__) && defined(__FMA__)
    return "avx2";
#elif defined(__aarch64__)
    return "neon";
#else
    return "baseline";
#endif
}

constexpr KernelTable make_table() {
    KernelTable table{};
    table.name = PYCNN_NAME(PYCNN_ISA);
    table.compiled_for = compiled_for;
    table.lanes = kLanes;
    table.mr = kMR;
    table.nr = kNRVectors * kLanes;
    table.dot_rows = kDotRows;
    table.dot_columns = kDotColumns;
    fill_gemm(table);
    fill_unpacked(table);
    fill_pixel_tile(table);
    fill_nhwc(table);
    fill_patches(table);
    fill_transpose(table);
    fill_winograd(table);
    fill_winograd_rows(table);
    fill_winograd_strided(table);
    fill_depthwise(table);
    fill_depthwise_flat(table);
    fill_depthwise_lanes(table);
    fill_flat_planes(table);
    fill_elementwise(table);
    fill_rows(table);
    fill_pixels(table);
    fill_activation(table);
    fill_activation_kinds(table);
    fill_dropout(table);
    fill_softmax(table);
    fill_local_response_norm(table);
    fill_pool(table);
    fill_lane_pool(table);
    fill_lane_winners(table);
    fill_distance(table);
    fill_channel(table);
    fill_optim(table);
    return table;
}

}  // namespace

extern const KernelTable PYCNN_TABLE(PYCNN_ISA);
constinit const KernelTable PYCNN_TABLE(PYCNN_ISA) = make_table();

}  // namespace pycnn
