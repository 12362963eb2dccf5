// Plans of inference: pycnn/inference/lower.py makes one step by step, and sessions run it.
#include <limits>

#include "cpu/nhwc/packed_linear.hpp"
#include "cpu/nhwc/plan.hpp"
#include "cpu/nhwc/rows.hpp"
#include "cpu/nhwc/turning.hpp"
#include "cpu/nhwc/winograd.hpp"
#include "ops/class_loss.hpp"
#include "ops/conv2d.hpp"
#include "ops/conv2d_pooled.hpp"
#include "ops/linear.hpp"
#include "ops/local_response_norm.hpp"
#include "ops/softmax_cross_entropy.hpp"
#include "python/conv_arguments.hpp"
#include "python/numpy/plan_arguments.hpp"
#include "python/numpy/plan_checks.hpp"
#include "python/numpy/runtime.hpp"
#include "python/views.hpp"

namespace pycnn {
namespace {

using Plan = InferencePlan;

const float* optional_data(const std::optional<View<const float>>& view) { return view ? view->data : nullptr; }

std::shared_ptr<const Kept> kept(const std::optional<View<const float>>& view) {
    return view ? std::make_shared<const Kept>(*view) : nullptr;
}

void add_to_pixels(Plan& plan, py::handle x_place, py::handle y_place) {
    const FlatRows x = to_rows(plan, "x", x_place);
    const NhwcImages y = to_images(plan, "y", y_place);
    if (y.pitch != y.channels) check_whole_vectors("y", y);
    check_row_width("x", x, y.channels * y.height * y.width);
    plan.add(std::make_unique<ToPixels>(x, y));
}

void add_to_planes(Plan& plan, py::handle x_place, py::handle y_place) {
    const NhwcImages x = to_images(plan, "x", x_place);
    const FlatRows y = to_written_rows(plan, "y", y_place);
    check_row_width("y", y, x.channels * x.height * x.width);
    plan.add(std::make_unique<ToPlanes>(x, y));
}

void add_convolution(Plan& plan, py::handle algorithm, py::handle x_place, py::handle y_place, py::handle residual,
                     py::handle weight, py::handle bias, py::handle stride, py::handle padding, py::handle dilation,
                     py::handle groups, py::handle lower, py::handle upper) {
    const NhwcImages x = to_images(plan, "x", x_place), y = to_images(plan, "y", y_place);
    const auto w = view<const float>(kInferencePlan, "weight", weight, 4);
    const auto r = residual.is_none() ? std::nullopt : std::optional(to_images(plan, "residual", residual));
    const ConvShape s =
        conv_shape_of(kInferencePlan, {1, x.channels, x.height, x.width}, w.shape, stride, padding, dilation, groups);
    const auto b = numbers_for("bias", bias, s.K);
    const Clamp clamp = to_clamp(lower, upper);
    const std::string name = to_word(kInferencePlan, "algorithm", algorithm);
    check_convolution(name, s, x, y, r);
    if (name == "depthwise") {
        plan.add(std::make_unique<DepthwiseConvolution>(
            DepthwiseConvolution::Shape{x, y, r, s.R, s.S, s.stride, s.dilation, s.pad, clamp}, w.data, optional_data(b)));
        return;
    }
    const NhwcConvolution p{x, y, r, s.R, s.S, s.groups, s.stride, s.dilation, s.pad, clamp};
    if (name == "winograd") {
        plan.add(std::make_unique<WinogradConvolution>(p, w.data, optional_data(b)));
    } else {
        plan.add(std::make_unique<DirectConvolution>(p, w.data, optional_data(b)));
    }
}

void add_pooling(Plan& plan, py::handle kind, py::handle x_place, py::handle y_place, py::handle kernel, py::handle stride,
                 py::handle padding, py::handle count_include_pad, py::handle divisor_override) {
    const NhwcImages x = to_images(plan, "x", x_place), y = to_images(plan, "y", y_place);
    const PoolShape s{1,
                      x.channels,
                      x.height,
                      x.width,
                      y.height,
                      y.width,
                      to_pair(kInferencePlan, "kernel_size", kernel),
                      to_pair(kInferencePlan, "stride", stride),
                      to_pair(kInferencePlan, "padding", padding),
                      Pair{1, 1}};
    check_pooling(s, x, y);
    const AverageRule rule{to_flag(kInferencePlan, "count_include_pad", count_include_pad),
                           to_int(kInferencePlan, "divisor_override", divisor_override)};
    const auto chosen = to_word(kInferencePlan, "kind", kind) == "max" ? Pooling::Kind::largest : Pooling::Kind::mean;
    plan.add(std::make_unique<Pooling>(chosen, x, y, s, rule));
}

void add_area_means(Plan& plan, py::handle x_place, py::handle y_place) {
    const NhwcImages x = to_vectors(plan, "x", x_place), y = to_vectors(plan, "y", y_place);
    if (x.channels != y.channels) fail_value(kInferencePlan, "y must have ", x.channels, " channels, has ", y.channels);
    plan.add(std::make_unique<AreaMeans>(x, y));
}

void add_sum(Plan& plan, py::handle a_place, py::handle b_place, py::handle y_place, py::handle lower, py::handle upper) {
    const NhwcImages a = to_images(plan, "a", a_place), y = to_images(plan, "y", y_place);
    const auto b = b_place.is_none() ? std::nullopt : std::optional(to_images(plan, "b", b_place));
    check_same_images("a", a, "y", y);
    if (b) check_same_images("b", *b, "y", y);
    plan.add(std::make_unique<Sum>(a, b, y, to_clamp(lower, upper)));
}

void add_channel_copy(Plan& plan, py::handle x_place, py::handle y_place, py::handle first_channel) {
    const NhwcImages x = to_images(plan, "x", x_place), y = to_images(plan, "y", y_place);
    const int64_t first = to_int(kInferencePlan, "first", first_channel);
    check_same_size("x", x, "y", y);
    if (first < 0 || first > y.channels - x.channels)
        fail_value(kInferencePlan, x.channels, " channels do not fit behind ", first, " of ", y.channels);
    plan.add(std::make_unique<ChannelCopy>(x, y, first));
}

void add_channel_affine(Plan& plan, py::handle x_place, py::handle y_place, py::handle scale, py::handle shift,
                        py::handle lower, py::handle upper) {
    const NhwcImages x = to_vectors(plan, "x", x_place), y = to_vectors(plan, "y", y_place);
    check_same_images("x", x, "y", y);
    const auto a = numbers_for("scale", scale, x.channels), b = numbers_for("shift", shift, x.channels);
    plan.add(std::make_unique<ChannelScale>(x, y, optional_data(a), optional_data(b), to_clamp(lower, upper)));
}

void add_channel_product(Plan& plan, py::handle x_place, py::handle scale_place, py::handle y_place, py::handle lower,
                         py::handle upper) {
    const NhwcImages x = to_vectors(plan, "x", x_place), scale = to_vectors(plan, "scale", scale_place);
    const NhwcImages y = to_vectors(plan, "y", y_place);
    check_same_images("x", x, "y", y);
    if (scale.channels != x.channels)
        fail_value(kInferencePlan, "scale must have ", x.channels, " channels, has ", scale.channels);
    plan.add(std::make_unique<ChannelScale>(x, scale, y, to_clamp(lower, upper)));
}

void add_local_response_norm(Plan& plan, py::handle x_place, py::handle y_place, py::handle size, py::handle k,
                             py::handle alpha, py::handle beta) {
    const NhwcImages x = to_images(plan, "x", x_place), y = to_images(plan, "y", y_place);
    check_same_images("x", x, "y", y);
    const int64_t window = to_int(kInferencePlan, "size", size);
    if (window < 1) fail_value(kInferencePlan, "size must be at least 1, got ", window);
    const LrnShape shape{1,
                         x.channels,
                         x.height * x.width,
                         window,
                         to_double(kInferencePlan, "k", k),
                         to_double(kInferencePlan, "alpha", alpha),
                         to_double(kInferencePlan, "beta", beta)};
    plan.add(std::make_unique<LocalResponseNorm>(x, y, window_of(shape)));
}

void add_activation(Plan& plan, py::handle images, py::handle kind, py::handle a, py::handle b) {
    plan.add(std::make_unique<RowActivation>(to_images(plan, "images", images), to_function(kind),
                                             to_float(kInferencePlan, "a", a), to_float(kInferencePlan, "b", b)));
}

// Steps on flat rows -----------------------------------------------------------------------------------------------------------

void add_linear(Plan& plan, py::handle x_place, py::handle y_place, py::handle weight, py::handle bias, py::handle lower,
                py::handle upper) {
    const FlatRows x = to_rows(plan, "x", x_place), y = to_written_rows(plan, "y", y_place);
    const auto array = view<const float>(kInferencePlan, "weight", weight, 2);
    check_same_shape(kInferencePlan, "weight", array.shape, "outputs and inputs", {y.width, x.width});
    const auto w = std::make_shared<const Kept>(array), b = kept(numbers_for("bias", bias, y.width));
    const Clamp clamp = to_clamp(lower, upper);
    plan.add(std::make_unique<OpStep>([=](const PlanRun& run) {
        const LinearShape s{run.images, x.width, y.width};
        linear(s, x.read(run), w->data(), b ? b->data() : nullptr, y.place(run));
        constexpr float infinity = std::numeric_limits<float>::infinity();
        if (clamp.lower != -infinity || clamp.upper != infinity)
            kernels().clamp(run.images * y.width, y.place(run), nullptr, clamp.lower, clamp.upper, y.place(run));
    }));
}

void add_packed_linear(Plan& plan, py::handle x_place, py::handle y_place, py::handle weight, py::handle bias, py::handle lower,
                       py::handle upper) {
    const FlatRows x = to_rows(plan, "x", x_place), y = to_written_rows(plan, "y", y_place);
    const auto w = view<const float>(kInferencePlan, "weight", weight, 2);
    check_same_shape(kInferencePlan, "weight", w.shape, "outputs and inputs", {y.width, x.width});
    const auto b = numbers_for("bias", bias, y.width);
    plan.add(std::make_unique<PackedLinear>(x, y, w.data, optional_data(b), to_clamp(lower, upper)));
}

// A convolution and a ReLU, and perhaps a pooling in adjacent windows, of images as planes: for images in the lanes of their batch.
void add_plane_convolution(Plan& plan, py::handle x_place, py::handle y_place, py::handle image, py::handle weight,
                           py::handle bias, py::handle stride, py::handle padding, py::handle dilation, py::handle groups,
                           py::handle window) {
    const FlatRows x = to_rows(plan, "x", x_place), y = to_written_rows(plan, "y", y_place);
    Shape shape = to_shape(kInferencePlan, "image", image, 3);
    shape.insert(shape.begin(), 1);
    check_row_width("x", x, element_count(kInferencePlan, shape));
    const auto array = view<const float>(kInferencePlan, "weight", weight, 4);
    const ConvShape one = conv_shape_of(kInferencePlan, shape, array.shape, stride, padding, dilation, groups);
    const auto w = std::make_shared<const Kept>(array), b = kept(numbers_for("bias", bias, one.K));
    if (window.is_none()) {
        check_row_width("y", y, one.K * one.P * one.Q);
        plan.add(std::make_unique<OpStep>([=](const PlanRun& run) {
            ConvShape s = one;
            s.N = run.images;
            conv2d_relu(s, x.read(run), w->data(), b ? b->data() : nullptr, y.place(run));
        }));
        return;
    }
    const Pair side = to_pair(kInferencePlan, "window", window);
    const PooledConvShape pooled_one = pooled_conv_shape(kInferencePlan, one, side);
    check_row_width("y", y, one.K * pooled_one.P * pooled_one.Q);
    plan.add(std::make_unique<OpStep>([=](const PlanRun& run) {
        ConvShape s = one;
        s.N = run.images;
        const PooledConvShape pooled = pooled_conv_shape(kInferencePlan, s, side);
        const bool in_lanes = pools_in_lanes(pooled);  // where the winners, which nobody reads here, are bytes
        const Workspace<uint8_t> lanes(in_lanes ? element_count(kInferencePlan, lane_winners(pooled)) : 0);
        const Workspace<int32_t> planes(in_lanes ? 0 : run.images * y.width);
        conv2d_relu_max_pool2d(pooled, x.read(run), w->data(), b ? b->data() : nullptr, y.place(run),
                               {in_lanes ? nullptr : planes.data(), in_lanes ? lanes.data() : nullptr});
    }));
}

void add_flat_activation(Plan& plan, py::handle x_place, py::handle y_place, py::handle kind, py::handle a_number,
                         py::handle b_number) {
    const FlatRows x = to_rows(plan, "x", x_place), y = to_written_rows(plan, "y", y_place);
    check_row_width("y", y, x.width);
    const auto f = to_function(kind);
    const float a = to_float(kInferencePlan, "a", a_number), b = to_float(kInferencePlan, "b", b_number);
    plan.add(std::make_unique<OpStep>(
        [=](const PlanRun& run) { f(kernels(), run.images * x.width, a, b, x.read(run), y.place(run)); }));
}

void add_softmax(Plan& plan, py::handle x_place, py::handle y_place, py::handle logarithm) {
    const FlatRows x = to_rows(plan, "x", x_place), y = to_written_rows(plan, "y", y_place);
    check_row_width("y", y, x.width);
    const auto op = to_flag(kInferencePlan, "logarithm", logarithm) ? log_softmax : softmax;
    plan.add(std::make_unique<OpStep>([=](const PlanRun& run) { op(run.images, x.width, x.read(run), y.place(run)); }));
}

// Running ----------------------------------------------------------------------------------------------------------------------

struct Call {
    View<const float> x;
    View<float> y;

    Call(const Plan& plan, py::handle x_array, py::handle y_array)
        : x(view<const float>(kInferencePlan, "x", x_array)), y(view<float>(kInferencePlan, "y", y_array)) {
        const PlanSizes& sizes = plan.sizes();
        const int64_t images = x.shape.empty() ? 0 : x.shape[0];
        const auto of_all = [images](int64_t floats) { return element_count(kInferencePlan, {images, floats}); };
        if (x.shape.empty() || y.shape.empty() || y.shape[0] != images || x.size() != of_all(sizes.input) ||
            y.size() != of_all(sizes.output))
            fail_value(kInferencePlan, "x and y must be as many images of ", sizes.input, " and ", sizes.output,
                       " floats (x: ", to_string(x.shape), ", y: ", to_string(y.shape), ")");
        of_all(sizes.kept), of_all(sizes.passing);  // are refused if they are too large
    }
};

std::unique_ptr<Plan> make_plan(py::handle kept, py::handle passing, py::handle input, py::handle output) {
    const PlanSizes sizes{to_int(kInferencePlan, "kept", kept), to_int(kInferencePlan, "passing", passing),
                          to_int(kInferencePlan, "input", input), to_int(kInferencePlan, "output", output)};
    check_sizes(sizes);
    return std::make_unique<Plan>(sizes);
}

void run(const Plan& plan, py::handle x, py::handle y) {
    const Call call(plan, x, y);
    ReleaseGil release;
    plan.run(call.x.shape[0], call.x.data, call.y.data);
}

py::list times(const Plan& plan, py::handle x, py::handle y) {
    const Call call(plan, x, y);
    std::vector<double> seconds;
    {
        ReleaseGil release;
        seconds = plan.times(call.x.shape[0], call.x.data, call.y.data);
    }
    py::list result;
    for (double one : seconds) result.append(one);
    return result;
}

}  // namespace

void register_inference(py::module_& module) {
    py::class_<Plan>(module, "InferencePlan", py::module_local())
        .def(py::init(&make_plan), "kept"_a, "passing"_a, "input"_a, "output"_a)
        .def("begin_image_by_image",
             [](Plan& plan, py::handle work) { plan.begin_image_by_image(to_double(kInferencePlan, "work", work)); })
        .def("end_image_by_image", [](Plan& plan) { plan.end_image_by_image(); })
        .def("floats",
             [](const Plan& plan, py::handle images) { return plan.floats(to_int(kInferencePlan, "images", images)); })
        .def("to_pixels", add_to_pixels)
        .def("to_planes", add_to_planes)
        .def("convolution", add_convolution)
        .def("pooling", add_pooling)
        .def("area_means", add_area_means)
        .def("sum", add_sum)
        .def("channel_copy", add_channel_copy)
        .def("channel_affine", add_channel_affine)
        .def("channel_product", add_channel_product)
        .def("activation", add_activation)
        .def("linear", add_linear)
        .def("packed_linear", add_packed_linear)
        .def("plane_convolution", add_plane_convolution)
        .def("flat_activation", add_flat_activation)
        .def("softmax", add_softmax)
        .def("local_response_norm", add_local_response_norm)
        .def("run", run)
        .def("times", times);
}

}  // namespace pycnn
