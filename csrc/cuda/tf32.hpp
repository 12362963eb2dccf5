// TF32 in products of matrices (gemm_tf32.hpp): not before somebody allows it.
#pragma once

namespace pycnn::cuda {

void allow_tf32(bool allowed);
bool tf32_allowed();
bool computes_in_tf32();  // allowed, and the code that the device runs can: that for compute capability 8.0 and more

}  // namespace pycnn::cuda
