// The only file that turns Python objects into views, and results into arrays.
//
// Nothing is cast or copied: an array of another dtype is a TypeError, one that is not C-contiguous a ValueError.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <optional>

#include "core/error.hpp"
#include "core/memory.hpp"
#include "core/shape.hpp"

namespace pycnn {

namespace py = pybind11;

template <class T>
struct View {
    T* data = nullptr;
    Shape shape;

    int64_t size() const {
        int64_t n = 1;
        for (int64_t extent : shape) n *= extent;
        return n;
    }
};

inline std::string type_name(py::handle object) { return py::str(py::type::handle_of(object).attr("__name__")); }

// T may be const (an input) or not (written in place). rank < 0: any.
template <class T>
View<T> view(const char* op, const char* name, py::handle object, int rank = -1) {
    if (!py::isinstance<py::array>(object)) fail_type(op, name, " must be a numpy.ndarray, got ", type_name(object));
    if (type_name(object) == "MaskedArray") fail_type(op, name, " is a masked array, whose mask would be lost");
    const auto array = py::reinterpret_borrow<py::array>(object);
    static const py::handle wanted = py::dtype::of<std::remove_const_t<T>>().release();
    if (!array.dtype().is(wanted) && !array.dtype().equal(wanted))
        fail_type(op, name, " must be ", std::string(py::str(wanted)), ", got ", std::string(py::str(array.dtype())));
    View<T> result;
    result.shape.assign(array.shape(), array.shape() + array.ndim());
    if (rank >= 0 && array.ndim() != rank)
        fail_value(op, name, " must have ", rank, " dimension", rank == 1 ? "" : "s", ", got shape ", to_string(result.shape));
    constexpr int needed = int{py::array::c_style} | int{py::detail::npy_api::NPY_ARRAY_ALIGNED_};
    if ((array.flags() & needed) != needed)
        fail_value(op, name, " must be C-contiguous and aligned (numpy.ascontiguousarray makes a copy that is); its shape is ",
                   to_string(result.shape));
    if constexpr (std::is_const_v<T>) {
        result.data = static_cast<T*>(array.data());
    } else {
        if (!array.writeable()) fail_value(op, name, " is updated in place but is read-only");
        result.data = static_cast<T*>(const_cast<void*>(array.data()));
    }
    return result;
}

template <class T>
std::optional<View<T>> optional_view(const char* op, const char* name, py::handle object, int rank = -1) {
    if (object.is_none()) return std::nullopt;
    return view<T>(op, name, object, rank);
}

// A new array on a block of the pool, uninitialised. `data` receives its address.
template <class T>
py::array new_array(const char* op, const Shape& shape, T*& data) {
    const int64_t count = element_count(op, shape);
    void* memory = nullptr;
    try {
        memory = pool_allocate(count * sizeof(T));
    } catch (const OutOfMemory& e) {
        throw OutOfMemory(text('[', op, "] result of shape ", to_string(shape), ": ", e.what()));
    }
    std::unique_ptr<void, decltype(&pool_free)> block(memory, pool_free);
    py::capsule owner(block.get(), [](void* data) { pool_free(data); });
    data = static_cast<T*>(block.release());
    return py::array_t<T>(shape, data, owner);
}

// An int, or something with __index__ (a bool is not a number here).
int64_t to_int(const char* op, const char* name, py::handle object);

// The same in [0, 2^64): ValueError for any other.
uint64_t to_uint64(const char* op, const char* name, py::handle object);

// A number that is not a bool, as a double, or the nearest finite float of it: ValueError where there is none.
double to_double(const char* op, const char* name, py::handle object);
float to_float(const char* op, const char* name, py::handle object);

bool to_flag(const char* op, const char* name, py::handle object);
std::string to_word(const char* op, const char* name, py::handle object);

// n or (h, w).
Pair to_pair(const char* op, const char* name, py::handle object);

// n, (h, w), (top, bottom, left, right), 'valid' or 'same'.
PaddingRule to_padding(const char* op, py::handle object);

// A sequence of ints as a shape of the given rank.
Shape to_shape(const char* op, const char* name, py::handle object, size_t rank);

// ValueError unless both shapes are equal.
void check_same_shape(const char* op, const char* name, const Shape& got, const char* other, const Shape& expected);

}  // namespace pycnn
