#include "python/device/device_array.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "cuda/arithmetic.hpp"
#include "cuda/array_functions.hpp"
#include "python/device/array_functions.hpp"
#include "python/device/dlpack.hpp"
#include "python/overlap.hpp"
#include "python/release_gil.hpp"

namespace pycnn::cuda {
namespace {

namespace py = pybind11;

int64_t product(Shape::const_iterator begin, Shape::const_iterator end) {
    return std::accumulate(begin, end, int64_t{1}, std::multiplies<>());
}

const float* floats(const DeviceArray& a) {
    if (a.element != Element::float32) fail_type("DeviceArray", "this takes float32 arrays, got ", name_of(a.element));
    return static_cast<const float*>(a.data());
}

DeviceArray from_numpy(const py::array& array) {
    if (!(array.flags() & py::array::c_style))
        fail_value("DeviceArray", "array must be C-contiguous (numpy.ascontiguousarray makes a copy that is)");
    DeviceArray result("DeviceArray", Shape(array.shape(), array.shape() + array.ndim()), element_of_dtype(array.dtype()));
    const void* source = array.data();
    ReleaseGil release;
    copy_to_device(result.data(), source, result.bytes());
    return result;
}

py::array to_numpy(const DeviceArray& a) {
    py::array result(py::dtype(name_of(a.element)), a.shape);
    void* target = result.mutable_data();
    ReleaseGil release;
    copy_to_host(target, a.data(), a.bytes());
    return result;
}

void check_same(const DeviceArray& a, const Shape& shape, Element element, bool contiguous) {
    if (shape != a.shape || element != a.element || !contiguous)
        fail_value("DeviceArray.write", "needs a C-contiguous ", name_of(a.element), " array of shape ", to_string(a.shape),
                   ", got ", name_of(element), " of shape ", to_string(shape));
}

void write(const DeviceArray& a, const py::array& array) {
    check_same(a, Shape(array.shape(), array.shape() + array.ndim()), element_of_dtype(array.dtype()),
               array.flags() & py::array::c_style);
    const void* source = array.data();
    ReleaseGil release;
    copy_to_device(a.data(), source, a.bytes());
}

void write_from_device(const DeviceArray& a, const DeviceArray& array) {
    check_same(a, array.shape, array.element, true);
    if (a.data() == array.data()) return;
    copy_on_device(a.data(), array.data(), a.bytes());
}

DeviceArray copy(const DeviceArray& a) {
    DeviceArray result("DeviceArray.copy", a.shape, a.element);
    copy_on_device(result.data(), a.data(), a.bytes());
    return result;
}

DeviceArray zeros_of(const Shape& shape, Element element) {
    DeviceArray result("DeviceArray.zeros", shape, element);
    fill_zeros(result.data(), result.bytes());
    return result;
}
DeviceArray zeros(const Shape& shape, const py::dtype& dtype) { return zeros_of(shape, element_of_dtype(dtype)); }
DeviceArray zeros_like(const DeviceArray& a) { return zeros_of(a.shape, a.element); }

// a + b into `sum`, which may be one of them.
void add_arrays(const DeviceArray& a, const DeviceArray& b, const DeviceArray& sum) {
    if (a.shape != b.shape)
        fail_value("DeviceArray", "arrays of shapes ", to_string(a.shape), " and ", to_string(b.shape), " do not add up");
    add(a.size(), floats(a), floats(b), static_cast<float*>(sum.data()));
}

DeviceArray sum_of(const DeviceArray& a, const DeviceArray& b) {
    DeviceArray sum("DeviceArray", a.shape, a.element);
    add_arrays(a, b, sum);
    return sum;
}

// Joins arrays along `axis`; their other extents are equal.
DeviceArray concatenate(const std::vector<DeviceArray>& arrays, size_t axis) {
    if (arrays.empty()) fail_value("DeviceArray.concatenate", "needs at least one array");
    Shape shape = arrays.front().shape;
    if (axis >= shape.size()) fail_value("DeviceArray.concatenate", "there is no axis ", axis, " in ", to_string(shape));
    shape[axis] = 0;
    for (const DeviceArray& a : arrays) {
        Shape others = a.shape;
        if (axis < others.size()) others[axis] = shape[axis];
        if (others != shape)
            fail_value("DeviceArray.concatenate", "shapes ", to_string(a.shape), " and ", to_string(arrays.front().shape),
                       " differ in more than axis ", axis);
        if (a.element != arrays.front().element)
            fail_type("DeviceArray.concatenate", "needs arrays of one dtype, got ", name_of(arrays.front().element), " and ",
                      name_of(a.element));
        shape[axis] += a.shape[axis];
    }
    DeviceArray result("DeviceArray.concatenate", shape, arrays.front().element);
    const Strides strides = contiguous(shape);
    int64_t offset = 0;
    for (const DeviceArray& a : arrays) {
        copy_part("DeviceArray.concatenate", a, contiguous(a.shape), 0, a.shape, result, strides, offset);
        offset += a.shape[axis] * strides[axis];
    }
    return result;
}

// The inverse: parts with these extents along `axis`.
std::vector<DeviceArray> split(const DeviceArray& a, const Shape& extents, size_t axis) {
    if (axis >= a.shape.size() || std::accumulate(extents.begin(), extents.end(), int64_t{0}) != a.shape[axis])
        fail_value("DeviceArray.split", "parts of ", to_string(extents), " do not make up axis ", axis, " of ",
                   to_string(a.shape));
    const Strides strides = contiguous(a.shape);
    std::vector<DeviceArray> parts;
    int64_t offset = 0;
    for (int64_t extent : extents) {
        Shape shape = a.shape;
        shape[axis] = extent;
        parts.emplace_back("DeviceArray.split", shape, a.element);
        copy_part("DeviceArray.split", a, strides, offset, shape, parts.back(), contiguous(shape), 0);
        offset += extent * strides[axis];
    }
    return parts;
}

// table[rows] = values. No row number occurs twice.
void put_rows_of(const DeviceArray& table, const DeviceArray& rows, const DeviceArray& values) {
    Shape expected = table.shape;
    if (!expected.empty()) expected[0] = rows.size();
    if (rows.element != Element::int64 || rows.shape.size() != 1 || expected.empty() || values.shape != expected)
        fail_value("DeviceArray.put_rows", "needs int64 rows and a value for each (rows: ", to_string(rows.shape),
                   ", values: ", to_string(values.shape), ", table: ", to_string(table.shape), ")");
    const View<float> target{const_cast<float*>(floats(table)), table.shape};
    const View<const float> source{floats(values), values.shape};
    check_apart("DeviceArray.put_rows", {{"table", target}, {"values", source}});
    put_rows(rows.size(), product(table.shape.begin() + 1, table.shape.end()), table.shape[0],
             static_cast<const int64_t*>(rows.data()), source.data, target.data);
}

// One extent may be -1: it is computed from the others.
DeviceArray reshape(const DeviceArray& a, const py::args& extents) {
    const py::sequence numbers = extents.size() == 1 && py::isinstance<py::sequence>(extents[0])
                                     ? py::reinterpret_borrow<py::sequence>(extents[0])
                                     : py::reinterpret_borrow<py::sequence>(extents);
    Shape shape;
    for (py::handle number : numbers) shape.push_back(py::cast<int64_t>(number));
    const Shape asked = shape;
    if (const auto rest = std::find(shape.begin(), shape.end(), -1); rest != shape.end()) {
        *rest = 1;
        const int64_t known = element_count("DeviceArray.reshape", shape);
        if (known == 0) fail_value("DeviceArray.reshape", "nothing tells what -1 stands for in shape ", to_string(asked));
        *rest = a.size() / known;
    }
    if (element_count("DeviceArray.reshape", shape) != a.size())
        fail_value("DeviceArray.reshape", "an array of shape ", to_string(a.shape), " does not take shape ", to_string(asked));
    DeviceArray result = a;
    result.shape = shape;
    return result;
}

// https://numba.readthedocs.io/en/stable/cuda/cuda_array_interface.html, version 3.
py::dict interface(const DeviceArray& a) {
    py::dict result;
    result["shape"] = py::tuple(py::cast(std::vector<py::int_>(a.shape.begin(), a.shape.end())));
    result["typestr"] = py::dtype(name_of(a.element)).attr("str");
    result["data"] = py::make_tuple(reinterpret_cast<uintptr_t>(a.data()), false);
    result["version"] = 3;
    const auto stream = reinterpret_cast<uintptr_t>(current_stream());
    result["stream"] = stream ? py::object(py::int_(stream)) : py::none();
    return result;
}

std::string text_of(const DeviceArray& a) {
    return text("DeviceArray(shape=", to_string(a.shape), ", dtype=", name_of(a.element), a.memory ? "" : ", freed", ")");
}

}  // namespace

const char* name_of(Element element) {
    switch (element) {
        case Element::float32:
            return "float32";
        case Element::int32:
            return "int32";
        case Element::int64:
            return "int64";
        case Element::uint8:
            return "uint8";
        case Element::boolean:
            return "bool";
    }
    return "";
}

void copy_part(const char* op, const DeviceArray& source, const Strides& source_strides, int64_t source_start,
               const Shape& shape, const DeviceArray& target, const Strides& target_strides, int64_t target_start) {
    const Places<2> places(op, shape, {target_strides, source_strides});
    if (places.count == 0) return;
    const auto bytes = static_cast<int64_t>(size_of(source.element));
    copy_strided(places, source.element, static_cast<const char*>(source.data()) + source_start * bytes,
                 static_cast<char*>(target.data()) + target_start * bytes);
}

Element element_of_dtype(const py::dtype& dtype) {
    for (Element e : {Element::float32, Element::int32, Element::int64, Element::uint8, Element::boolean})
        if (dtype.equal(py::dtype(name_of(e)))) return e;
    fail_type("DeviceArray", "holds float32, int32, int64, uint8 or bool, got ", std::string(py::str(dtype)));
}

DeviceArray::DeviceArray(const char* op, Shape extents, Element type) : shape(std::move(extents)), element(type) {
    const auto count = static_cast<size_t>(element_count(op, shape));
    try {
        memory = std::make_shared<Memory>(count * size_of(element));
    } catch (const OutOfMemory& e) {
        throw OutOfMemory(text('[', op, "] result of shape ", to_string(shape), ": ", e.what()));
    }
}

int64_t DeviceArray::size() const { return product(shape.begin(), shape.end()); }

void* DeviceArray::data() const {
    if (!memory) fail_value("DeviceArray", "the array of shape ", to_string(shape), " has been freed");
    return memory->data();
}

void register_device_array(py::module_& module) {
    py::class_<DeviceArray> type(module, "DeviceArray", py::module_local());
    type.def_static("from_numpy", from_numpy, py::arg("array"))
        .def("numpy", to_numpy)
        .def("copy", copy)
        .def("write", write_from_device, py::arg("array"))
        .def("write", write, py::arg("array"))
        .def("__copy__", copy)
        .def("__deepcopy__", [](const DeviceArray& a, const py::dict&) { return copy(a); })
        .def("zeros_like", zeros_like)
        .def_static("zeros", zeros, py::arg("shape"), py::arg("dtype") = py::dtype("float32"))
        .def_static("concatenate", concatenate, py::arg("arrays"), py::arg("axis"))
        .def("split", split, py::arg("extents"), py::arg("axis"))
        .def("put_rows", put_rows_of, py::arg("rows"), py::arg("values"))
        .def("reshape", reshape)
        .def("__add__", sum_of, py::is_operator())
        .def(
            "__iadd__",
            [](DeviceArray& a, const DeviceArray& b) -> DeviceArray& {
                add_arrays(a, b, a);
                return a;
            },
            py::is_operator())
        .def(
            "sum_of_squares", [](const DeviceArray& a) { return sum_of_squares(a.size(), floats(a)); },
            py::call_guard<ReleaseGil>())
        .def("scale", [](const DeviceArray& a, float factor) { scale(a.size(), factor, const_cast<float*>(floats(a))); })
        .def("free", [](DeviceArray& a) { a.memory.reset(); })
        // Without the keywords of version 1.0: callers that pass them expect a capsule of that version. Refused, they ask for
        // this one.
        .def(
            "__dlpack__", [](const DeviceArray& a, const py::object&) { return to_dlpack(a); }, py::arg("stream") = py::none())
        .def("__dlpack_device__", [](const DeviceArray&) { return dlpack_device(); })
        .def("__repr__", text_of)
        .def("__len__",
             [](const DeviceArray& a) {
                 if (a.shape.empty()) fail_type("DeviceArray", "an array without dimensions has no len()");
                 return a.shape[0];
             })
        .def("__array__",
             [](const DeviceArray&, const py::args&, const py::kwargs&) -> py::object {
                 fail_type("DeviceArray", "NumPy works on the CPU: .numpy() copies the array there");
             })
        .def_property_readonly("shape", [](const DeviceArray& a) { return py::tuple(py::cast(a.shape)); })
        .def_property_readonly("ndim", [](const DeviceArray& a) { return a.shape.size(); })
        .def_property_readonly("size", &DeviceArray::size)
        .def_property_readonly("nbytes", &DeviceArray::bytes)
        .def_property_readonly("dtype", [](const DeviceArray& a) { return py::dtype(name_of(a.element)); })
        .def_property_readonly("pointer", [](const DeviceArray& a) { return reinterpret_cast<uintptr_t>(a.data()); })
        .def_property_readonly("stream", [](const DeviceArray&) { return reinterpret_cast<uintptr_t>(current_stream()); })
        .def_property_readonly("__cuda_array_interface__", interface);
    register_array_functions(type);
    type.attr("__array_ufunc__") = py::none();  // NumPy's operators refuse it
    type.attr("ops") = module;                  // the module whose ops take it
}

}  // namespace pycnn::cuda
