// The algorithm that the CPU chooses for a convolution.
#include <pybind11/stl.h>

#include "cpu/conv2d/algorithms.hpp"
#include "ops/visible_taps.hpp"
#include "python/conv_arguments.hpp"
#include "python/numpy/runtime.hpp"

namespace pycnn {
namespace {

std::string bind_algorithm(py::handle x_shape, py::handle w_shape, py::handle direction, py::handle stride, py::handle padding,
                           py::handle dilation, py::handle groups) {
    const char* op = "conv2d_algorithm";
    const ConvShape s = conv_shape_of(op, to_shape(op, "input_shape", x_shape, 4), to_shape(op, "weight_shape", w_shape, 4),
                                      stride, padding, dilation, groups);
    const std::string pass_name = to_word(op, "direction", direction);
    ConvPass pass = ConvPass::forward;
    if (pass_name == "backward_input") {
        pass = ConvPass::backward_input;
    } else if (pass_name == "backward_weight") {
        pass = ConvPass::backward_weight;
    } else if (pass_name != "forward") {
        fail_value(op, "direction must be 'forward', 'backward_input' or 'backward_weight', got '", pass_name, "'");
    }
    return conv_algorithm(pass, VisiblePart(s).shape).name;
}

}  // namespace

void register_conv2d_algorithm(py::module_& module) {
    module.def("conv2d_algorithm", bind_algorithm, "input_shape"_a, "weight_shape"_a, "direction"_a = "forward", "stride"_a = 1,
               "padding"_a = 0, "dilation"_a = 1, "groups"_a = 1);
    module.def("conv_algorithms", [] { return py::tuple(py::cast(conv_algorithms())); });
    module.def("force_conv_algorithm", force_conv_algorithm, "name"_a);
    module.def("forced_conv_algorithm", forced_conv_algorithm);
    module.def("set_convolution", [](py::handle mode) { set_convolution(to_word("set_convolution", "mode", mode)); }, "mode"_a);
    module.def("get_convolution", get_convolution);
}

}  // namespace pycnn
