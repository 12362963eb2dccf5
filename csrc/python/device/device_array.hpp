// A C-contiguous array on the device: the counterpart of NumPy's ndarray.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <string>

#include "core/error.hpp"
#include "core/shape.hpp"
#include "cuda/memory.hpp"

namespace pycnn::cuda {

enum class Element { float32, int32, int64, uint8, boolean };

template <class T>
constexpr Element element_of();
template <>
constexpr Element element_of<float>() {
    return Element::float32;
}
template <>
constexpr Element element_of<int32_t>() {
    return Element::int32;
}
template <>
constexpr Element element_of<int64_t>() {
    return Element::int64;
}
template <>
constexpr Element element_of<uint8_t>() {
    return Element::uint8;
}
template <>
constexpr Element element_of<bool>() {
    return Element::boolean;
}
const char* name_of(Element element);  // NumPy's
size_t size_of(Element element);

struct DeviceArray {
    std::shared_ptr<Memory> memory;  // shared with the arrays that reshape made; null once this one is freed
    Shape shape;
    Element element;

    DeviceArray(const char* op, Shape extents, Element element);

    int64_t size() const;
    size_t bytes() const { return static_cast<size_t>(size()) * size_of(element); }
    void* data() const;  // ValueError once it has been freed
};

void register_device_array(pybind11::module_& module);

}  // namespace pycnn::cuda
