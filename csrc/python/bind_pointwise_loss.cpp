#include <algorithm>
#include <string_view>

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
    return loss_value("mse_loss", a.reduction, a.output.shape, [=](float* losses) {
        return mse_loss(a.output.size(), a.output.data, a.target.data, a.divisor(), losses);
    });
}

Array bind_mse_loss_backward(py::handle output_array, py::handle target_array, py::handle dloss_object, py::handle reduction) {
    const char* op = "mse_loss_backward";
    const auto a = operands(op, "output", output_array, target_array, reduction);
    const auto dloss = to_loss_gradient(op, dloss_object, a.reduction, a.output.shape);
    return filled(op, a.output.shape, [=](float* gradient) {
        mse_loss_backward(a.output.size(), a.output.data, a.target.data, dloss, a.divisor(), gradient);
    });
}

// An array whose shape is that of the last axes of `full`, the shape of `other`.
RepeatedWeights repeated_weights(const char* op, const char* name, py::handle array, const char* other, const Shape& full) {
    const auto weights = optional_view<const float>(op, name, array);
    if (!weights) return {nullptr, 1};
    const Shape& shape = weights->shape;
    if (shape.size() > full.size() || !std::equal(shape.rbegin(), shape.rend(), full.rbegin()))
        fail_value(op, name, " must have the shape of the last axes of ", other, " (", name, ": ", to_string(shape), ", ",
                   other, ": ", to_string(full), ")");
    return {weights->data, weights->size()};
}

BinaryCrossEntropy settings(const char* op, const Shape& logits, py::handle weight_array, py::handle pos_weight_array) {
    return {repeated_weights(op, "weight", weight_array, "logits", logits),
            repeated_weights(op, "pos_weight", pos_weight_array, "logits", logits)};
}

py::object bind_bce_with_logits(py::handle logit_array, py::handle target_array, py::handle weight, py::handle pos_weight,
                                py::handle reduction) {
    const char* op = "bce_with_logits";
    const auto a = operands(op, "logits", logit_array, target_array, reduction);
    const auto s = settings(op, a.output.shape, weight, pos_weight);
    return loss_value(op, a.reduction, a.output.shape, [=](float* losses) {
        return bce_with_logits(a.output.size(), s, a.output.data, a.target.data, a.divisor(), losses);
    });
}

Array bind_bce_with_logits_backward(py::handle logit_array, py::handle target_array, py::handle dloss_object, py::handle weight,
                                    py::handle pos_weight, py::handle reduction) {
    const char* op = "bce_with_logits_backward";
    const auto a = operands(op, "logits", logit_array, target_array, reduction);
    const auto s = settings(op, a.output.shape, weight, pos_weight);
    const auto dloss = to_loss_gradient(op, dloss_object, a.reduction, a.output.shape);
    return filled(op, a.output.shape, [=](float* gradient) {
        bce_with_logits_backward(a.output.size(), s, a.output.data, a.target.data, dloss, a.divisor(), gradient);
    });
}

// A kind by its name, and how many numbers it takes.
struct NamedLoss {
    std::string_view name;
    PointwiseKind kind;
    int numbers;
};
constexpr NamedLoss kNamedLosses[] = {
    {"l1", PointwiseKind::l1, 0},
    {"smooth_l1", PointwiseKind::smooth_l1, 1},
    {"huber", PointwiseKind::huber, 1},
    {"kl_div", PointwiseKind::kl_div, 0},
    {"kl_div_log", PointwiseKind::kl_div_log, 0},
    {"bce", PointwiseKind::bce, 0},
    {"focal", PointwiseKind::focal, 2},
    {"cross_entropy", PointwiseKind::cross_entropy, 2},
};

void check_numbers(const char* op, const NamedLoss& known, double a, double b) {
    if ((known.numbers < 1 && a != 0) || (known.numbers < 2 && b != 0))
        fail_value(op, "kind '", known.name, "' takes ", known.numbers == 0 ? "neither a nor b" : "no b", ", got a = ", a,
                   ", b = ", b);
    if (known.kind == PointwiseKind::smooth_l1 && a < 0) fail_value(op, "a of 'smooth_l1' must be at least 0, got ", a);
    if (known.kind == PointwiseKind::huber && a <= 0) fail_value(op, "a of 'huber' must be above 0, got ", a);
    if (known.kind == PointwiseKind::focal && (a > 1 || b < 0))
        fail_value(op, "'focal' takes a up to 1 and b from 0, got a = ", a, ", b = ", b);
    if (known.kind == PointwiseKind::cross_entropy && !(a >= 0 && a <= 1 && b >= 0))
        fail_value(op, "'cross_entropy' takes a in [0, 1] and b from 0, got a = ", a, ", b = ", b);
}

PointwiseLoss to_pointwise(const char* op, py::handle kind_word, py::handle a_number, py::handle b_number, py::handle weight,
                           const Shape& output) {
    const std::string word = to_word(op, "kind", kind_word);
    const double a = to_float(op, "a", a_number), b = to_float(op, "b", b_number);
    std::string names;
    for (const NamedLoss& known : kNamedLosses) {
        names += (names.empty() ? "" : ", ") + std::string(known.name);
        if (word != known.name) continue;
        check_numbers(op, known, a, b);
        // Not rounded to float: the formulas are in double.
        return {known.kind, to_double(op, "a", a_number), to_double(op, "b", b_number),
                repeated_weights(op, "weight", weight, "output", output)};
    }
    fail_value(op, "kind must be one of ", names, ", got '", word, "'");
}

// What the sum of the losses is divided by.
double to_divisor(const char* op, py::handle number, const Operands& a) {
    const double divisor = to_double(op, "divisor", number);
    if (!(divisor > 0)) fail_value(op, "divisor must be above 0, got ", divisor);
    if (divisor != 1 && a.reduction != Reduction::sum)
        fail_value(op, "divisor must be 1 unless reduction is 'sum', got ", divisor);
    return divisor * a.divisor();
}

py::object bind_pointwise_loss(py::handle output_array, py::handle target_array, py::handle kind, py::handle a_number,
                               py::handle b_number, py::handle weight, py::handle divisor_number, py::handle reduction) {
    const char* op = "pointwise_loss";
    const auto a = operands(op, "output", output_array, target_array, reduction);
    const auto s = to_pointwise(op, kind, a_number, b_number, weight, a.output.shape);
    const double divisor = to_divisor(op, divisor_number, a);
    return loss_value(op, a.reduction, a.output.shape, [=](float* losses) {
        return pointwise_loss(a.output.size(), s, a.output.data, a.target.data, divisor, losses);
    });
}

Array bind_pointwise_loss_backward(py::handle output_array, py::handle target_array, py::handle kind, py::handle dloss_object,
                                   py::handle a_number, py::handle b_number, py::handle weight, py::handle divisor_number,
                                   py::handle reduction) {
    const char* op = "pointwise_loss_backward";
    const auto a = operands(op, "output", output_array, target_array, reduction);
    const auto s = to_pointwise(op, kind, a_number, b_number, weight, a.output.shape);
    const double divisor = to_divisor(op, divisor_number, a);
    const auto dloss = to_loss_gradient(op, dloss_object, a.reduction, a.output.shape);
    return filled(op, a.output.shape, [=](float* gradient) {
        pointwise_loss_backward(a.output.size(), s, a.output.data, a.target.data, dloss, divisor, gradient);
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
    module.def("pointwise_loss", bind_pointwise_loss, "output"_a, "target"_a, "kind"_a, "a"_a = 0.0, "b"_a = 0.0,
               "weight"_a = py::none(), "divisor"_a = 1.0, "reduction"_a = "mean");
    module.def("pointwise_loss_backward", bind_pointwise_loss_backward, "output"_a, "target"_a, "kind"_a, "dloss"_a = 1.0,
               "a"_a = 0.0, "b"_a = 0.0, "weight"_a = py::none(), "divisor"_a = 1.0, "reduction"_a = "mean");
}

}  // namespace pycnn
