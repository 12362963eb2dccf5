// A correlation as a matrix product, filters x patches. The patch matrix is never stored whole: each task takes the part for one
// band of output pixels, from a zero-padded copy of the rows of the image that the band needs.
#pragma once

#include "cpu/conv2d/correlation.hpp"

namespace pycnn {

// Whether the vectors of patches are packed into a panel first (algorithm gemm), or loaded where they lie in the padded copy (algorithm
// gemm_unpacked): a vector is then a piece of one output row, and lanes beyond the row's end are wasted. Either way each output is
// the same sum in the same order: the same bits.
enum class Patches { packed, unpacked };

void implicit_gemm(const Correlation& problem, Patches patches);

}  // namespace pycnn
