#include "python/numpy/plan_checks.hpp"

#include <limits>

#include "core/error.hpp"

namespace pycnn {
namespace {

// Sizes below this can be added and doubled without overflow; products are checked by element_count.
constexpr int64_t kLargest = std::numeric_limits<int32_t>::max();

std::string size_of(const NhwcImages& images) { return to_string({images.channels, images.height, images.width}); }

void check_lies_in(const PlanSizes& sizes, const char* name, int64_t offset, int64_t floats, bool passes) {
    const int64_t there = passes ? sizes.passing : sizes.kept;
    if (offset < 0 || floats > there || offset > there - floats)
        fail_value(kInferencePlan, name, " has ", floats, " floats of an image from float ", offset, " on, and there are ",
                   there);
}

// The first and last row (column) that windows read, against those that there are.
void check_reach(const char* side, int64_t outputs, int64_t stride, int64_t taps, int64_t dilation, int64_t before,
                 int64_t size, int64_t border_before, int64_t border_after) {
    const int64_t end = (outputs - 1) * stride + (taps - 1) * dilation + 1 - before;
    if (before > border_before || end > size + border_after)
        fail_value(kInferencePlan, "windows read ", side, " ", -before, " to ", end, " of x, which has ", -border_before,
                   " to ", size + border_after, " with its border");
}

void check_depthwise(const ConvShape& s, const NhwcImages& x) {
    check_whole_vectors("x", x);
    if (s.groups != s.C || s.K != s.C)
        fail_value(kInferencePlan, "a depthwise convolution has one filter a channel, got ", s.K, " filters in ", s.groups,
                   " groups for ", s.C, " channels");
}

// Winograd's tiles of 6 x 6 inputs may hang over the edge.
void check_winograd(const ConvShape& s, const NhwcImages& x) {
    check_whole_vectors("x", x);
    const bool plain = s.stride.h == 1 && s.stride.w == 1 && s.dilation.h == 1 && s.dilation.w == 1;
    if (!plain || s.R != s.S || (s.R != 3 && s.R != 5))
        fail_value(kInferencePlan, "winograd takes 3 x 3 and 5 x 5 filters with stride and dilation 1, got ", s.R, " x ", s.S);
    const int64_t tile = 7 - s.R;
    check_reach("rows", ceil_div(s.P, tile), tile, 6, 1, s.pad.top, x.height, x.border.top, x.border.bottom);
    check_reach("columns", ceil_div(s.Q, tile), tile, 6, 1, s.pad.left, x.width, x.border.left, x.border.right);
}

}  // namespace

void check_sizes(const PlanSizes& sizes) {
    if (sizes.kept < 0 || sizes.passing < 0 || sizes.input < 0 || sizes.output < 0)
        fail_value(kInferencePlan, "sizes must be at least 0, got ",
                   to_string({sizes.kept, sizes.passing, sizes.input, sizes.output}));
}

void check_rows(const PlanSizes& sizes, const char* name, const FlatRows& rows, bool is_written) {
    if (rows.width < 1) fail_value(kInferencePlan, name, " must have at least 1 float, has ", rows.width);
    const bool is_input = rows.offset == FlatRows::kInput && !is_written, is_output = rows.offset == FlatRows::kOutput;
    if (is_input || is_output) {
        const int64_t there = is_input ? sizes.input : sizes.output;
        if (rows.width != there)
            fail_value(kInferencePlan, name, " has ", rows.width, " floats, and the plan's ", is_input ? "input " : "output ",
                       there);
        return;
    }
    check_lies_in(sizes, name, rows.offset, rows.width, rows.passes);
}

void check_images_lie_in(const PlanSizes& sizes, const char* name, const NhwcImages& i) {
    const Padding& b = i.border;
    for (int64_t number : {i.channels, i.height, i.width, i.pitch})
        if (number < 1 || number > kLargest) fail_value(kInferencePlan, "sizes of ", name, " must be at least 1, got ", number);
    for (int64_t number : {b.top, b.bottom, b.left, b.right})
        if (number < 0 || number > kLargest)
            fail_value(kInferencePlan, "borders of ", name, " must be at least 0, got ", number);
    if (i.pitch < i.channels)
        fail_value(kInferencePlan, "pixels of ", name, " have ", i.pitch, " floats for ", i.channels, " channels");
    element_count(kInferencePlan, {b.top + i.height + b.bottom, b.left + i.width + b.right, i.pitch});
    check_lies_in(sizes, name, i.offset, i.image(), i.passes);
}

void check_whole_vectors(const char* name, const NhwcImages& images) {
    const int lanes = kernels().lanes;
    if (images.pitch % lanes != 0)
        fail_value(kInferencePlan, "pixels of ", name, " must be whole vectors of ", lanes, " floats, have ", images.pitch);
}

void check_row_width(const char* name, const FlatRows& rows, int64_t wanted) {
    if (rows.width != wanted) fail_value(kInferencePlan, name, " must have ", wanted, " floats, has ", rows.width);
}

void check_same_size(const char* name, const NhwcImages& images, const char* other_name, const NhwcImages& other) {
    if (images.height != other.height || images.width != other.width)
        fail_value(kInferencePlan, name, " must be as large as ", other_name, " (", name, ": ", size_of(images), ", ",
                   other_name, ": ", size_of(other), ")");
}

void check_same_images(const char* name, const NhwcImages& images, const char* other_name, const NhwcImages& other) {
    check_same_size(name, images, other_name, other);
    if (images.channels != other.channels || images.pitch != other.pitch)
        fail_value(kInferencePlan, name, " must have the pixels of ", other_name, " (", name, ": ", images.channels,
                   " channels in ", images.pitch, " floats, ", other_name, ": ", other.channels, " in ", other.pitch, ")");
}

void check_convolution(const std::string& algorithm, const ConvShape& s, const NhwcImages& x, const NhwcImages& y,
                       const std::optional<NhwcImages>& residual) {
    if (y.channels != s.K || y.height != s.P || y.width != s.Q)
        fail_value(kInferencePlan, "y must be ", to_string({s.K, s.P, s.Q}), ", is ", size_of(y));
    check_whole_vectors("y", y);
    if (residual) {
        check_same_size("residual", *residual, "y", y);
        check_whole_vectors("residual", *residual);
        if (residual->channels != y.channels)
            fail_value(kInferencePlan, "residual has ", residual->channels, " channels, y has ", y.channels);
    }
    if (algorithm == "depthwise") {
        check_depthwise(s, x);
        return;
    }
    if (s.groups > 1 && s.group_outputs() % kernels().lanes != 0)
        fail_value(kInferencePlan, "groups must have whole vectors of ", kernels().lanes, " filters, have ", s.group_outputs());
    if (algorithm == "winograd") {
        check_winograd(s, x);
    } else if (algorithm != "direct") {
        fail_value(kInferencePlan, "'", algorithm, "' is none of depthwise, direct and winograd");
    }
    check_reach("rows", s.P, s.stride.h, s.R, s.dilation.h, s.pad.top, x.height, x.border.top, x.border.bottom);
    check_reach("columns", s.Q, s.stride.w, s.S, s.dilation.w, s.pad.left, x.width, x.border.left, x.border.right);
}

void check_pooling(const PoolShape& s, const NhwcImages& x, const NhwcImages& y) {
    check_whole_vectors("x", x);
    check_whole_vectors("y", y);
    if (x.channels != y.channels) fail_value(kInferencePlan, "y must have ", x.channels, " channels, has ", y.channels);
    // Values up to kLargest: products of two stay below 2^63.
    const auto is_right = [](int64_t outputs, int64_t kernel, int64_t stride, int64_t pad, int64_t size) {
        return kernel >= 1 && kernel <= kLargest && stride >= 1 && stride <= kLargest && pad >= 0 && pad <= kernel / 2 &&
               (outputs - 1) * stride < size + pad;
    };
    if (!is_right(s.P, s.kernel.h, s.stride.h, s.pad.h, s.H) || !is_right(s.Q, s.kernel.w, s.stride.w, s.pad.w, s.W))
        fail_value(kInferencePlan, "windows of ", s.kernel.h, " x ", s.kernel.w, " lie beyond x (x: ", size_of(x),
                   ", y: ", size_of(y), ")");
}

}  // namespace pycnn
