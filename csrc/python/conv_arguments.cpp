#include "python/conv_arguments.hpp"

namespace pycnn {

ConvShape conv_shape_of(const char* op, const Shape& x, const Shape& w, py::handle stride, py::handle padding,
                        py::handle dilation, py::handle groups) {
    return conv_shape(op, x, w, to_pair(op, "stride", stride), to_padding(op, padding), to_pair(op, "dilation", dilation),
                      to_int(op, "groups", groups));
}

const float* conv_bias(const char* op, py::handle array, const ConvShape& s, const Shape& w) {
    const auto b = optional_view<const float>(op, "bias", array, 1);
    if (!b) return nullptr;
    if (b->shape[0] != s.K)
        fail_value(op, "bias has ", b->shape[0], " elements, weight has ", s.K, " filters (bias: ", to_string(b->shape),
                   ", weight: ", to_string(w), ")");
    return b->data;
}

}  // namespace pycnn
