// What the bindings of the convolutions share.
#pragma once

#include <optional>

#include "python/views.hpp"

namespace pycnn {

ConvShape conv_shape_of(const char* op, const Shape& x, const Shape& w, py::handle stride, py::handle padding,
                        py::handle dilation, py::handle groups);

// Bias of conv2d: None, or a number for each filter. Null for None.
const float* conv_bias(const char* op, py::handle array, const ConvShape& s, const Shape& w);

}  // namespace pycnn
