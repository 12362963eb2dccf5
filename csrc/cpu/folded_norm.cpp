#include "cpu/folded_norm.hpp"

#include <cmath>

namespace pycnn {

void fold_norm(int64_t C, const float* mean, const float* var, const float* weight, const float* bias, double eps,
               const FoldedNorm& y) {
    for (int64_t c = 0; c < C; ++c) {
        const double inv_std = 1 / std::sqrt(static_cast<double>(var[c]) + eps);
        const double scale = weight == nullptr ? inv_std : inv_std * static_cast<double>(weight[c]);
        const double shift = -static_cast<double>(mean[c]) * scale;
        y.inv_std[c] = static_cast<float>(inv_std);
        y.scale[c] = static_cast<float>(scale);
        y.shift[c] = static_cast<float>(bias == nullptr ? shift : shift + static_cast<double>(bias[c]));
    }
}

}  // namespace pycnn
