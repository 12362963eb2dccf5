// What the bindings of all losses share: the reduction, the gradient of the loss, and the form of the result.
#pragma once

#include "ops/reduction.hpp"
#include "python/views.hpp"
#include "run_op.hpp"

namespace pycnn {

// 'mean', 'sum' or 'none'; the mean of `count` = 0 losses is a ValueError.
Reduction to_reduction(const char* op, py::handle word, int64_t count);

// A number, or with 'none' an array of the shape of the losses.
LossGradient to_loss_gradient(const char* op, py::handle dloss, Reduction reduction, const Shape& losses);

// A float, or with 'none' an array. compute(losses) returns the reduced loss, and writes the single losses if `losses` is not
// null.
template <class F>
py::object loss_value(const char* op, Reduction reduction, const Shape& shape, F compute) {
    if (reduction != Reduction::none)
        return py::float_(run_loss(op, [compute = std::move(compute)] { return compute(nullptr); }));
    float* losses = nullptr;
    py::object each = new_array(op, shape, losses);
    run_op(op, [compute = std::move(compute), losses] { compute(losses); });
    return each;
}

}  // namespace pycnn
