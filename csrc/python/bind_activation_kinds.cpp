#include <string_view>

#include "ops/activation.hpp"
#include "python/results.hpp"

namespace pycnn {
namespace {

// A kind by its name, and how many numbers it takes.
struct NamedActivation {
    std::string_view name;
    ActivationKind kind;
    int numbers;
};
constexpr NamedActivation kNamedActivations[] = {
    {"silu", ActivationKind::silu, 0},           {"elu", ActivationKind::elu, 1},
    {"hardswish", ActivationKind::hardswish, 0}, {"hardsigmoid", ActivationKind::hardsigmoid, 0},
    {"softplus", ActivationKind::softplus, 2},   {"mish", ActivationKind::mish, 0},
    {"hardtanh", ActivationKind::hardtanh, 2},   {"negative", ActivationKind::negative, 0},
    {"focal", ActivationKind::focal, 2},
};

Activation to_activation(const char* op, py::handle kind_word, py::handle a_number, py::handle b_number) {
    const std::string word = to_word(op, "kind", kind_word);
    const float a = to_float(op, "a", a_number), b = to_float(op, "b", b_number);
    std::string names;
    for (const NamedActivation& known : kNamedActivations) {
        names += (names.empty() ? "" : ", ") + std::string(known.name);
        if (word != known.name) continue;
        if ((known.numbers < 1 && a != 0) || (known.numbers < 2 && b != 0))
            fail_value(op, "kind '", word, "' takes ", known.numbers == 0 ? "neither a nor b" : "no b", ", got a = ", a,
                       ", b = ", b);
        if (known.kind == ActivationKind::softplus && a <= 0) fail_value(op, "a of 'softplus' must be above 0, got ", a);
        if (known.kind == ActivationKind::focal && a < 0) fail_value(op, "a of 'focal' must be at least 0, got ", a);
        if (known.kind == ActivationKind::hardtanh && a > b)
            fail_value(op, "a of 'hardtanh' must not be above b, got a = ", a, ", b = ", b);
        return {known.kind, a, b};
    }
    fail_value(op, "kind must be one of ", names, ", got '", word, "'");
}

Array bind_activation(py::handle x_array, py::handle kind, py::handle a, py::handle b) {
    const char* op = "activation";
    const auto x = view<const float>(op, "x", x_array);
    const Activation f = to_activation(op, kind, a, b);
    return filled(op, x.shape, [=](float* y) { activation(x.size(), f, x.data, y); });
}

Array bind_activation_backward(py::handle dy_array, py::handle x_array, py::handle kind, py::handle a, py::handle b) {
    const char* op = "activation_backward";
    const auto dy = view<const float>(op, "dy", dy_array);
    const auto x = view<const float>(op, "x", x_array);
    check_same_shape(op, "dy", dy.shape, "x", x.shape);
    const Activation f = to_activation(op, kind, a, b);
    return filled(op, x.shape, [=](float* dx) { activation_backward(x.size(), f, dy.data, x.data, dx); });
}

}  // namespace

void register_activation_kinds(py::module_& module) {
    module.def("activation", bind_activation, "x"_a, "kind"_a, "a"_a = 0.0, "b"_a = 0.0);
    module.def("activation_backward", bind_activation_backward, "dy"_a, "x"_a, "kind"_a, "a"_a = 0.0, "b"_a = 0.0);
}

}  // namespace pycnn
