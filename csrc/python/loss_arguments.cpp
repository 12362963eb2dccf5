#include "python/loss_arguments.hpp"

namespace pycnn {

Reduction to_reduction(const char* op, py::handle object, int64_t count) {
    const std::string word = to_word(op, "reduction", object);
    if (word == "sum") return Reduction::sum;
    if (word == "none") return Reduction::none;
    if (word != "mean") fail_value(op, "reduction must be 'mean', 'sum' or 'none', got '", word, "'");
    if (count == 0) fail_value(op, "the mean loss of an empty batch is not defined");
    return Reduction::mean;
}

LossGradient to_loss_gradient(const char* op, py::handle dloss, Reduction reduction, const Shape& losses) {
    if (reduction != Reduction::none) return {to_float(op, "dloss", dloss), nullptr};
    if (!is_array(dloss))
        fail_type(op, "dloss must be an array of one number per loss with reduction 'none', got ", type_name(dloss));
    const auto each = view<const float>(op, "dloss", dloss);
    check_same_shape(op, "dloss", each.shape, "target", losses);
    return {0.0f, each.data};
}

}  // namespace pycnn
