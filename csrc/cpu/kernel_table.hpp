// The table of kernels that each instruction set fills (see isa/kernels.cpp). Plain function pointers and plain numbers
// only: this header is included by code compiled with different instruction-set flags.
#pragma once

#include <cstdint>

#include "ops/activation_kind.hpp"
#include "ops/batch_norm2d.hpp"
#include "ops/dropout.hpp"
#include "ops/local_response_norm.hpp"
#include "ops/optim.hpp"

namespace pycnn {

// MR and NR are the rows and columns of C that a GEMM micro-kernel keeps in registers, as in BLIS (Van Zee, van de Geijn, "BLIS: A
// Framework for Rapidly Instantiating BLAS Functionality", ACM TOMS 41(3), 2015).
constexpr int kMaxMR = 14;            // largest MR of any instruction set
constexpr int kNRVectors = 2;         // NR, in vectors
constexpr int kMaxProductRows = 4;    // rows of a RowProductsKernel
constexpr int kMaxTilePixels = 24;    // rows of a pixel tile of any instruction set: more where it has one vector of filters
constexpr int kMaxDotTile = 5;        // largest side of a dot tile
constexpr int kMaxWindowFilters = 6;  // filters of a tile of windows
constexpr int kMaxPooledFilters = 3, kMaxPooledColumns = 5, kMaxPooledChannels = 6;  // tiles of gradients after pooling

// Where the vectors of a tile of the GEMM kernel lie in B and C (offsets in floats from the tile's b and c), and how many of their
// lanes count. B is always read whole, C is touched only in lanes that count.
struct VectorPlace {
    int64_t b, c;
    int64_t valid;
};

// For each row i < rows and each vector v of `places`:
//   C[i][v] = sum over k < depth of a[k * rows + i] * B[k][v] + (accumulate ? C[i][v] : bias ? bias[i] : 0)
// with B[k][v] at b + offsets[k] + places[v].b and C[i][v] at c + i * ldc + places[v].c.
using GemmKernel = void (*)(int64_t depth, const float* a, const float* b, const int64_t* offsets, const VectorPlace* places,
                            float* c, int64_t ldc, const float* bias, bool accumulate);

// A batch-reduce dot product: as oneDNN's brgemm, one tile of C takes the sum of products of several pairs of blocks, here
// runs of memory.
//   C[i][j] += sum over t < runs and k < length of a[i * lda + t * a_pitch + k] * b[columns[j] + t * b_pitch + k]
// `length` is a multiple of NR.
using BatchReduceDotKernel = void (*)(int64_t runs, int64_t length, const float* a, int64_t lda, int64_t a_pitch,
                                      const float* b, const int64_t* columns, int64_t b_pitch, float* c, int64_t ldc);

// C[i][j] += sum over k < depth of A[i][k] B[j][k], or of (A[i][k] - B[j][k])^2; both operands contiguous along k.
using DotKernel = void (*)(int64_t depth, const float* a, int64_t lda, const float* b, int64_t ldb, float* c, int64_t ldc);

// A window of 2 x 2 outputs of some filters i, in one vector of images:
//   bias[i] + sum over k < depth of w[i * w_stride + k] * x[offsets[k] + row * row_pitch + column * NR]
// of which ReLU and the maximum go to y + i * y_pitch, and the winners' places (see lane_max_pool) to winners + i * winners_pitch.
using WindowKernel = void (*)(int64_t depth, const float* w, int64_t w_stride, const float* x, const int64_t* offsets,
                              int64_t row_pitch, const float* bias, float* y, uint8_t* winners, int64_t y_pitch,
                              int64_t winners_pitch);

// Of one vector of images: where a pixel of a convolution is the winner of its window of 2 x 2, by the row it lies in. `in_row` are the
// lanes whose winner lies in this row, `second` those of them where it lies in the second column.
struct LaneWinners {
    uint16_t in_row, second;
};

// What is left of the gradients of some filters' outputs after max pooling by windows of 2 x 2, in a block of images. Filter k has those of
// its windows at gradients + k * plane, pixels of NR floats, and for each row of outputs and vector of images `windows` winners at
// winners + k * winners_plane.
struct PooledGradients {
    int64_t windows;  // in a row
    const float* gradients;
    int64_t plane;
    const LaneWinners* winners;
    int64_t winners_plane;
};

// Its products with images, as of BatchReduceDotKernel with the gradients of all outputs, and with the same bits:
//   C[i][j] += sum over rows first <= h < first + rows, columns w and images of dy[i][h][w] * x[(h - first) * x_pitch + (w + j) * NR]
using PooledDotKernel = void (*)(const PooledGradients&, int64_t first, int64_t rows, const float* x, int64_t x_pitch, float* c,
                                 int64_t ldc);

// Which winners of a window a pair of neighbouring inputs sees: all bits are set or none.
struct PairLanes {
    uint16_t left_first, left_second, right_first, right_second;  // of an input, by the winner's column
};

// The taps that a pair of inputs sees: for each of some filters, of `rows` rows of outputs from `row` on upwards and in each of `windows`
// windows from `window` on to the left.
struct PooledTaps {
    int64_t filters, rows, windows, row, window;
    int64_t filter_step, row_step;  // of the weights
    const PairLanes* lanes;         // of each window
};

// The gradients of such pairs in each of some channels: (accumulate ? C[i] : 0) + the sum of the products that UnpackedGemmKernel takes,
// in its order. Window t of filter k and row r has three weights of each channel at weights + k * filter_step + r * row_step + t * 3 * channels:
// the first and second are those of the left input for a winner in the second and first column, the second and third those of the right one.
using PooledInputKernel = void (*)(const PooledGradients&, const PooledTaps&, const float* weights, float* c, int64_t ldc,
                                   bool accumulate);

// The GEMM kernel on operands that are not packed. For each row i < rows and each of one or two vectors v of columns:
//   C[i][v] = sum over k < depth of a[a_offsets[k] + i * a_stride] * B[k][v] + (accumulate ? C[i][v] : bias ? bias[i] : 0)
// with B[k][v] at b + b_offsets[k] + v * lanes and C[i][v] at c + i * ldc + v * lanes. Vectors are read and written whole.
using UnpackedGemmKernel = void (*)(int64_t depth, const float* a, const int64_t* a_offsets, int64_t a_stride, const float* b,
                                    const int64_t* b_offsets, float* c, int64_t ldc, const float* bias, bool accumulate);

// A few rows of C, whose B is read once, row by row: C[i][j] += sum over k < depth of a[i * lda + k] * b[k * ldb + j] for each row i < rows
// and j < columns. Every product is added to C.
using RowProductsKernel = void (*)(int64_t depth, const float* a, int64_t lda, int64_t columns, const float* b, int64_t ldb,
                                   float* c, int64_t ldc);

// Planes of some channels in some images: that of channel c in image n is `length` floats at c * step + n * pitch.
struct ChannelRuns {
    // Shorter runs do not fill the longest vector, so lanes run over channels that lie side by side. Measured: 9 floats take 0.14 ms
    // instead of 0.25 (gradient of (16, 960, 3, 3)), 36 floats are as fast either way.
    static constexpr int64_t kShort = 16;

    int64_t channels, images, length, step, pitch;
};

// What is done last to the outputs of pixels: residual[i * residual_pitch + ...] is added, if it is not null, and results are clamped to
// [lower, upper]; NaN passes.
struct PixelEnd {
    const float* residual;
    int64_t residual_pitch;
    float lower, upper;
};

// A tile of a convolution of images whose channels lie side by side. For each pixel i < rows and each of one or two vectors v of filters:
//   C[i][v] = start[v] + sum over k < depth of a[a_offsets[k] + i * a_stride] * b[k * NR + v * lanes]
// where start is the bias or, if that is null, what C holds, at c + i * ldc + v * lanes. `end` may be null. Each step of the sum asks for
// the cache line at `ahead` and moves it on by `ahead_step` floats, which may be 0: filters that are wanted soon come while it multiplies.
using PixelTileKernel = void (*)(int64_t depth, const float* a, const int64_t* a_offsets, int64_t a_stride, const float* b,
                                 const float* ahead, int64_t ahead_step, const float* bias, const PixelEnd* end, float* c,
                                 int64_t ldc);

// A row of a depthwise convolution of such images: for i < pixels, and whole vectors of channels c
//   y[i * y_stride + c] = bias[c] + sum over t < taps of w[w_offsets[t] + c] * x[x_offsets[t] + i * x_stride + c], and `end`.
struct PixelTaps {
    int64_t taps;
    const int64_t *x_offsets, *w_offsets;
    const float *w, *bias;
};

// The pixels of a window, at least one: rows and columns that many floats apart.
struct PixelWindow {
    int64_t rows, row_step, columns, column_step;
};

// A run of `length` floats, copied from `source` to `target` (offsets in floats).
struct Segment {
    int64_t source, target, length;
};

// A zero-padded copy of part of a plane: row i of the copy is plane row first_row + i; in it, element `phase * pitch + t`
// is plane column first_column + phase + t * phases.
struct PaddedCopy {
    int64_t height, width;            // of the plane
    int64_t first_row, first_column;  // may be negative or beyond the plane
    int64_t rows, phases, pitch;      // of the copy
};

// A filter on a padded copy of a plane: output (p, q) multiplies tap k with the copy's element offsets[k] + p * pitch + q.
struct PlaneFilter {
    int64_t taps;
    const int64_t* offsets;
    int64_t pitch;
};

// Which taps a filter on flat planes has: a number of rows, each with taps that need no mask ("free") and taps one column before or
// behind them, which do. Three rows are those of a whole filter of 3 x 3: with a stride of 2 each has two free taps and one that is
// not, with a stride of 1 one free tap between the others. One or two rows are those that meet a phase of dx.
enum class FlatKind { free_1, free_2, before_1, before_2, behind_1, behind_2, before_3, behind_3, beside_3 };

// A filter on flat planes, whose rows of `pitch` floats lie side by side: output i multiplies tap w[taps[k]] with the element
// offsets[k] + i. The free taps come first; tap r of a group with masks lies beside free tap r.
struct FlatFilter {
    FlatKind kind;
    const int64_t *taps, *offsets;
    const int32_t*
        masks;  // group g: masks + g * mask_pitch, -1 or 0 for `pitch` columns, and on from the first for another vector
    int64_t mask_pitch, pitch, step;  // step: lanes % pitch
};

// A filter on planes with channels in lanes: output (p, q), at p * y_pitch + q * y_step, multiplies tap w + weights[k] with the pixel
// offsets[k] + p * x_pitch + q * x_step. All numbers count floats.
struct LaneFilter {
    int64_t taps;
    const int64_t *weights, *offsets;
    int64_t x_pitch, x_step, y_pitch, y_step;
};

// Copies of a plane for each of `phases` columns, a multiple of phase_pitch floats apart: row i of a copy is plane row
// first_row + i * row_step, its column t plane column t * phases + phase. What is not in the plane is zero.
struct SplitCopy {
    int64_t height, width;  // of the plane
    int64_t first_row, row_step, rows;
    int64_t phases, phase_pitch, pitch;
};

// Grids that make rows first to last of a plane: row h, column v of it is element (h / phases.h, v / phases.w) of grid
// (h % phases.h, v % phases.w), counted from `first`, in the order of the grids.
struct JoinedGrids {
    int64_t row_phases, column_phases, grid_pitch, pitch;
    int64_t rows, width, writable;  // rows of the plane, its width, and floats from its first row on that may be written
};

struct PoolWindow {
    int64_t H, W, P, Q;
    int64_t kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
};

// Windows beyond both ends of a row that the backward pass of the common windows looks at.
constexpr int64_t kPoolMargin = 2;

// Products of transformed tiles: position m of the results is the sum over i < terms of position v + i of the inputs times position
// u + i of the filters.
struct WinogradProduct {
    int32_t v, u, m, terms;
};
constexpr int64_t kMostWinogradTerms = 4;

// The transforms of a convolution by tiles (see isa/winograd.hpp), on whole vectors of channels: the first `vectors` of a pixel, or
// of a tile, which lie `pitch` floats apart. Of the positions of a transformed tile, p is at p * u_pitch (v_pitch, m_pitch).
struct WinogradKernels {
    int64_t tile, taps;                             // outputs of a tile and taps of a filter along an axis
    int64_t window, step;                           // inputs of a tile along an axis, and from one tile to the next
    int64_t v_positions, u_positions, m_positions;  // of inputs, of filters, and of outputs or their gradients
    const WinogradProduct* products;                // each position of the filters is in one
    int64_t product_count;
    // Tap t of the filters is at taps + t * tap_pitch; a negative tap_pitch flips them along both axes.
    void (*filter)(int64_t vectors, const float* taps, int64_t tap_pitch, float* u, int64_t u_pitch);
    void (*filter_gradient)(int64_t vectors, const float* u, int64_t u_pitch, float* taps, int64_t tap_pitch);
    // Tiles side by side: of window x window inputs, one every `step` pixels, or of tile x tile gradients. rows[i] is row i of them all.
    // Only kernels of a forward pass have gradients.
    void (*input)(int64_t tiles, int64_t vectors, int64_t pitch, const float* const* rows, float* v, int64_t v_pitch);
    void (*gradient)(int64_t tiles, int64_t vectors, int64_t pitch, const float* const* rows, float* v, int64_t v_pitch);
    // y has `tile` rows of tile * tiles pixels. Returns whether every output is finite.
    bool (*output)(int64_t tiles, int64_t vectors, int64_t pitch, const float* m, int64_t m_pitch, const float* bias, float* y);
};

// Of numbers in the same place of several rows, along one axis (see isa/winograd_rows.hpp): `count` of them in each row.
using RowTransform = void (*)(int64_t count, const float* const* from, float* const* to);
struct RowWinogradKernels {
    int64_t tile, taps;                    // as above
    RowTransform filter, filter_gradient;  // `taps` rows to 6, and 6 to `taps`
    RowTransform input, gradient, output;  // 6 rows to 6, `tile` rows to 6, and 6 to `tile`
};
constexpr int64_t kFewestRowTaps = 3, kMostRowTaps = 5;

struct KernelTable {
    const char* name;
    const char* (*compiled_for)();  // the instruction set its code was compiled for, by the compiler's macros
    int lanes;
    int mr, nr;                 // a GEMM tile has 1..mr rows and one or two vectors of columns, up to nr = kNRVectors * lanes
    int dot_rows, dot_columns;  // a dot tile has 1..dot_rows x 1..dot_columns elements
    GemmKernel gemm[kMaxMR][kNRVectors];                              // [rows - 1][vectors - 1]
    DotKernel dot[kMaxDotTile][kMaxDotTile];                          // [rows - 1][columns - 1]
    UnpackedGemmKernel unpacked_gemm[kMaxMR][kNRVectors];             // [rows - 1][vectors - 1]
    DotKernel distance[kMaxDotTile][kMaxDotTile];                     // likewise
    BatchReduceDotKernel batch_reduce_dot[kMaxDotTile][kMaxDotTile];  // likewise
    int product_rows;                                                 // the most that the next one takes
    RowProductsKernel row_products[kMaxProductRows];                  // [rows - 1]

    PixelTileKernel pixel_tile[kMaxTilePixels][kNRVectors];  // [rows - 1][vectors - 1]
    int tile_pixels[kNRVectors];                             // the most rows of a pixel tile, by vectors - 1
    PixelTileKernel half_tile[kMaxTilePixels];  // for at most half_lanes filters, which may be 0; what else C has stays
    int half_lanes;

    // Rows of pixels whose channels lie side by side (see isa/nhwc.hpp); `count` floats, or whole vectors of channels.
    void (*pixel_depthwise)(int64_t pixels, int64_t vectors, const PixelTaps&, const float* x, int64_t x_stride,
                            const PixelEnd&, float* y, int64_t y_stride);
    // Windows side by side, `step` floats apart.
    void (*pixel_max)(int64_t pixels, int64_t vectors, const PixelWindow&, const float* x, int64_t step, float* y,
                      int64_t y_pitch);
    void (*pixel_mean)(int64_t vectors, const PixelWindow&, float divisor, const float* x, float* y);
    void (*clamp)(int64_t count, const float* x, const float* residual, float lower, float upper, float* y);
    // y = x * scale[c] + shift[c], clamped; shift may be null.
    void (*pixel_affine)(int64_t pixels, int64_t vectors, const float* x, int64_t x_pitch, const float* scale,
                         const float* shift, float lower, float upper, float* y, int64_t y_pitch);

    // target[k * pitch + segment] = base[offsets[k] + segment] for k < depth; segments ascend in target. Reads and writes whole
    // vectors: up to lanes - 1 floats of garbage follow a segment, and as many behind base and target must be accessible.
    void (*pack_rows)(const float* base, const int64_t* offsets, int64_t depth, const Segment*, int64_t segments, float* target,
                      int64_t pitch);
    // target[j * target_pitch + i] = source[i * source_pitch + j] for i < rows, j < columns.
    void (*transpose)(int64_t rows, int64_t columns, const float* source, int64_t source_pitch, float* target,
                      int64_t target_pitch);
    void (*pad_plane)(const PaddedCopy&, const float* plane, float* target);

    WinogradKernels winograd_3x3, winograd_5x5;
    WinogradKernels winograd_strided, winograd_strided_input;  // of 3 x 3 filters with stride 2: forward and dw, and dx
    RowWinogradKernels row_winograd[kMostRowTaps - kFewestRowTaps + 1];  // [taps - kFewestRowTaps]

    // y[p * Q + q] = bias + sum over taps k of w[k] * x[...], for P x Q outputs; and, for the gradient of w, sums[k * lanes + i] +=
    // dy[p * Q + q] * x[...], spread over the lanes i. Both read x in whole vectors: lanes - 1 floats behind must be accessible.
    void (*depthwise)(const PlaneFilter&, const float* w, float bias, const float* x, int64_t P, int64_t Q, float* y);
    void (*depthwise_gradient)(const PlaneFilter&, const float* x, int64_t P, int64_t Q, const float* dy, float* sums);
    // y[i] = bias + sum over taps of i < count; and, for the gradients of w and the bias, sums[tap * lanes + l] += dy[i] * x[...] and
    // bias[l] += dy[i], spread over the lanes l, from an output in `column` on. Reads of x, as of split_plane's and join_grids' areas,
    // are of whole vectors: lanes floats before and behind must be accessible.
    void (*flat_correlation)(const FlatFilter&, const float* w, float bias, const float* x, int64_t count, float* y);
    void (*flat_gradient)(const FlatFilter&, int64_t column, const float* x, int64_t count, const float* dy, float* sums,
                          float* bias);
    void (*split_plane)(const SplitCopy&, const float* plane, float* target);
    void (*join_grids)(const JoinedGrids&, const float* grids, float* target);
    // Channels in lanes. Pixel i of plane l goes to target[places[i] + l] (beyond `planes` that of the last plane), and comes back from
    // source[i * lanes + l].
    void (*planes_to_lanes)(int64_t planes, int64_t pixels, const float* source, int64_t plane_pitch, const int64_t* places,
                            float* target);
    void (*lanes_to_planes)(int64_t planes, int64_t pixels, const float* source, float* target, int64_t plane_pitch);
    // P x Q outputs; and, for P x Q gradients without gaps, sums[weights[k]] += dy * x[...] and bias += dy.
    void (*lane_correlation)(const LaneFilter&, const float* w, const float* bias, const float* x, int64_t P, int64_t Q,
                             float* y);
    void (*lane_gradient)(const LaneFilter&, const float* x, int64_t P, int64_t Q, const float* dy, float* sums, float* bias);
    // target[i * phases + a] = source[a * pitch + i] for a < phases, where i * phases + a < count; reads whole vectors.
    void (*join_phases)(int64_t phases, const float* source, int64_t pitch, int64_t count, float* target);
    float (*sum)(int64_t count, const float* x);
    // target[j] = sum over i < count of source[positions[i] * pitch + j], in the order of i, for j < width.
    void (*sum_rows)(int64_t count, const int64_t* positions, int64_t pitch, const float* source, int64_t width, float* target);
    // y[i] = float(x[i] * scale + shift), rounded once in double and once to float, for i < the number that is returned, <= count.
    int64_t (*affine_bytes)(int64_t count, const uint8_t* x, double scale, double shift, float* y);

    void (*add)(int64_t count, const float* a, const float* b, float* y);
    void (*relu)(int64_t count, const float* x, float* y);
    void (*relu_backward)(int64_t count, const float* dy, const float* y, float* dx);
    void (*leaky_relu)(int64_t count, float slope, const float* x, float* y);
    void (*leaky_relu_backward)(int64_t count, float slope, const float* dy, const float* x, float* dx);
    void (*tanh)(int64_t count, float amplitude, float slope, const float* x, float* y);
    void (*tanh_backward)(int64_t count, float amplitude, float slope_by_amplitude, const float* dy, const float* y, float* dx);
    void (*sigmoid)(int64_t count, const float* x, float* y);
    void (*sigmoid_backward)(int64_t count, const float* dy, const float* y, float* dx);
    void (*gelu)(int64_t count, const float* x, float* y);
    void (*gelu_backward)(int64_t count, const float* dy, const float* x, float* dx);
    void (*gelu_tanh)(int64_t count, const float* x, float* y);
    void (*gelu_tanh_backward)(int64_t count, const float* dy, const float* x, float* dx);
    // By ActivationKind.
    void (*activation[kActivationKinds])(int64_t count, float a, float b, const float* x, float* y);
    void (*activation_backward[kActivationKinds])(int64_t count, float a, float b, const float* dy, const float* x, float* dx);

    // x starts with the first number of a block of four.
    void (*dropout)(int64_t count, uint64_t first_block, const DropoutScalars&, const float* x, float* y, uint8_t* kept);
    void (*dropout_backward)(int64_t count, float scale, const float* dy, const uint8_t* kept, float* dx);

    // Rows of C numbers (see isa/softmax.hpp).
    void (*softmax)(int64_t rows, int64_t C, const float* x, float* p, float* largest, float* total);
    void (*softmax_backward)(int64_t rows, int64_t C, const float* dy, const float* p, float* dx);
    void (*log_softmax_backward)(int64_t rows, int64_t C, const float* dy, const float* y, float* dx);
    float (*weighted_nll)(int64_t C, const float* x, const float* w, float largest, float log_total);
    void (*softmax_gradient)(int64_t C, const float* p, const float* w, float a, float b, float* dx);

    // `count` pixels of one image from x on; the ring has before + after + 1 rows of `pitch` floats.
    void (*lrn)(const LrnWindow&, int64_t count, const float* x, float* y, float* scale);
    void (*lrn_backward)(const LrnWindow&, int64_t count, const float* dy, const float* x, const float* y, const float* scale,
                         float* dx, float* ring, int64_t pitch);
    // Pixels whose channels lie side by side; y and x lie apart.
    void (*pixel_lrn)(const LrnWindow&, int64_t pixels, const float* x, int64_t x_pitch, float* y, int64_t y_pitch);

    void (*add_bias)(int64_t rows, int64_t columns, const float* bias, float* y);  // y[i][j] = bias[j]
    void (*max_pool)(const PoolWindow&, const float* x, float* y, int32_t* indices);
    // A row of `outputs` windows of height x width pixels side by side, after a ReLU, on interleaved images (see isa/lane_pool.hpp); rows of
    // pixels are row_pitch floats apart. A winner is the place r * width + s in its window, 255 if it is not above zero.
    void (*lane_max_pool)(int64_t height, int64_t width, int64_t outputs, const float* rows, int64_t row_pitch, float* y,
                          uint8_t* winners);
    void (*lane_max_pool_backward)(int64_t height, int64_t width, int64_t outputs, const float* dy, const uint8_t* winners,
                                   float* rows, int64_t row_pitch);
    int window_filters;                            // the most that the next one takes
    WindowKernel lane_windows[kMaxWindowFilters];  // [filters - 1]
    // For gradients after max pooling by windows of 2 x 2 (see isa/lane_winners.hpp); null where masks cost as much as products. A row of
    // windows has two rows of outputs, each with `windows` winners of each vector of images.
    void (*lane_winners)(int64_t windows, const uint8_t* winners, LaneWinners* rows);
    // The sum of a filter's gradients, `rows` rows of outputs that are `width` wide: the bits of `sum` of all outputs, if these are one block.
    float (*pooled_sum)(const PooledGradients&, int64_t rows, int64_t width);
    PooledDotKernel pooled_dot[kMaxPooledFilters][kMaxPooledColumns];  // [filters - 1][columns - 1]
    PooledInputKernel pooled_input[kMaxPooledChannels];                // [channels - 1]
    void (*avg_pool)(const PoolWindow&, const float* x, const float* divisor, float* y);
    // `area` has room for P rows of Q + 2 kPoolMargin floats and one vector.
    void (*avg_pool_backward)(const PoolWindow&, const float* dy, const float* divisor, float* area, float* dx);
    // out[i] = sum over t < terms of 2 * weights[t * stride] * (x[i] - others[t * count + i]).
    void (*weighted_differences)(int64_t count, int64_t terms, const float* weights, int64_t stride, const float* x,
                                 const float* others, float* out);
    // Of channels, with two sums in double for each: {x, x^2}, {x - centre, (x - centre)^2} and {g, g * (x - mean)}, where g is dy within
    // the limits of y = (x - mean) * scale + shift; where y is more than that, it is given, else null.
    void (*channel_moments)(const ChannelRuns&, const float* x, double* sums);
    void (*deviation_sums)(const ChannelRuns&, const float* x, const float* centres, double* sums);
    void (*product_sums)(const ChannelRuns&, const float* dy, const float* y, const Limits&, const float* x,
                         const AffineScalars*, double* sums);
    // y = limits((x - mean) * scale + shift + residual), with scalars for each channel; residual may be null.
    void (*normalise)(const ChannelRuns&, const float* x, const AffineScalars*, const float* residual, const Limits&, float* y);
    // dx = g * scale - (x - mean) * slope - offset and dresidual = g, with g as above; dresidual may be null.
    void (*batch_norm_gradient)(const ChannelRuns&, const float* dy, const float* y, const Limits&, const float* x,
                                const AffineScalars*, const BatchNormScalars*, float* dx, float* dresidual);
    void (*sgd)(int64_t count, const SgdScalars&, float* w, const float* grad, float* velocity);
    void (*adam)(int64_t count, const AdamScalars&, float* w, const float* grad, float* m, float* v);
    void (*adadelta)(int64_t count, const AdadeltaScalars&, float* w, const float* grad, float* square_avg, float* acc_delta);
    // Without momentum, momentum_buffer is null; where the mean square is not centered, grad_avg is.
    void (*rmsprop)(int64_t count, const RmspropScalars&, float* w, const float* grad, float* square_avg,
                    float* momentum_buffer, float* grad_avg);

    // Multiply-adds of `rounds` rounds on registers alone, for measuring the peak: returns how many.
    int64_t (*fma_rounds)(int64_t rounds, float* sink);
};

}  // namespace pycnn
