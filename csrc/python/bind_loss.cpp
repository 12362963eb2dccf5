#include "ops/softmax_cross_entropy.hpp"
#include "python/loss_arguments.hpp"
#include "python/results.hpp"

namespace pycnn {
namespace {

CrossEntropy settings(const char* op, const Shape& logits, const View<const int64_t>& target,
                      const std::optional<View<const float>>& weight, py::handle ignore_index, py::handle label_smoothing,
                      py::handle reduction) {
    CrossEntropy s{logits[0],
                   logits[1],
                   weight ? weight->data : nullptr,
                   to_int(op, "ignore_index", ignore_index),
                   to_double(op, "label_smoothing", label_smoothing),
                   to_reduction(op, reduction, logits[0])};
    if (s.C < 1) fail_value(op, "needs at least one class, got logits of shape ", to_string(logits));
    check_same_shape(op, "target", target.shape, "logits", {s.N});
    if (weight) check_same_shape(op, "weight", weight->shape, "the number of classes", {s.C});
    if (!(s.label_smoothing >= 0 && s.label_smoothing <= 1))
        fail_value(op, "label_smoothing must lie in [0, 1], got ", s.label_smoothing);
    check_numbers_now([=] { check_targets(op, s.N, s.C, s.ignore_index, target.data); });
    return s;
}

Array bind_softmax(py::handle x_array) {
    const auto x = view<const float>("softmax", "x", x_array, 2);
    if (x.shape[1] < 1) fail_value("softmax", "needs at least one class, got shape ", to_string(x.shape));
    return filled("softmax", x.shape, [=](float* probabilities) { softmax(x.shape[0], x.shape[1], x.data, probabilities); });
}

Array bind_softmax_backward(py::handle dy_array, py::handle p_array) {
    const char* op = "softmax_backward";
    const auto dy = view<const float>(op, "dy", dy_array, 2);
    const auto p = view<const float>(op, "p", p_array, 2);
    check_same_shape(op, "dy", dy.shape, "p", p.shape);
    if (p.shape[1] < 1) fail_value(op, "needs at least one class, got shape ", to_string(p.shape));
    return filled(op, p.shape, [=](float* dx) { softmax_backward(p.shape[0], p.shape[1], dy.data, p.data, dx); });
}

py::tuple bind_softmax_cross_entropy(py::handle logits_array, py::handle target_array, py::handle weight_array,
                                     py::handle ignore_index, py::handle label_smoothing, py::handle reduction) {
    const char* op = "softmax_cross_entropy";
    const auto logits = view<const float>(op, "logits", logits_array, 2);
    const auto target = view<const int64_t>(op, "target", target_array, 1);
    const auto weight = optional_view<const float>(op, "weight", weight_array, 1);
    const CrossEntropy s = settings(op, logits.shape, target, weight, ignore_index, label_smoothing, reduction);
    float* probabilities = nullptr;
    Array p = new_array(op, logits.shape, probabilities);
    py::object loss = loss_value(op, s.reduction, target.shape, [=](float* losses) {
        return softmax_cross_entropy(s, logits.data, target.data, probabilities, losses);
    });
    return py::make_tuple(std::move(loss), std::move(p));
}

Array bind_softmax_cross_entropy_backward(py::handle p_array, py::handle target_array, py::handle dloss,
                                          py::handle weight_array, py::handle ignore_index, py::handle label_smoothing,
                                          py::handle reduction) {
    const char* op = "softmax_cross_entropy_backward";
    const auto p = view<const float>(op, "probs", p_array, 2);
    const auto target = view<const int64_t>(op, "target", target_array, 1);
    const auto weight = optional_view<const float>(op, "weight", weight_array, 1);
    const CrossEntropy s = settings(op, p.shape, target, weight, ignore_index, label_smoothing, reduction);
    const auto scale = to_loss_gradient(op, dloss, s.reduction, target.shape);
    return filled(op, p.shape, [=](float* dlogits) { softmax_cross_entropy_backward(s, p.data, target.data, scale, dlogits); });
}

}  // namespace

void register_loss(py::module_& module) {
    module.def("softmax", bind_softmax, "x"_a);
    module.def("softmax_backward", bind_softmax_backward, "dy"_a, "p"_a);
    module.def("softmax_cross_entropy", bind_softmax_cross_entropy, "logits"_a, "target"_a, "weight"_a = py::none(),
               "ignore_index"_a = -100, "label_smoothing"_a = 0.0, "reduction"_a = "mean");
    module.def("softmax_cross_entropy_backward", bind_softmax_cross_entropy_backward, "probs"_a, "target"_a, "dloss"_a = 1.0,
               "weight"_a = py::none(), "ignore_index"_a = -100, "label_smoothing"_a = 0.0, "reduction"_a = "mean");
}

}  // namespace pycnn
