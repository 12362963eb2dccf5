#pragma once

#include <cstdint>

namespace pycnn {

// Terms that one float adds up: longer sums are cut into blocks, whose sums are added in double (see core/long_sum.hpp).
constexpr int64_t kSumBlock = 512;

}  // namespace pycnn
