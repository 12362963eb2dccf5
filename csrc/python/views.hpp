// Turns Python objects into views, and results into arrays: NumPy's for the CPU (python/numpy), device arrays for CUDA
// (python/device). Each module has one of the two folders in its include path. A binding is the same source for both, compiled once
// for each, and calls the op by the declaration in ops/ that both back-ends implement.
#pragma once

#include "array_view.hpp"

namespace pycnn {

template <class T>
std::optional<View<T>> optional_view(const char* op, const char* name, py::handle object, int rank = -1) {
    if (object.is_none()) return std::nullopt;
    return view<T>(op, name, object, rank);
}

}  // namespace pycnn
