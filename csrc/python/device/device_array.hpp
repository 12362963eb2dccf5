// A C-contiguous array on the device: the counterpart of NumPy's ndarray.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <string>

#include "core/error.hpp"
#include "core/shape.hpp"
#include "cuda/element.hpp"
#include "cuda/memory.hpp"
#include "cuda/places.hpp"

namespace pycnn::cuda {

const char* name_of(Element element);                    // NumPy's
Element element_of_dtype(const pybind11::dtype& dtype);  // TypeError if there is none

struct DeviceArray {
    std::shared_ptr<Memory> memory;  // shared with the arrays that reshape made; null once this one is freed
    Shape shape;
    Element element;

    DeviceArray(const char* op, Shape extents, Element element);

    int64_t size() const;
    size_t bytes() const { return static_cast<size_t>(size()) * size_of(element); }
    void* data() const;  // ValueError once it has been freed
};

// Copies a part of this shape from one array to another of the same elements. Either has strides, in elements, and begins at an
// element of the array.
void copy_part(const char* op, const DeviceArray& source, const Strides& source_strides, int64_t source_start,
               const Shape& shape, const DeviceArray& target, const Strides& target_strides, int64_t target_start);

void register_device_array(pybind11::module_& module);

}  // namespace pycnn::cuda
