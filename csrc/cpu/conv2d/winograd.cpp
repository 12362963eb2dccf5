#include "cpu/conv2d/winograd.hpp"

#include "cpu/conv2d/gemm.hpp"
#include "cpu/conv2d/winograd_correlation.hpp"
#include "cpu/dispatch.hpp"

namespace pycnn {

const WinogradKernels& winograd_of(ConvPass pass, const ConvShape& s) {
    const KernelTable& table = kernels();
    if (s.stride.h == 2) return pass == ConvPass::backward_input ? table.winograd_strided_input : table.winograd_strided;
    return s.R == 3 ? table.winograd_3x3 : table.winograd_5x5;
}

namespace {

// The fewest tasks that are worth it: with one task one core would work and the others wait.
constexpr int64_t kLeastTasks = 4;

// The cost of a call in multiply-adds. Transposing and transforming a tile's pixels takes about 250 cycles a vector, as long as
// 500 multiply-adds a channel; transforming a filter about as long as its products with 12 tiles. Measured gains are within a
// fifth of this, or better. Less than a quarter is not worth the larger rounding error.
//
// With stride 2 a filter takes as long as 5 tiles. Forward and dx take 500 again, though more pixels meet 81 positions; dw, which puts
// all of them into memory, takes 750. Of 188 shapes with 16 to 512 channels, planes of 7 to 56 and 1 to 32 images (AVX-512, one thread)
// this chooses 57 for forward and dx, of which none loses: the mean gains are 1.30 and 1.53. Of 37 for dw, mean 1.36, three lose up to
// a tenth.
constexpr double kTileCost = 500, kStridedGradientCost = 750;
constexpr double kFilterTiles = 12, kStridedFilterTiles = 5;
constexpr double kLeastGain = 1.25;

// The tiles of forward or backward-input.
StripGrid grid_of(ConvPass pass, const ConvShape& s) {
    const bool input = pass == ConvPass::backward_input;
    return {s.N, input ? s.H : s.P, input ? s.W : s.Q, winograd_of(pass, s).tile, kWinogradTaskTiles};
}

bool has_few_tiles(const ConvShape& s, const StripGrid& grid) { return s.groups * winograd_tasks(grid) < kLeastTasks; }

// Few tiles are shared out by outputs if those make more tasks.
bool goes_by_outputs(ConvPass pass, const ConvShape& s) {
    const int64_t outputs = pass == ConvPass::backward_input ? s.group_inputs() : s.group_outputs();
    return has_few_tiles(s, grid_of(pass, s)) && ceil_div(outputs, kernels().nr) >= kLeastTasks;
}

std::vector<int64_t> correlate_in_tiles(ConvPass pass, const ConvShape& s, const WinogradCorrelation& p) {
    return goes_by_outputs(pass, s) ? correlate_few_tiles(p) : correlate_many_tiles(p);
}

// Where the tiles of dx begin along an axis, and the zeros that they see before dy. With stride 1 tap r of the flipped filter is tap
// R - 1 - r, and reaches h + pad - (R - 1 - r) from h. With stride 2 a tile begins with a row of the middle tap, where h + pad is odd, so
// with even padding one row before the first, and it reads dy from (h + pad - 1) / 2 on.
struct InputAxis {
    int64_t before, pad;

    InputAxis(int64_t stride, int64_t taps, int64_t padding)
        : before(stride == 2 && padding % 2 == 0 ? 1 : 0), pad(stride == 2 ? (before + 1 - padding) / 2 : taps - 1 - padding) {}
};

ConvShape one_image(ConvShape s) {
    s.N = 1;
    return s;
}

}  // namespace

bool takes_winograd(ConvPass, const ConvShape& s) {
    const bool unit = s.stride.h == 1 && s.stride.w == 1, half = s.stride.h == 2 && s.stride.w == 2;
    return s.S == s.R && ((unit && (s.R == 3 || s.R == 5)) || (half && s.R == 3)) && s.dilation.h == 1 && s.dilation.w == 1;
}

bool suits_winograd(ConvPass pass, const ConvShape& s) {
    const bool input = pass == ConvPass::backward_input;
    const StripGrid grid = grid_of(pass, s);
    if (pass != ConvPass::backward_weight && has_few_tiles(s, grid) && !goes_by_outputs(pass, s)) return false;
    const double tiles = static_cast<double>(grid.tiles()),
                 pixels = static_cast<double>(s.N * (input ? s.H * s.W / (s.stride.h * s.stride.w) : s.P * s.Q));
    const double inputs = static_cast<double>(s.group_inputs()), outputs = static_cast<double>(s.group_outputs());
    const double taps = static_cast<double>(s.R * s.S);
    const bool strided = s.stride.h == 2;
    const double positions = static_cast<double>(winograd_of(pass, s).u_positions);
    const double filters = strided ? kStridedFilterTiles : kFilterTiles;
    const double tile = strided && pass == ConvPass::backward_weight ? kStridedGradientCost : kTileCost;
    const double cost = (tiles + filters) * positions * inputs * outputs + tiles * tile * (inputs + outputs);
    return cost * kLeastGain < pixels * taps * inputs * outputs;
}

// An image with a result that is not finite is computed again, as a plain sum.
void conv2d_winograd(const ConvShape& s, const float* x, const float* w, const float* b, float* y) {
    const int64_t taps = s.R * s.S, filter = s.group_inputs() * taps;
    const std::vector<int64_t> wrong = correlate_in_tiles(ConvPass::forward, s,
                                                          {.winograd = winograd_of(ConvPass::forward, s),
                                                           .images = s.N,
                                                           .groups = s.groups,
                                                           .inputs = s.group_inputs(),
                                                           .outputs = s.group_outputs(),
                                                           .source = x,
                                                           .height = s.H,
                                                           .width = s.W,
                                                           .pad_h = s.pad.top,
                                                           .pad_w = s.pad.left,
                                                           .filters = w,
                                                           .group_stride = s.group_outputs() * filter,
                                                           .output_stride = filter,
                                                           .input_stride = taps,
                                                           .flipped = false,
                                                           .bias = b,
                                                           .target = y,
                                                           .out_height = s.P,
                                                           .out_width = s.Q});
    for (int64_t n : wrong) conv2d_gemm(one_image(s), x + n * s.C * s.H * s.W, w, b, y + n * s.K * s.P * s.Q);
}

// dx[c] = sum over k of the flipped w[k, c] * dy[k].
void conv2d_winograd_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b) {
    const InputAxis rows(s.stride.h, s.R, s.pad.top), columns(s.stride.w, s.S, s.pad.left);
    const int64_t taps = s.R * s.S, filter = s.group_inputs() * taps;
    const std::vector<int64_t> wrong = correlate_in_tiles(ConvPass::backward_input, s,
                                                          {.winograd = winograd_of(ConvPass::backward_input, s),
                                                           .images = s.N,
                                                           .groups = s.groups,
                                                           .inputs = s.group_outputs(),
                                                           .outputs = s.group_inputs(),
                                                           .source = dy,
                                                           .height = s.P,
                                                           .width = s.Q,
                                                           .pad_h = rows.pad,
                                                           .pad_w = columns.pad,
                                                           .filters = w,
                                                           .group_stride = s.group_outputs() * filter,
                                                           .output_stride = taps,
                                                           .input_stride = filter,
                                                           .flipped = true,
                                                           .bias = b,
                                                           .target = dx,
                                                           .out_height = s.H,
                                                           .out_width = s.W,
                                                           .before_h = rows.before,
                                                           .before_w = columns.before});
    for (int64_t n : wrong) conv2d_gemm_backward_input(one_image(s), dy + n * s.K * s.P * s.Q, w, dx + n * s.C * s.H * s.W, b);
}

}  // namespace pycnn
