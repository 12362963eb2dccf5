#include "ops/local_response_norm.hpp"

#include <algorithm>

namespace pycnn {

LrnWindow window_of(const LrnShape& s) {
    const int64_t reach = s.C - 1;
    return {s.C,
            s.pixels,
            std::min(s.size / 2, reach),
            std::min((s.size - 1) / 2, reach),
            static_cast<float>(s.k),
            static_cast<float>(s.alpha),
            static_cast<float>(s.beta),
            static_cast<float>(2 * s.alpha * s.beta)};
}

}  // namespace pycnn
