// Results of ops: new arrays that are filled while other Python threads run.
#pragma once

#include <array>
#include <tuple>
#include <utility>

#include "python/views.hpp"

namespace pycnn {

// A new array of this shape, filled by compute(its data).
template <class F>
Array filled(const char* op, const Shape& shape, F&& compute) {
    float* data = nullptr;
    Array result = new_array(op, shape, data);
    ReleaseGil release;
    compute(data);
    return result;
}

// A tuple of new arrays of these element types and shapes, filled by compute(their data...).
template <class... T, class F>
py::tuple filled_tuple(const char* op, const std::array<Shape, sizeof...(T)>& shapes, F&& compute) {
    std::tuple<T*...> data;
    auto result = [&]<size_t... I>(std::index_sequence<I...>) {
        return py::tuple(py::make_tuple(new_array(op, shapes[I], std::get<I>(data))...));
    }(std::index_sequence_for<T...>());
    ReleaseGil release;
    std::apply(compute, data);
    return result;
}

}  // namespace pycnn
