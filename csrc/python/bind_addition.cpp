#include "ops/addition.hpp"
#include "python/results.hpp"

namespace pycnn {
namespace {

Array bind_add(py::handle a_array, py::handle b_array) {
    const char* op = "add";
    const auto a = view<const float>(op, "a", a_array);
    const auto b = view<const float>(op, "b", b_array);
    check_same_shape(op, "b", b.shape, "a", a.shape);
    const int64_t count = a.size();
    const float *first = a.data, *second = b.data;
    return filled(op, a.shape, [=](float* y) { add(count, first, second, y); });
}

}  // namespace

void register_addition(py::module_& module) { module.def("add", bind_add, "a"_a, "b"_a); }

}  // namespace pycnn
