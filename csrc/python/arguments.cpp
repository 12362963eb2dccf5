#include "python/arguments.hpp"

#include <cmath>

namespace pycnn {
namespace {

// The items of a tuple or list, or nothing for any other object.
std::optional<py::tuple> items_of(py::handle object) {
    if (py::isinstance<py::tuple>(object) || py::isinstance<py::list>(object))
        return py::reinterpret_steal<py::tuple>(PySequence_Tuple(object.ptr()));
    return std::nullopt;
}

// A str as UTF-8; halves of surrogate pairs, which that lacks, as escapes.
std::string text_of(py::handle text) {
    PyObject* const bytes = PyUnicode_AsEncodedString(text.ptr(), "utf-8", "backslashreplace");
    if (!bytes) throw py::error_already_set();
    return py::reinterpret_steal<py::bytes>(bytes);
}

// What repr makes of an object, cut short. It may refuse, as it does for ints of thousands of digits: then its type.
std::string written(py::handle object) {
    constexpr size_t kMost = 80;
    const auto text = py::reinterpret_steal<py::object>(PyObject_Repr(object.ptr()));
    if (!text) {
        PyErr_Clear();
        return "a large " + type_name(object);
    }
    return shortened(text_of(text), kMost);
}

// A Python int for an int, or for something with __index__ but a bool. An array of several numbers has one too, which fails.
py::object index_of(const char* op, const char* name, py::handle object) {
    if (!PyBool_Check(object.ptr()) && PyIndex_Check(object.ptr())) {
        if (auto index = py::reinterpret_steal<py::object>(PyNumber_Index(object.ptr()))) return index;
        if (!PyErr_ExceptionMatches(PyExc_TypeError)) throw py::error_already_set();
        PyErr_Clear();
    }
    fail_type(op, name, " must be an int, got ", type_name(object));
}

}  // namespace

int64_t to_int(const char* op, const char* name, py::handle object) {
    const py::object index = index_of(op, name, object);
    int overflow = 0;
    const long long value = PyLong_AsLongLongAndOverflow(index.ptr(), &overflow);
    if (overflow) fail_value(op, name, " is out of range: ", written(index));
    return value;
}

uint64_t to_uint64(const char* op, const char* name, py::handle object) {
    const py::object index = index_of(op, name, object);
    const unsigned long long value = PyLong_AsUnsignedLongLong(index.ptr());
    if (PyErr_Occurred()) {
        PyErr_Clear();
        fail_value(op, name, " must be in [0, 2**64), got ", written(index));
    }
    return value;
}

double to_double(const char* op, const char* name, py::handle object) {
    const bool number = PyNumber_Check(object.ptr()) && !PyBool_Check(object.ptr()) && !py::isinstance<py::array>(object);
    if (!number) fail_type(op, name, " must be a number, got ", type_name(object));
    const double value = PyFloat_AsDouble(object.ptr());
    if (PyErr_Occurred()) {
        const bool wrong_type = PyErr_ExceptionMatches(PyExc_TypeError);
        PyErr_Clear();
        if (wrong_type) fail_type(op, name, " must be a real number, got ", type_name(object));
        fail_value(op, name, " is out of range: ", written(object));
    }
    return value;
}

float to_float(const char* op, const char* name, py::handle object) {
    const float value = static_cast<float>(to_double(op, name, object));
    if (!std::isfinite(value)) fail_value(op, name, " must be a finite float32, got ", written(object));
    return value;
}

bool to_flag(const char* op, const char* name, py::handle object) {
    if (!PyBool_Check(object.ptr()) && type_name(object) != "bool_" && type_name(object) != "bool")
        fail_type(op, name, " must be a bool, got ", type_name(object));
    return PyObject_IsTrue(object.ptr()) == 1;
}

std::string to_word(const char* op, const char* name, py::handle object) {
    if (!py::isinstance<py::str>(object)) fail_type(op, name, " must be a str, got ", type_name(object));
    return text_of(object);
}

std::array<py::object, 2> to_two(const char* op, const char* name, py::handle object) {
    const auto items = items_of(object);
    if (!items || items->size() != 2) fail_type(op, name, " must be a pair of numbers, got ", written(object));
    return {(*items)[0], (*items)[1]};
}

Pair to_pair(const char* op, const char* name, py::handle object) {
    if (const auto items = items_of(object)) {
        if (items->size() != 2) fail_value(op, name, " must be an int or a pair (height, width), got ", written(object));
        return {to_int(op, name, (*items)[0]), to_int(op, name, (*items)[1])};
    }
    const int64_t both = to_int(op, name, object);
    return {both, both};
}

PaddingRule to_padding(const char* op, py::handle object) {
    PaddingRule rule;
    if (py::isinstance<py::str>(object)) {
        const std::string word = text_of(object);
        if (word == "same") {
            rule.kind = PaddingRule::Kind::same;
        } else if (word != "valid") {
            fail_value(op, "padding must be 'valid', 'same' or numbers, got '", word, "'");
        }
        return rule;
    }
    const auto items = items_of(object);
    if (items && items->size() == 4) {
        const auto side = [&](int i) { return to_int(op, "padding", (*items)[i]); };
        rule.numbers = {side(0), side(1), side(2), side(3)};
        return rule;
    }
    if (items && items->size() != 2) fail_value(op, "padding takes one, two or four numbers, got ", written(object));
    const Pair pair = to_pair(op, "padding", object);
    rule.numbers = {pair.h, pair.h, pair.w, pair.w};
    return rule;
}

Shape to_shape(const char* op, const char* name, py::handle object, size_t rank) {
    const auto items = items_of(object);
    if (!items) fail_type(op, name, " must be a tuple of ints, got ", type_name(object));
    Shape shape;
    for (py::handle item : *items) shape.push_back(to_int(op, name, item));
    if (shape.size() != rank) fail_value(op, name, " must have ", rank, " numbers, got ", to_string(shape));
    return shape;
}

void check_same_shape(const char* op, const char* name, const Shape& got, const char* other, const Shape& expected) {
    if (got != expected) fail_value(op, name, " has shape ", to_string(got), ", ", other, " gives ", to_string(expected));
}

}  // namespace pycnn
