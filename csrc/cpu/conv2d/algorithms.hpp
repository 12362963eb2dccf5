// Which algorithm computes a convolution. One table, for the forward pass and both gradients, with the reasons beside each
// algorithm's `suits`; csrc/README.md tells the algorithms themselves.
#pragma once

#include <string>
#include <vector>

#include "core/shape.hpp"

namespace pycnn {

enum class ConvPass { forward, backward_input, backward_weight };

enum class ConvAlgorithm { full_width, depthwise, winograd, batch_lanes, filter_lanes, direct, gemm };

// The forced algorithm where it can compute this pass, else the first of the table that suits it. The first call honours
// PYCNN_CONV=name. `s` has visible taps only (cpu/visible_taps.hpp).
ConvAlgorithm conv_algorithm(ConvPass pass, const ConvShape& s);

const char* name_of(ConvAlgorithm algorithm);

// Names of all algorithms, the most special first.
std::vector<std::string> conv_algorithms();

// Forces one; "" leaves the choice to the table again. ValueError for an unknown name; the text lists the known ones.
void force_conv_algorithm(const std::string& name);

// The forced one, or "".
std::string forced_conv_algorithm();

}  // namespace pycnn
