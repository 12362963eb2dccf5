// Compiled once per instruction set (CMakeLists.txt gives PYCNN_ISA and the flags); exports one table, kernels_<isa>.
#include "cpu/isa/activation.hpp"
#include "cpu/isa/channel.hpp"
#include "cpu/isa/depthwise.hpp"
#include "cpu/isa/distance.hpp"
#include "cpu/isa/dropout.hpp"
#include "cpu/isa/elementwise.hpp"
#include "cpu/isa/gemm_tile.hpp"
#include "cpu/isa/lane_pool.hpp"
#include "cpu/isa/local_response_norm.hpp"
#include "cpu/isa/optim.hpp"
#include "cpu/isa/patches.hpp"
#include "cpu/isa/pool.hpp"
#include "cpu/isa/rows.hpp"
#include "cpu/isa/softmax.hpp"
#include "cpu/isa/transpose.hpp"
#include "cpu/isa/unpacked_tiles.hpp"
#include "cpu/isa/winograd.hpp"
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
    table.tile_rows = kTileRows;
    table.dot_rows = kDotRows;
    table.dot_columns = kDotColumns;
    fill_gemm_row<kTileRows>(table);
    fill_dot<kDotRows, kDotColumns>(table);
    fill_outer_row<kTileRows>(table);
    table.pack_rows = pack_rows;
    table.transpose = transpose;
    table.pad_plane = pad_plane;
    table.winograd_3x3 = winograd_kernels<4, 3>();
    table.winograd_5x5 = winograd_kernels<2, 5>();
    table.depthwise = depthwise;
    table.depthwise_gradient = depthwise_gradient;
    table.join_phases = join_phases;
    table.sum = sum;
    table.sum_rows = sum_rows;
    table.relu = relu;
    table.relu_backward = relu_backward;
    table.leaky_relu = leaky_relu;
    table.leaky_relu_backward = leaky_relu_backward;
    table.tanh = scaled_tanh;
    table.tanh_backward = scaled_tanh_backward;
    table.sigmoid = sigmoid;
    table.sigmoid_backward = sigmoid_backward;
    table.gelu = gelu;
    table.gelu_backward = gelu_backward;
    table.gelu_tanh = gelu_tanh;
    table.gelu_tanh_backward = gelu_tanh_backward;
    table.dropout = dropout;
    table.dropout_backward = dropout_backward;
    table.softmax = softmax_rows;
    table.softmax_backward = softmax_rows_backward;
    table.log_softmax_backward = log_softmax_rows_backward;
    table.weighted_surprise = weighted_surprise;
    table.softmax_gradient = softmax_gradient;
    table.lrn = lrn;
    table.lrn_backward = lrn_backward;
    table.add_bias = add_bias;
    table.max_pool = max_pool;
    table.lane_max_pool = lane_max_pool;
    table.lane_max_pool_backward = lane_max_pool_backward;
    table.avg_pool = avg_pool;
    table.avg_pool_backward = avg_pool_backward;
    table.weighted_differences = weighted_differences;
    table.deviation_sums = deviation_sums;
    table.product_sums = product_sums;
    table.affine = affine;
    table.batch_norm_gradient = batch_norm_gradient;
    table.sgd = sgd;
    table.adam = adam;
    table.adadelta = adadelta;
    table.rmsprop = rmsprop;
    table.fma_rounds = fma_rounds;
    return table;
}

}  // namespace

extern const KernelTable PYCNN_TABLE(PYCNN_ISA);
constinit const KernelTable PYCNN_TABLE(PYCNN_ISA) = make_table();

}  // namespace pycnn
