// What every binding does with its arguments: numbers, words, shapes, and views of arrays.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <array>
#include <optional>

#include "core/error.hpp"
#include "core/shape.hpp"
#include "python/release_gil.hpp"

namespace pycnn {

namespace py = pybind11;
using namespace py::literals;  // "x"_a, the name of an argument

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

// An int, or something with __index__ (a bool is not a number here).
int64_t to_int(const char* op, const char* name, py::handle object);

// The same in [0, 2^64): ValueError for any other.
uint64_t to_uint64(const char* op, const char* name, py::handle object);

// A number that is not a bool, as a double, or the nearest finite float of it: ValueError where there is none.
double to_double(const char* op, const char* name, py::handle object);
float to_float(const char* op, const char* name, py::handle object);

bool to_flag(const char* op, const char* name, py::handle object);
std::string to_word(const char* op, const char* name, py::handle object);

// The entries of a tuple or list of two, which are no numbers yet.
std::array<py::object, 2> to_two(const char* op, const char* name, py::handle object);

// n or (h, w).
Pair to_pair(const char* op, const char* name, py::handle object);

// n, (h, w), (top, bottom, left, right), 'valid' or 'same'.
PaddingRule to_padding(const char* op, py::handle object);

// A sequence of ints as a shape of the given rank.
Shape to_shape(const char* op, const char* name, py::handle object, size_t rank);

// ValueError unless both shapes are equal.
void check_same_shape(const char* op, const char* name, const Shape& got, const char* other, const Shape& expected);

}  // namespace pycnn
