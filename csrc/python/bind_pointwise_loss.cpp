#include <algorithm>

#include "ops/pointwise_loss.hpp"
#include "python/loss_arguments.hpp"
#include "python/results.hpp"

namespace pycnn {
namespace {

struct Operands {
    View<const float> output, target;
    Reduction reduction;

    double divisor() const { return reduction == Reduction::mean ? static_cast<double>(output.size()) : 1.0; }
};

Operands operands(const char* op, const char* name, py::handle output_array, py::handle target_array, py::handle reduction) {
    const auto output = view<const float>(op, name, output_array);
    const auto target = view<const float>(op, "target", target_array);
    check_same_shape(op, "target", target.shape, name, output.shape);
    return {output, target, to_reduction(op, reduction, output.size())};
}

py::object bind_mse_loss(py::handle output_array, py::handle target_array, py::handle reduction) {
    const auto a = operands("mse_loss", "output", output_array, target_array, reduction);
    return loss_value("mse_loss", a.reduction, a.output.shape, [&](float* losses) {
        return mse_loss(a.output.size(), a.output.data, a.target.data, a.divisor(), losses);
    });
}

Array bind_mse_loss_backward(py::handle output_array, py::handle target_array, py::handle dloss_object, py::handle reduction) {
    const char* op = "mse_loss_backward";
    const auto a = operands(op, "output", output_array, target_array, reduction);
    const auto dloss = to_loss_gradient(op, dloss_object, a.reduction, a.output.shape);
    return filled(op, a.output.shape, [&](float* gradient) {
        mse_loss_backward(a.output.size(), a.output.data, a.target.data, dloss, a.divisor(), gradient);
    });
}

// An array whose shape is that of the last axes of `full`.
RepeatedWeights repeated_weights(const char* op, const char* name, py::handle array, const Shape& full) {
    const auto weights = optional_view<const float>(op, name, array);
    if (!weights) return {nullptr, 1};
    const Shape& shape = weights->shape;
    if (shape.size() > full.size() || !std::equal(shape.rbegin(), shape.rend(), full.rbegin()))
        fail_value(op, name, " must have the shape of the last axes of logits (", name, ": ", to_string(shape),
                   ", logits: ", to_string(full), ")");
    return {weights->data, weights->size()};
}

BinaryCrossEntropy settings(const char* op, const Shape& logits, py::handle weight_array, py::handle pos_weight_array) {
    return {repeated_weights(op, "weight", weight_array, logits), repeated_weights(op, "pos_weight", pos_weight_array, logits)};
}

py::object bind_bce_with_logits(py::handle logit_array, py::handle target_array, py::handle weight, py::handle pos_weight,
                                py::handle reduction) {
    const char* op = "bce_with_logits";
    const auto a = operands(op, "logits", logit_array, target_array, reduction);
    const auto s = settings(op, a.output.shape, weight, pos_weight);
    return loss_value(op, a.reduction, a.output.shape, [&](float* losses) {
        return bce_with_logits(a.output.size(), s, a.output.data, a.target.data, a.divisor(), losses);
    });
}

Array bind_bce_with_logits_backward(py::handle logit_array, py::handle target_array, py::handle dloss_object, py::handle weight,
                                    py::handle pos_weight, py::handle reduction) {
    const char* op = "bce_with_logits_backward";
    const auto a = operands(op, "logits", logit_array, target_array, reduction);
    const auto s = settings(op, a.output.shape, weight, pos_weight);
    const auto dloss = to_loss_gradient(op, dloss_object, a.reduction, a.output.shape);
    return filled(op, a.output.shape, [&](float* gradient) {
        bce_with_logits_backward(a.output.size(), s, a.output.data, a.target.data, dloss, a.divisor(), gradient);
    });
}

}  // namespace

void register_pointwise_loss(py::module_& module) {
    module.def("mse_loss", bind_mse_loss, "output"_a, "target"_a, "reduction"_a = "mean");
    module.def("mse_loss_backward", bind_mse_loss_backward, "output"_a, "target"_a, "dloss"_a = 1.0, "reduction"_a = "mean");
    module.def("bce_with_logits", bind_bce_with_logits, "logits"_a, "target"_a, "weight"_a = py::none(),
               "pos_weight"_a = py::none(), "reduction"_a = "mean");
    module.def("bce_with_logits_backward", bind_bce_with_logits_backward, "logits"_a, "target"_a, "dloss"_a = 1.0,
               "weight"_a = py::none(), "pos_weight"_a = py::none(), "reduction"_a = "mean");
}

}  // namespace pycnn
