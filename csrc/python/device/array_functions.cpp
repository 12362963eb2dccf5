#include "python/device/array_functions.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <optional>

#include "cuda/array_functions.hpp"

namespace pycnn::cuda {
namespace {

namespace py = pybind11;

constexpr const char* kUnary = "DeviceArray.unary";
constexpr const char* kBinary = "DeviceArray.binary";
constexpr const char* kWhere = "DeviceArray.where";
constexpr const char* kReduce = "DeviceArray.reduce";
constexpr const char* kStrided = "DeviceArray.strided";
constexpr const char* kMatmul = "DeviceArray.matmul";

// Nothing where there is no such function of these elements.
using Result = std::optional<DeviceArray>;

template <class T>
T* data_of(const DeviceArray& a) {
    return static_cast<T*>(a.data());
}

// TypeError unless the array has these elements.
template <class T>
const T* checked(const char* op, const DeviceArray& a) {
    if (a.element != element_of<T>()) fail_type(op, "needs ", name_of(element_of<T>()), ", got ", name_of(a.element));
    return data_of<const T>(a);
}

template <class From, class To>
Result unary_as(std::string_view name, const DeviceArray& x) {
    const Unary<From, To> function = unary<From, To>(name);
    if (function == nullptr) return std::nullopt;
    DeviceArray y(kUnary, x.shape, element_of<To>());
    function(x.size(), data_of<const From>(x), data_of<To>(y));
    return y;
}

Result bind_unary(const std::string& name, const DeviceArray& x) {
    if (x.element == Element::int64) return unary_as<int64_t, int64_t>(name, x);
    if (x.element != Element::float32) return std::nullopt;
    Result y = unary_as<float, float>(name, x);
    return y ? y : unary_as<float, bool>(name, x);
}

DeviceArray bind_convert(const DeviceArray& x, const py::dtype& dtype) {
    DeviceArray y("DeviceArray.astype", x.shape, element_of_dtype(dtype));
    convert(x.size(), x.element, x.data(), y.element, y.data());
    return y;
}

// What arrays of these shapes are broadcast to.
Shape broadcast(const char* op, const std::vector<Shape>& shapes) {
    Shape result;
    for (const Shape& shape : shapes) {
        if (shape.size() > result.size()) result.insert(result.begin(), shape.size() - result.size(), 1);
        const size_t added = result.size() - shape.size();
        for (size_t axis = 0; axis < shape.size(); ++axis) {
            int64_t& extent = result[added + axis];
            if (extent == 1) extent = shape[axis];
            if (shape[axis] != 1 && shape[axis] != extent) {
                std::string list;
                for (const Shape& each : shapes) list += (list.empty() ? "" : " and ") + to_string(each);
                fail_value(op, "cannot broadcast arrays of shapes ", list);
            }
        }
    }
    return result;
}

// The strides with which an array passes as one of a larger shape.
Strides broadcast_strides(const Shape& shape, const Shape& target) {
    Strides strides = contiguous(shape);
    for (size_t axis = 0; axis < shape.size(); ++axis)
        if (shape[axis] == 1) strides[axis] = 0;
    strides.insert(strides.begin(), target.size() - shape.size(), 0);
    return strides;
}

// An operand: an array, or a number that takes the array's dtype.
Shape shape_of(py::handle operand) {
    return py::isinstance<DeviceArray>(operand) ? py::cast<const DeviceArray&>(operand).shape : Shape{};
}

template <class T>
Argument<T> argument(const char* op, py::handle operand) {
    if (!py::isinstance<DeviceArray>(operand)) return {nullptr, py::cast<T>(operand)};
    return {checked<T>(op, py::cast<const DeviceArray&>(operand)), T{}};
}

// The element type of a pair, of which one at least is an array.
Element element_of_pair(const char* op, py::handle a, py::handle b) {
    if (py::isinstance<DeviceArray>(a)) return py::cast<const DeviceArray&>(a).element;
    if (py::isinstance<DeviceArray>(b)) return py::cast<const DeviceArray&>(b).element;
    fail_type(op, "needs an array");
}

template <class From, class To>
Result binary_as(std::string_view name, py::handle a, py::handle b) {
    const Binary<From, To> function = binary<From, To>(name);
    if (function == nullptr) return std::nullopt;
    const Argument<From> a_argument = argument<From>(kBinary, a), b_argument = argument<From>(kBinary, b);
    const Shape a_shape = shape_of(a), b_shape = shape_of(b), shape = broadcast(kBinary, {a_shape, b_shape});
    DeviceArray y(kBinary, shape, element_of<To>());
    const Places<2> places(kBinary, shape, {broadcast_strides(a_shape, shape), broadcast_strides(b_shape, shape)});
    function(places, a_argument, b_argument, data_of<To>(y));
    return y;
}

Result bind_binary(const std::string& name, py::handle a, py::handle b) {
    switch (element_of_pair(kBinary, a, b)) {
        case Element::float32: {
            Result y = binary_as<float, float>(name, a, b);
            return y ? y : binary_as<float, bool>(name, a, b);
        }
        case Element::int64: {
            Result y = binary_as<int64_t, int64_t>(name, a, b);
            return y ? y : binary_as<int64_t, bool>(name, a, b);
        }
        case Element::boolean:
            return binary_as<bool, bool>(name, a, b);
        default:
            return std::nullopt;
    }
}

DeviceArray bind_where(const DeviceArray& condition, py::handle a, py::handle b) {
    const bool* chosen = checked<bool>(kWhere, condition);
    const Shape a_shape = shape_of(a), b_shape = shape_of(b);
    const Shape shape = broadcast(kWhere, {condition.shape, a_shape, b_shape});
    DeviceArray y(kWhere, shape, element_of_pair(kWhere, a, b));
    const Places<3> places(
        kWhere, shape,
        {broadcast_strides(condition.shape, shape), broadcast_strides(a_shape, shape), broadcast_strides(b_shape, shape)});
    with_type(y.element, [&](auto number) {
        using T = decltype(number);
        where(places, chosen, argument<T>(kWhere, a), argument<T>(kWhere, b), data_of<T>(y));
    });
    return y;
}

template <class From, class To>
Result reduce_as(std::string_view name, const DeviceArray& x, const std::vector<size_t>& axes) {
    const Reduction<From, To> function = reduction<From, To>(name);
    if (function == nullptr) return std::nullopt;
    const Strides strides = contiguous(x.shape);
    Shape shape = x.shape, term_extents;
    Strides term_strides;
    size_t next = 0;
    for (size_t axis : axes) {
        if (axis < next || axis >= x.shape.size()) fail_value(kReduce, "needs ascending axes of ", to_string(x.shape));
        next = axis + 1;
        term_extents.push_back(x.shape[axis]);
        term_strides.push_back(strides[axis]);
        shape[axis] = 1;
    }
    DeviceArray y(kReduce, shape, element_of<To>());
    function(Places<1>(kReduce, shape, {strides}), Places<1>(kReduce, term_extents, {term_strides}), data_of<const From>(x),
             data_of<To>(y));
    return y;
}

Result bind_reduce(const DeviceArray& x, const std::string& name, const std::vector<size_t>& axes) {
    if (x.element == Element::int64) return reduce_as<int64_t, int64_t>(name, x, axes);
    if (x.element != Element::float32) return std::nullopt;
    Result y = reduce_as<float, float>(name, x, axes);
    return y ? y : reduce_as<float, int64_t>(name, x, axes);
}

// ValueError unless start + strides . index lies within the array for every index of the shape. Sums that overflow do not.
void check_strided(const DeviceArray& array, const Shape& shape, const Strides& strides, int64_t start) {
    int64_t first = start, last = start;
    bool empty = false, fits = shape.size() == strides.size();
    for (size_t axis = 0; axis < std::min(shape.size(), strides.size()); ++axis) {
        empty = empty || shape[axis] == 0;
        int64_t& end = strides[axis] < 0 ? first : last;
        int64_t reach = 0;
        if (__builtin_mul_overflow(shape[axis] - 1, strides[axis], &reach) || __builtin_add_overflow(end, reach, &end))
            fits = false;
    }
    if (!fits || (!empty && (first < 0 || last >= array.size())))
        fail_value(kStrided, "shape ", to_string(shape), " with strides ", to_string(strides), " from ", start,
                   " does not lie within an array of shape ", to_string(array.shape));
}

DeviceArray bind_strided(const DeviceArray& x, const Shape& shape, const Strides& strides, int64_t start) {
    check_strided(x, shape, strides, start);
    DeviceArray y(kStrided, shape, x.element);
    copy_part(kStrided, x, strides, start, shape, y, contiguous(shape), 0);
    return y;
}

void bind_write_strided(const DeviceArray& target, const DeviceArray& x, const Strides& strides, int64_t start) {
    check_strided(target, x.shape, strides, start);
    if (x.element != target.element)
        fail_type(kStrided, "cannot write ", name_of(x.element), " into an array of ", name_of(target.element));
    copy_part(kStrided, x, contiguous(x.shape), 0, x.shape, target, strides, start);
}

DeviceArray bind_matmul(const DeviceArray& a, const DeviceArray& b) {
    const float *a_data = checked<float>(kMatmul, a), *b_data = checked<float>(kMatmul, b);
    const bool matrices = a.shape.size() == 3 && b.shape.size() == 3;
    if (!matrices || a.shape[2] != b.shape[1] || (a.shape[0] != b.shape[0] && a.shape[0] != 1 && b.shape[0] != 1))
        fail_value(kMatmul, "cannot multiply groups of matrices of shapes ", to_string(a.shape), " and ", to_string(b.shape));
    const auto stride = [](const DeviceArray& array) { return array.shape[0] == 1 ? 0 : array.shape[1] * array.shape[2]; };
    const int64_t groups = a.shape[0] == 1 ? b.shape[0] : a.shape[0];
    const ProductShape s{groups, a.shape[1], b.shape[2], a.shape[2], stride(a), stride(b)};
    DeviceArray y(kMatmul, {s.groups, s.rows, s.columns}, Element::float32);
    matrix_products(s, a_data, b_data, data_of<float>(y));
    return y;
}

}  // namespace

void register_array_functions(py::class_<DeviceArray>& type) {
    type.def_static("unary", bind_unary, py::arg("name"), py::arg("x"))
        .def_static("binary", bind_binary, py::arg("name"), py::arg("a"), py::arg("b"))
        .def_static("where", bind_where, py::arg("condition"), py::arg("a"), py::arg("b"))
        .def_static("matmul", bind_matmul, py::arg("a"), py::arg("b"))
        .def("reduce", bind_reduce, py::arg("name"), py::arg("axes"))
        .def("astype", bind_convert, py::arg("dtype"))
        .def("strided", bind_strided, py::arg("shape"), py::arg("strides"), py::arg("start"))
        .def("write_strided", bind_write_strided, py::arg("values"), py::arg("strides"), py::arg("start"));
}

}  // namespace pycnn::cuda
