// Results of ops: new arrays that are filled while other Python threads run. Bindings do without these functions where the element type
// of a result depends on the shape (winners of the pooled convolution), where an array is updated in place (optimizers), and where the
// GIL must be released before the shape of the result is known (groups of rows in the embedding). Losses, which may be numbers, and
// gradients of weights, which may be the caller's arrays, have functions of their own (loss_arguments.hpp, weight_gradients.hpp).
// All compute through run_op, which may keep the call and repeat it: what it needs is captured by value, as [=].
#pragma once

#include <array>
#include <tuple>
#include <utility>

#include "python/views.hpp"
#include "run_op.hpp"

namespace pycnn {

// A new array of this shape, filled by compute(its data).
template <class F>
Array filled(const char* op, const Shape& shape, F compute) {
    float* data = nullptr;
    Array result = new_array(op, shape, data);
    run_op(op, [compute = std::move(compute), data] { compute(data); });
    return result;
}

// A tuple of new arrays of these element types and shapes, filled by compute(their data...).
template <class... T, class F>
py::tuple filled_tuple(const char* op, const std::array<Shape, sizeof...(T)>& shapes, F compute) {
    std::tuple<T*...> data;
    auto result = [&]<size_t... I>(std::index_sequence<I...>) {
        return py::tuple(py::make_tuple(new_array(op, shapes[I], std::get<I>(data))...));
    }(std::index_sequence_for<T...>());
    run_op(op, [compute = std::move(compute), data] { std::apply(compute, data); });
    return result;
}

}  // namespace pycnn
