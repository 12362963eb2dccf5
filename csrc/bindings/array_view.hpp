// The only file that turns Python objects into views, and results into arrays: NumPy's for the CPU, device arrays for CUDA. A binding
// is the same source for both, compiled once for each, and calls the op by the declaration that both implement.
#pragma once

#if defined(PYCNN_DEVICE_ARRAYS)
#include "cuda/bindings/device_view.hpp"
#else
#include "bindings/numpy_view.hpp"
#endif

namespace pycnn {

template <class T>
std::optional<View<T>> optional_view(const char* op, const char* name, py::handle object, int rank = -1) {
    if (object.is_none()) return std::nullopt;
    return view<T>(op, name, object, rank);
}

}  // namespace pycnn
