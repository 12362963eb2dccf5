// Device arrays as views, and results as device arrays: the twin of python/numpy/array_view.hpp.
#pragma once

#include "python/arguments.hpp"
#include "python/device/device_array.hpp"

namespace pycnn {

using Array = py::object;

inline bool is_array(py::handle object) { return py::isinstance<cuda::DeviceArray>(object); }
inline size_t rank_of(py::handle array) { return py::cast<const cuda::DeviceArray&>(array).shape.size(); }

template <class T>
View<T> view(const char* op, const char* name, py::handle object, int rank = -1) {
    if (!is_array(object))
        fail_type(op, name, " must be on the device like the other arrays, a DeviceArray, got ", type_name(object));
    const auto& array = py::cast<const cuda::DeviceArray&>(object);
    constexpr cuda::Element wanted = cuda::element_of<std::remove_const_t<T>>();
    if (array.element != wanted) fail_type(op, name, " must be ", name_of(wanted), ", got ", name_of(array.element));
    if (rank >= 0 && array.shape.size() != static_cast<size_t>(rank))
        fail_value(op, name, " must have ", rank, " dimension", rank == 1 ? "" : "s", ", got shape ", to_string(array.shape));
    if (!array.memory) fail_value(op, name, " of shape ", to_string(array.shape), " has been freed");
    return {static_cast<T*>(array.data()), array.shape};
}

template <class T>
Array new_array(const char* op, const Shape& shape, T*& data) {
    cuda::DeviceArray array(op, shape, cuda::element_of<T>());
    data = static_cast<T*>(array.data());
    return py::cast(std::move(array));
}

}  // namespace pycnn
