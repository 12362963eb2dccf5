// Copies that layers make between arrays, and the gradient of a table, as calls that a step records. pycnn/backends/cpu.py calls them.
#include <pybind11/stl.h>

#include "cpu/joining.hpp"
#include "cpu/table_gradient.hpp"
#include "python/numpy/runtime.hpp"
#include "python/results.hpp"

namespace pycnn {
namespace {

// The product of the extents from `first` to before `last`.
int64_t product(const Shape& shape, size_t first, size_t last) {
    int64_t count = 1;
    for (size_t axis = first; axis < last; ++axis) count *= shape[axis];
    return count;
}

Array concatenate(const std::vector<py::object>& arrays, size_t axis) {
    const char* op = "concatenate";
    if (arrays.empty()) fail_value(op, "arrays must not be empty");
    std::vector<RowsOf<const float>> parts;
    Shape shape;
    int64_t extent = 0;
    for (const py::object& array : arrays) {
        const auto part = view<const float>(op, "arrays", array);
        if (axis >= part.shape.size()) fail_value(op, "axis ", axis, " is none of shape ", to_string(part.shape));
        if (shape.empty()) shape = part.shape;
        Shape alike = part.shape;
        extent += alike[axis];
        if (alike.size() == shape.size()) alike[axis] = shape[axis];
        if (alike != shape)
            fail_value(op, "arrays must agree in all axes but ", axis, ", have shapes ", to_string(shape), " and ",
                       to_string(part.shape));
        parts.push_back({part.data, product(part.shape, axis, part.shape.size())});
    }
    shape[axis] = extent;
    return filled(op, shape, [rows = product(shape, 0, axis), parts](float* whole) { join_rows(rows, parts, whole); });
}

py::list split(py::handle array, const std::vector<int64_t>& extents, size_t axis) {
    const char* op = "split";
    const auto whole = view<const float>(op, "array", array);
    if (axis >= whole.shape.size()) fail_value(op, "axis ", axis, " is none of shape ", to_string(whole.shape));
    int64_t sum = 0;
    for (const int64_t extent : extents) {
        if (extent < 0 || extent > whole.shape[axis])
            fail_value(op, "extents must be from 0 to ", whole.shape[axis], ", got ", extent);
        sum += extent;
    }
    if (sum != whole.shape[axis]) fail_value(op, "extents must add up to ", whole.shape[axis], ", got ", sum);
    py::list results;
    std::vector<RowsOf<float>> parts;
    for (const int64_t extent : extents) {
        Shape shape = whole.shape;
        shape[axis] = extent;
        float* data = nullptr;
        results.append(new_array(op, shape, data));
        parts.push_back({data, product(shape, axis, shape.size())});
    }
    run_op(op, [rows = product(whole.shape, 0, axis), data = whole.data, parts] { split_rows(rows, data, parts); });
    return results;
}

Array bind_table_gradient(py::handle dy_array, py::handle index_array, std::optional<int64_t> padding, int64_t V) {
    const char* op = "table_gradient";
    const auto dy = view<const float>(op, "dy", dy_array);
    const auto index = view<const int64_t>(op, "index", index_array);
    Shape expected = index.shape;
    expected.push_back(dy.shape.empty() ? 0 : dy.shape.back());
    if (dy.shape != expected || expected.back() == 0)
        fail_value(op, "dy must have the shape of index and one more dimension, not empty (dy: ", to_string(dy.shape),
                   ", index: ", to_string(index.shape), ")");
    check_numbers_now([=] { check_row_numbers(op, index.shape, index.data, V); });
    const int64_t D = expected.back();
    return filled(op, Shape{V, D}, [=](float* gradient) {
        table_gradient(group_rows(index.size(), index.data, padding.value_or(-1)), V, D, dy.data, gradient);
    });
}

}  // namespace

void register_joining(py::module_& module) {
    module.def("concatenate", concatenate, "arrays"_a, "axis"_a);
    module.def("split", split, "array"_a, "extents"_a, "axis"_a);
    module.def("table_gradient", bind_table_gradient, "dy"_a, "index"_a, "padding_idx"_a, "V"_a);
}

}  // namespace pycnn
