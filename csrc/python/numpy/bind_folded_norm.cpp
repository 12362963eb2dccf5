// The scale and shift that a batch norm with running statistics is.
#include "cpu/folded_norm.hpp"
#include "python/numpy/runtime.hpp"
#include "python/results.hpp"

namespace pycnn {
namespace {

py::tuple bind_folded_norm(py::handle mean_array, py::handle var_array, py::handle weight_array, py::handle bias_array,
                           py::handle eps_number) {
    const char* op = "folded_norm";
    const auto mean = view<const float>(op, "mean", mean_array, 1), var = view<const float>(op, "var", var_array, 1);
    const auto weight = optional_view<const float>(op, "weight", weight_array, 1);
    const auto bias = optional_view<const float>(op, "bias", bias_array, 1);
    check_same_shape(op, "var", var.shape, "mean", mean.shape);
    if (weight) check_same_shape(op, "weight", weight->shape, "mean", mean.shape);
    if (bias) check_same_shape(op, "bias", bias->shape, "mean", mean.shape);
    const double eps = to_double(op, "eps", eps_number);
    const float *w = weight ? weight->data : nullptr, *b = bias ? bias->data : nullptr;
    return filled_tuple<float, float, float>(
        op, {mean.shape, mean.shape, mean.shape}, [=](float* inv_std, float* scale, float* shift) {
            fold_norm(mean.size(), mean.data, var.data, w, b, eps, {inv_std, scale, shift});
        });
}

}  // namespace

void register_folded_norm(py::module_& module) {
    module.def("folded_norm", bind_folded_norm, "mean"_a, "var"_a, "weight"_a, "bias"_a, "eps"_a);
}

}  // namespace pycnn
