// Optimizer steps of many arrays as one parallel region, for arrays that share no memory.
#pragma once

#include <vector>

#include "cpu/factored_gradient.hpp"
#include "ops/optim.hpp"

namespace pycnn {

// The arrays of a parameter. SGD has a velocity where there is momentum; Adam has both moments. Where `factored` has samples, the gradient is
// computed on the way.
struct UpdatedArrays {
    int64_t count;
    float* w;
    const float* grad;
    float* velocity_or_m;
    float* v;
    FactoredGradient factored;
};

void sgd_steps(const std::vector<UpdatedArrays>& arrays, const SgdScalars& scalars);
void adam_steps(const std::vector<UpdatedArrays>& arrays, const AdamScalars& scalars);

}  // namespace pycnn
