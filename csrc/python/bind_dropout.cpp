#include "ops/dropout.hpp"
#include "python/results.hpp"

namespace pycnn {
namespace {

double to_probability(const char* op, py::handle number) {
    const double p = to_double(op, "p", number);
    if (!(p >= 0 && p < 1)) fail_value(op, "p must be in [0, 1), got ", p);
    return p;
}

py::tuple bind_dropout(py::handle x_array, py::handle p_number, py::handle seed_number, py::handle first_block_number) {
    const char* op = "dropout";
    const auto x = view<const float>(op, "x", x_array);
    const double p = to_probability(op, p_number);
    const Changing seed(to_uint64(op, "seed", seed_number));
    const uint64_t first_block = to_uint64(op, "first_block", first_block_number);
    return filled_tuple<float, uint8_t>(
        op, {x.shape, x.shape}, [=](float* y, uint8_t* kept) { dropout(x.size(), first_block, p, *seed, x.data, y, kept); });
}

Array bind_dropout_backward(py::handle dy_array, py::handle kept_array, py::handle p_number) {
    const char* op = "dropout_backward";
    const auto dy = view<const float>(op, "dy", dy_array);
    const auto kept = view<const uint8_t>(op, "kept", kept_array);
    const double p = to_probability(op, p_number);
    check_same_shape(op, "dy", dy.shape, "kept", kept.shape);
    return filled(op, dy.shape, [=](float* dx) { dropout_backward(dy.size(), p, dy.data, kept.data, dx); });
}

}  // namespace

void register_dropout(py::module_& module) {
    module.def("dropout", bind_dropout, "x"_a, "p"_a, "seed"_a, "first_block"_a = 0);
    module.def("dropout_backward", bind_dropout_backward, "dy"_a, "kept"_a, "p"_a);
}

}  // namespace pycnn
