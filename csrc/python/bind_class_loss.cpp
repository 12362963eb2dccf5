#include "ops/class_loss.hpp"
#include "python/loss_arguments.hpp"
#include "python/results.hpp"

namespace pycnn {
namespace {

// (N, C) numbers with C >= 1.
View<const float> rows_view(const char* op, const char* name, py::handle array) {
    const auto rows = view<const float>(op, name, array, 2);
    if (rows.shape[1] < 1) fail_value(op, "needs at least one class, got ", name, " of shape ", to_string(rows.shape));
    return rows;
}

Array bind_log_softmax(py::handle x_array) {
    const auto x = rows_view("log_softmax", "x", x_array);
    return filled("log_softmax", x.shape, [=](float* y) { log_softmax(x.shape[0], x.shape[1], x.data, y); });
}

Array bind_log_softmax_backward(py::handle dy_array, py::handle y_array) {
    const char* op = "log_softmax_backward";
    const auto dy = rows_view(op, "dy", dy_array), y = rows_view(op, "y", y_array);
    check_same_shape(op, "dy", dy.shape, "y", y.shape);
    return filled(op, y.shape, [=](float* dx) { log_softmax_backward(y.shape[0], y.shape[1], dy.data, y.data, dx); });
}

struct NllArguments {
    View<const float> log_probabilities;
    View<const int64_t> target;
    CrossEntropy settings;
};

NllArguments nll_arguments(const char* op, py::handle log_probability_array, py::handle target_array, py::handle weight_array,
                           py::handle ignore_index, py::handle reduction) {
    const auto p = rows_view(op, "log_probs", log_probability_array);
    const auto target = view<const int64_t>(op, "target", target_array, 1);
    const auto weight = optional_view<const float>(op, "weight", weight_array, 1);
    check_same_shape(op, "target", target.shape, "log_probs", {p.shape[0]});
    if (weight) check_same_shape(op, "weight", weight->shape, "the number of classes", {p.shape[1]});
    const int64_t ignored = to_int(op, "ignore_index", ignore_index);
    check_numbers_now([=] { check_targets(op, p.shape[0], p.shape[1], ignored, target.data); });
    return {p,
            target,
            {p.shape[0], p.shape[1], weight ? weight->data : nullptr, ignored, 0.0, to_reduction(op, reduction, p.shape[0])}};
}

py::object bind_nll_loss(py::handle log_probability_array, py::handle target_array, py::handle weight_array,
                         py::handle ignore_index, py::handle reduction) {
    const char* op = "nll_loss";
    const auto a = nll_arguments(op, log_probability_array, target_array, weight_array, ignore_index, reduction);
    return loss_value(op, a.settings.reduction, a.target.shape,
                      [=](float* losses) { return nll_loss(a.settings, a.log_probabilities.data, a.target.data, losses); });
}

Array bind_nll_loss_backward(py::handle log_probability_array, py::handle target_array, py::handle dloss_object,
                             py::handle weight_array, py::handle ignore_index, py::handle reduction) {
    const char* op = "nll_loss_backward";
    const auto a = nll_arguments(op, log_probability_array, target_array, weight_array, ignore_index, reduction);
    const auto dloss = to_loss_gradient(op, dloss_object, a.settings.reduction, a.target.shape);
    return filled(op, a.log_probabilities.shape,
                  [=](float* gradient) { nll_loss_backward(a.settings, a.target.data, dloss, gradient); });
}

struct MapArguments {
    View<const float> distances;
    View<const int64_t> target;
    MapLoss settings;
};

MapArguments map_arguments(const char* op, py::handle distance_array, py::handle target_array, py::handle j_number,
                           py::handle reduction) {
    const auto d = rows_view(op, "distances", distance_array);
    const auto target = view<const int64_t>(op, "target", target_array, 1);
    check_same_shape(op, "target", target.shape, "distances", {d.shape[0]});
    check_numbers_now([=] { check_targets(op, d.shape[0], d.shape[1], std::nullopt, target.data); });
    const double j = to_float(op, "j", j_number);
    if (j <= 0) fail_value(op, "j must be above 0, got ", j);
    return {d, target, {d.shape[0], d.shape[1], j, to_reduction(op, reduction, d.shape[0])}};
}

py::object bind_map_loss(py::handle distance_array, py::handle target_array, py::handle j, py::handle reduction) {
    const char* op = "map_loss";
    const auto a = map_arguments(op, distance_array, target_array, j, reduction);
    return loss_value(op, a.settings.reduction, a.target.shape,
                      [=](float* losses) { return map_loss(a.settings, a.distances.data, a.target.data, losses); });
}

Array bind_map_loss_backward(py::handle distance_array, py::handle target_array, py::handle dloss_object, py::handle j,
                             py::handle reduction) {
    const char* op = "map_loss_backward";
    const auto a = map_arguments(op, distance_array, target_array, j, reduction);
    const auto dloss = to_loss_gradient(op, dloss_object, a.settings.reduction, a.target.shape);
    return filled(op, a.distances.shape,
                  [=](float* gradient) { map_loss_backward(a.settings, a.distances.data, a.target.data, dloss, gradient); });
}

}  // namespace

void register_class_loss(py::module_& module) {
    module.def("log_softmax", bind_log_softmax, "x"_a);
    module.def("log_softmax_backward", bind_log_softmax_backward, "dy"_a, "y"_a);
    module.def("nll_loss", bind_nll_loss, "log_probs"_a, "target"_a, "weight"_a = py::none(), "ignore_index"_a = -100,
               "reduction"_a = "mean");
    module.def("nll_loss_backward", bind_nll_loss_backward, "log_probs"_a, "target"_a, "dloss"_a = 1.0, "weight"_a = py::none(),
               "ignore_index"_a = -100, "reduction"_a = "mean");
    module.def("map_loss", bind_map_loss, "distances"_a, "target"_a, "j"_a = 0.1, "reduction"_a = "mean");
    module.def("map_loss_backward", bind_map_loss_backward, "distances"_a, "target"_a, "dloss"_a = 1.0, "j"_a = 0.1,
               "reduction"_a = "mean");
}

}  // namespace pycnn
