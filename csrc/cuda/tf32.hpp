// Whether matrix products (gemm_tf32.hpp) may use TF32. By default they may not.
#pragma once

namespace pycnn::cuda {

void allow_tf32(bool allowed);
bool tf32_allowed();
bool computes_in_tf32();  // allowed, and the device runs code for compute capability 8.0 or more

}  // namespace pycnn::cuda
