// Squared Euclidean distances between rows of features and centres, float32. Shapes are checked by the caller.
#pragma once

#include <cstdint>

namespace pycnn {

struct RbfShape {
    int64_t N, features, centres;  // x: (N, features), centres: (centres, features), y: (N, centres)
};

// y[n,k] = sum over d of (x[n,d] - centres[k,d])^2.
void rbf(const RbfShape& s, const float* x, const float* centres, float* y);

// dx[n,d] = sum over k of 2 dy[n,k] (x[n,d] - centres[k,d]), and dcentres[k,d] the same sum over n with the sign turned.
void rbf_backward(const RbfShape& s, const float* dy, const float* x, const float* centres, float* dx, float* dcentres);

}  // namespace pycnn
