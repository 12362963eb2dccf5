#include "ops/optim.hpp"

#include <cmath>

namespace pycnn {

AdamScalars adam_scalars(const AdamSettings& s) {
    const double correction1 = 1 - std::pow(s.beta1, s.step), correction2 = 1 - std::pow(s.beta2, s.step);
    return {static_cast<float>(s.lr / correction1),
            static_cast<float>(s.beta1),
            static_cast<float>(s.beta2),
            static_cast<float>(1 - s.beta1),
            static_cast<float>(1 - s.beta2),
            static_cast<float>(1 / std::sqrt(correction2)),
            static_cast<float>(s.eps),
            static_cast<float>(s.decoupled ? 1 - s.lr * s.weight_decay : 1.0),
            static_cast<float>(s.decoupled ? 0.0 : s.weight_decay)};
}

}  // namespace pycnn
