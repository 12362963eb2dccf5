#include "cuda/bindings/device_array.hpp"

#include <pybind11/numpy.h>

#include <functional>
#include <numeric>

#include "cuda/arithmetic.hpp"

namespace pycnn::cuda {
namespace {

namespace py = pybind11;

Element element_of_dtype(const py::dtype& dtype) {
    for (Element e : {Element::float32, Element::int32, Element::int64, Element::uint8})
        if (dtype.equal(py::dtype(name_of(e)))) return e;
    fail_type("DeviceArray", "holds float32, int32, int64 or uint8, got ", std::string(py::str(dtype)));
}

DeviceArray from_numpy(const py::array& array) {
    if (!(array.flags() & py::array::c_style))
        fail_value("DeviceArray", "array must be C-contiguous (numpy.ascontiguousarray makes a copy that is)");
    DeviceArray result("DeviceArray", Shape(array.shape(), array.shape() + array.ndim()), element_of_dtype(array.dtype()));
    const void* source = array.data();
    py::gil_scoped_release release;
    copy_to_device(result.data(), source, result.bytes());
    return result;
}

py::array to_numpy(const DeviceArray& a) {
    py::array result(py::dtype(name_of(a.element)), a.shape);
    void* target = result.mutable_data();
    py::gil_scoped_release release;
    copy_to_host(target, a.data(), a.bytes());
    return result;
}

DeviceArray copy(const DeviceArray& a) {
    DeviceArray result("DeviceArray.copy", a.shape, a.element);
    copy_on_device(result.data(), a.data(), a.bytes());
    return result;
}

DeviceArray zeros_like(const DeviceArray& a) {
    DeviceArray result("DeviceArray.zeros_like", a.shape, a.element);
    fill_zeros(result.data(), result.bytes());
    return result;
}

// a + b into `sum`, which may be one of them.
void add_arrays(const DeviceArray& a, const DeviceArray& b, const DeviceArray& sum) {
    for (const DeviceArray* array : {&a, &b})
        if (array->element != Element::float32) fail_type("DeviceArray", "adds float32 arrays, got ", name_of(array->element));
    if (a.shape != b.shape)
        fail_value("DeviceArray", "arrays of shapes ", to_string(a.shape), " and ", to_string(b.shape), " do not add up");
    add(a.size(), static_cast<const float*>(a.data()), static_cast<const float*>(b.data()), static_cast<float*>(sum.data()));
}

DeviceArray sum_of(const DeviceArray& a, const DeviceArray& b) {
    DeviceArray sum("DeviceArray", a.shape, a.element);
    add_arrays(a, b, sum);
    return sum;
}

// One extent may be -1: what is left.
DeviceArray reshape(const DeviceArray& a, const py::args& extents) {
    const py::sequence numbers = extents.size() == 1 && py::isinstance<py::sequence>(extents[0])
                                     ? py::reinterpret_borrow<py::sequence>(extents[0])
                                     : py::reinterpret_borrow<py::sequence>(extents);
    Shape shape;
    for (py::handle number : numbers) shape.push_back(py::cast<int64_t>(number));
    int64_t* rest = nullptr;
    int64_t known = 1;
    for (int64_t& extent : shape) {
        if (extent == -1 && !rest) {
            rest = &extent;
        } else {
            known *= extent;
        }
    }
    if (rest && known > 0) *rest = a.size() / known;
    DeviceArray result = a;
    result.shape = shape;
    if (result.size() != a.size())
        fail_value("DeviceArray.reshape", "an array of shape ", to_string(a.shape), " does not take shape ", to_string(shape));
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
    }
    return "";
}

size_t size_of(Element element) {
    switch (element) {
        case Element::float32:
        case Element::int32:
            return 4;
        case Element::int64:
            return 8;
        case Element::uint8:
            return 1;
    }
    return 0;
}

DeviceArray::DeviceArray(const char* op, Shape extents, Element type) : shape(std::move(extents)), element(type) {
    const auto count = static_cast<size_t>(element_count(op, shape));
    try {
        memory = std::make_shared<Memory>(count * size_of(element));
    } catch (const OutOfMemory& e) {
        throw OutOfMemory(text('[', op, "] result of shape ", to_string(shape), ": ", e.what()));
    }
}

int64_t DeviceArray::size() const { return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>()); }

void* DeviceArray::data() const {
    if (!memory) fail_value("DeviceArray", "the array of shape ", to_string(shape), " has been freed");
    return memory->data();
}

void register_device_array(py::module_& module) {
    py::class_<DeviceArray> type(module, "DeviceArray", py::module_local());
    type.def_static("from_numpy", from_numpy, py::arg("array"))
        .def("numpy", to_numpy)
        .def("copy", copy)
        .def("zeros_like", zeros_like)
        .def("reshape", reshape)
        .def("__add__", sum_of, py::is_operator())
        .def(
            "__iadd__",
            [](DeviceArray& a, const DeviceArray& b) -> DeviceArray& {
                add_arrays(a, b, a);
                return a;
            },
            py::is_operator())
        .def("free", [](DeviceArray& a) { a.memory.reset(); })
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
        .def_property_readonly("__cuda_array_interface__", interface);
    type.attr("__array_ufunc__") = py::none();  // NumPy's operators refuse it
    type.attr("ops") = module;                  // the module whose ops take it
}

}  // namespace pycnn::cuda
