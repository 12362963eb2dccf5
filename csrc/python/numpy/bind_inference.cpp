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
#include "python/numpy/runtime.hpp"
#include "python/views.hpp"

namespace pycnn {
namespace {

constexpr char kOp[] = "InferencePlan";

using Plan = InferencePlan;

void add_to_pixels(Plan& plan, py::handle x, py::handle y) { plan.add(std::make_unique<ToPixels>(to_rows(x), to_images(y))); }
void add_to_planes(Plan& plan, py::handle x, py::handle y) { plan.add(std::make_unique<ToPlanes>(to_images(x), to_rows(y))); }

const float* optional_data(const std::optional<View<const float>>& view) { return view ? view->data : nullptr; }

void add_convolution(Plan& plan, py::handle algorithm, py::handle x_place, py::handle y_place, py::handle residual,
                     py::handle weight, py::handle bias, py::handle stride, py::handle padding, py::handle dilation,
                     py::handle groups, py::handle lower, py::handle upper) {
    const NhwcImages x = to_images(x_place), y = to_images(y_place);
    const auto w = view<const float>(kOp, "weight", weight, 4);
    const auto b = optional_view<const float>(kOp, "bias", bias, 1);
    const auto r = residual.is_none() ? std::nullopt : std::optional(to_images(residual));
    const Pair step = to_pair(kOp, "stride", stride), spread = to_pair(kOp, "dilation", dilation);
    const Padding pad = to_padding(kOp, padding).numbers;
    const Clamp clamp = to_clamp(lower, upper);
    const std::string name = to_word(kOp, "algorithm", algorithm);
    if (name == "depthwise") {
        plan.add(std::make_unique<DepthwiseConvolution>(
            DepthwiseConvolution::Shape{x, y, r, w.shape[2], w.shape[3], step, spread, pad, clamp}, w.data, optional_data(b)));
        return;
    }
    const NhwcConvolution p{x, y, r, w.shape[2], w.shape[3], to_int(kOp, "groups", groups), step, spread, pad, clamp};
    if (name == "winograd") {
        plan.add(std::make_unique<WinogradConvolution>(p, w.data, optional_data(b)));
    } else {
        plan.add(std::make_unique<DirectConvolution>(p, w.data, optional_data(b)));
    }
}

void add_pooling(Plan& plan, py::handle kind, py::handle x_place, py::handle y_place, py::handle kernel, py::handle stride,
                 py::handle padding, py::handle count_include_pad, py::handle divisor_override) {
    const NhwcImages x = to_images(x_place), y = to_images(y_place);
    const PoolShape s{1,
                      x.channels,
                      x.height,
                      x.width,
                      y.height,
                      y.width,
                      to_pair(kOp, "kernel_size", kernel),
                      to_pair(kOp, "stride", stride),
                      to_pair(kOp, "padding", padding),
                      Pair{1, 1}};
    const AverageRule rule{to_flag(kOp, "count_include_pad", count_include_pad),
                           to_int(kOp, "divisor_override", divisor_override)};
    const auto chosen = to_word(kOp, "kind", kind) == "max" ? Pooling::Kind::largest : Pooling::Kind::mean;
    plan.add(std::make_unique<Pooling>(chosen, x, y, s, rule));
}

void add_area_means(Plan& plan, py::handle x, py::handle y) {
    plan.add(std::make_unique<AreaMeans>(to_images(x), to_images(y)));
}

void add_sum(Plan& plan, py::handle a, py::handle b, py::handle y, py::handle lower, py::handle upper) {
    const auto other = b.is_none() ? std::nullopt : std::optional(to_images(b));
    plan.add(std::make_unique<Sum>(to_images(a), other, to_images(y), to_clamp(lower, upper)));
}

void add_channel_copy(Plan& plan, py::handle x, py::handle y, py::handle first) {
    plan.add(std::make_unique<ChannelCopy>(to_images(x), to_images(y), to_int(kOp, "first", first)));
}

void add_channel_affine(Plan& plan, py::handle x, py::handle y, py::handle scale, py::handle shift, py::handle lower,
                        py::handle upper) {
    plan.add(std::make_unique<ChannelScale>(to_images(x), to_images(y), view<const float>(kOp, "scale", scale, 1).data,
                                            view<const float>(kOp, "shift", shift, 1).data, to_clamp(lower, upper)));
}

void add_channel_product(Plan& plan, py::handle x, py::handle scale, py::handle y, py::handle lower, py::handle upper) {
    plan.add(std::make_unique<ChannelScale>(to_images(x), to_images(scale), to_images(y), to_clamp(lower, upper)));
}

void add_activation(Plan& plan, py::handle images, py::handle kind, py::handle a, py::handle b) {
    plan.add(
        std::make_unique<RowActivation>(to_images(images), to_function(kind), to_float(kOp, "a", a), to_float(kOp, "b", b)));
}

// Steps on flat rows -----------------------------------------------------------------------------------------------------------

void add_linear(Plan& plan, py::handle x_place, py::handle y_place, py::handle weight, py::handle bias, py::handle lower,
                py::handle upper) {
    const FlatRows x = to_rows(x_place), y = to_rows(y_place);
    const auto w = std::make_shared<const Kept>(view<const float>(kOp, "weight", weight, 2));
    const auto given = optional_view<const float>(kOp, "bias", bias, 1);
    const auto b = given ? std::make_shared<const Kept>(*given) : nullptr;
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
    const auto w = view<const float>(kOp, "weight", weight, 2);
    const auto b = optional_view<const float>(kOp, "bias", bias, 1);
    plan.add(
        std::make_unique<PackedLinear>(to_rows(x_place), to_rows(y_place), w.data, optional_data(b), to_clamp(lower, upper)));
}

// A convolution and a ReLU, and perhaps a pooling in adjacent windows, of images as planes: for images in the lanes of their batch.
void add_plane_convolution(Plan& plan, py::handle x_place, py::handle y_place, py::handle image, py::handle weight,
                           py::handle bias, py::handle stride, py::handle padding, py::handle dilation, py::handle groups,
                           py::handle window) {
    const FlatRows x = to_rows(x_place), y = to_rows(y_place);
    Shape shape = to_shape(kOp, "image", image, 3);
    shape.insert(shape.begin(), 1);
    const auto array = view<const float>(kOp, "weight", weight, 4);
    const auto w = std::make_shared<const Kept>(array);
    const auto given = optional_view<const float>(kOp, "bias", bias, 1);
    const auto b = given ? std::make_shared<const Kept>(*given) : nullptr;
    const ConvShape one = conv_shape_of(kOp, shape, array.shape, stride, padding, dilation, groups);
    if (window.is_none()) {
        plan.add(std::make_unique<OpStep>([=](const PlanRun& run) {
            ConvShape s = one;
            s.N = run.images;
            conv2d_relu(s, x.read(run), w->data(), b ? b->data() : nullptr, y.place(run));
        }));
        return;
    }
    const Pair side = to_pair(kOp, "window", window);
    plan.add(std::make_unique<OpStep>([=](const PlanRun& run) {
        ConvShape s = one;
        s.N = run.images;
        const PooledConvShape pooled = pooled_conv_shape(kOp, s, side);
        const bool in_lanes = pools_in_lanes(pooled);  // where the winners, which nobody reads here, are bytes
        const Workspace<uint8_t> lanes(in_lanes ? element_count(kOp, lane_winners(pooled)) : 0);
        const Workspace<int32_t> planes(in_lanes ? 0 : run.images * y.width);
        conv2d_relu_max_pool2d(pooled, x.read(run), w->data(), b ? b->data() : nullptr, y.place(run),
                               {in_lanes ? nullptr : planes.data(), in_lanes ? lanes.data() : nullptr});
    }));
}

void add_flat_activation(Plan& plan, py::handle x_place, py::handle y_place, py::handle kind, py::handle a_number,
                         py::handle b_number) {
    const FlatRows x = to_rows(x_place), y = to_rows(y_place);
    const auto f = to_function(kind);
    const float a = to_float(kOp, "a", a_number), b = to_float(kOp, "b", b_number);
    plan.add(std::make_unique<OpStep>(
        [=](const PlanRun& run) { f(kernels(), run.images * x.width, a, b, x.read(run), y.place(run)); }));
}

void add_softmax(Plan& plan, py::handle x_place, py::handle y_place, py::handle logarithm) {
    const FlatRows x = to_rows(x_place), y = to_rows(y_place);
    const auto op = to_flag(kOp, "logarithm", logarithm) ? log_softmax : softmax;
    plan.add(std::make_unique<OpStep>([=](const PlanRun& run) { op(run.images, x.width, x.read(run), y.place(run)); }));
}

void add_local_response_norm(Plan& plan, py::handle x_place, py::handle y_place, py::handle channels, py::handle size,
                             py::handle k, py::handle alpha, py::handle beta) {
    const FlatRows x = to_rows(x_place), y = to_rows(y_place);
    const int64_t C = to_int(kOp, "channels", channels);
    const LrnShape shape{0,
                         C,
                         x.width / C,
                         to_int(kOp, "size", size),
                         to_double(kOp, "k", k),
                         to_double(kOp, "alpha", alpha),
                         to_double(kOp, "beta", beta)};
    plan.add(std::make_unique<OpStep>([=](const PlanRun& run) {
        LrnShape s = shape;
        s.N = run.images;
        const Workspace<float> scale(run.images * x.width);
        local_response_norm(s, x.read(run), y.place(run), scale.data());
    }));
}

// Running ----------------------------------------------------------------------------------------------------------------------

struct Call {
    View<const float> x;
    View<float> y;

    Call(py::handle x_array, py::handle y_array) : x(view<const float>(kOp, "x", x_array)), y(view<float>(kOp, "y", y_array)) {
        if (x.shape.empty() || y.shape.empty() || x.shape[0] != y.shape[0])
            fail_value(kOp, "y must have as many images as x (x: ", to_string(x.shape), ", y: ", to_string(y.shape), ")");
    }
};

void run(const Plan& plan, py::handle x, py::handle y) {
    const Call call(x, y);
    ReleaseGil release;
    plan.run(call.x.shape[0], call.x.data, call.y.data);
}

py::list times(const Plan& plan, py::handle x, py::handle y) {
    const Call call(x, y);
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
        .def(py::init([](py::handle kept, py::handle passing) {
                 return std::make_unique<Plan>(to_int(kOp, "kept", kept), to_int(kOp, "passing", passing));
             }),
             "kept"_a, "passing"_a)
        .def("begin_image_by_image",
             [](Plan& plan, py::handle work) { plan.begin_image_by_image(to_double(kOp, "work", work)); })
        .def("end_image_by_image", [](Plan& plan) { plan.end_image_by_image(); })
        .def("floats", [](const Plan& plan, py::handle images) { return plan.floats(to_int(kOp, "images", images)); })
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
