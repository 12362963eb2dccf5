#include "python/numpy/plan_arguments.hpp"

#include <limits>
#include <string_view>

#include "python/numpy/plan_checks.hpp"

namespace pycnn {
namespace {

std::vector<py::object> items_of(const char* name, py::handle place, size_t count) {
    if (!py::isinstance<py::tuple>(place)) fail_type(kInferencePlan, name, " must be a tuple, got ", type_name(place));
    const auto given = py::reinterpret_borrow<py::tuple>(place);
    if (given.size() != count) fail_value(kInferencePlan, name, " must have ", count, " entries, got ", given.size());
    std::vector<py::object> items;
    for (py::handle item : given) items.push_back(py::reinterpret_borrow<py::object>(item));
    return items;
}

FlatRows rows_of(const char* name, py::handle place) {
    const auto items = items_of(name, place, 3);
    return {to_int(kInferencePlan, "offset", items[0]), to_int(kInferencePlan, "floats", items[1]),
            to_flag(kInferencePlan, "passes", items[2])};
}

// An infinite bound is no bound.
float to_bound(const char* name, py::handle number) {
    if (!py::isinstance<py::float_>(number)) fail_type(kInferencePlan, name, " must be a float, got ", type_name(number));
    return static_cast<float>(number.cast<double>());
}

template <ActivationKind Kind>
void kind(const KernelTable& table, int64_t count, float a, float b, const float* x, float* y) {
    table.activation[static_cast<int>(Kind)](count, a, b, x, y);
}

constexpr struct {
    std::string_view name;
    RowActivation::Function function;
} kFunctions[] = {
    {"relu", [](const KernelTable& t, int64_t n, float, float, const float* x, float* y) { t.relu(n, x, y); }},
    {"leaky_relu", [](const KernelTable& t, int64_t n, float a, float, const float* x, float* y) { t.leaky_relu(n, a, x, y); }},
    {"tanh", [](const KernelTable& t, int64_t n, float a, float b, const float* x, float* y) { t.tanh(n, a, b, x, y); }},
    {"sigmoid", [](const KernelTable& t, int64_t n, float, float, const float* x, float* y) { t.sigmoid(n, x, y); }},
    {"gelu", [](const KernelTable& t, int64_t n, float, float, const float* x, float* y) { t.gelu(n, x, y); }},
    {"gelu_tanh", [](const KernelTable& t, int64_t n, float, float, const float* x, float* y) { t.gelu_tanh(n, x, y); }},
    {"silu", kind<ActivationKind::silu>},
    {"elu", kind<ActivationKind::elu>},
    {"hardswish", kind<ActivationKind::hardswish>},
    {"hardsigmoid", kind<ActivationKind::hardsigmoid>},
    {"softplus", kind<ActivationKind::softplus>},
    {"mish", kind<ActivationKind::mish>},
    {"hardtanh", kind<ActivationKind::hardtanh>},
    {"negative", kind<ActivationKind::negative>},
    {"focal", kind<ActivationKind::focal>},
};

}  // namespace

FlatRows to_rows(const InferencePlan& plan, const char* name, py::handle place) {
    const FlatRows rows = rows_of(name, place);
    check_rows(plan.sizes(), name, rows, false);
    return rows;
}

FlatRows to_written_rows(const InferencePlan& plan, const char* name, py::handle place) {
    const FlatRows rows = rows_of(name, place);
    check_rows(plan.sizes(), name, rows, true);
    return rows;
}

NhwcImages to_images(const InferencePlan& plan, const char* name, py::handle place) {
    const auto items = items_of(name, place, 7);
    const NhwcImages images{to_int(kInferencePlan, "offset", items[0]),   to_int(kInferencePlan, "channels", items[1]),
                            to_int(kInferencePlan, "height", items[2]),   to_int(kInferencePlan, "width", items[3]),
                            to_padding(kInferencePlan, items[4]).numbers, to_int(kInferencePlan, "pitch", items[5]),
                            to_flag(kInferencePlan, "passes", items[6])};
    check_images_lie_in(plan.sizes(), name, images);
    return images;
}

NhwcImages to_vectors(const InferencePlan& plan, const char* name, py::handle place) {
    const NhwcImages images = to_images(plan, name, place);
    check_whole_vectors(name, images);
    return images;
}

std::optional<View<const float>> numbers_for(const char* name, py::handle array, int64_t count) {
    const auto numbers = optional_view<const float>(kInferencePlan, name, array, 1);
    if (numbers && numbers->shape[0] != count)
        fail_value(kInferencePlan, name, " must have ", count, " numbers, has ", numbers->shape[0]);
    return numbers;
}

Clamp to_clamp(py::handle lower, py::handle upper) { return {to_bound("lower", lower), to_bound("upper", upper)}; }

RowActivation::Function to_function(py::handle word) {
    const std::string name = to_word(kInferencePlan, "kind", word);
    for (const auto& known : kFunctions)
        if (name == known.name) return known.function;
    fail_value(kInferencePlan, "'", name, "' is not an activation");
}

}  // namespace pycnn
