// Class and row numbers are checked on the device. The host reads back only the number that an error message needs.
#pragma once

#include <cstdint>
#include <optional>

namespace pycnn::cuda {

// The position of the first number that is neither in 0 .. last nor `ignored`, or `count` if there is none. Waits for the
// device.
int64_t first_outside(int64_t count, const int64_t* numbers, int64_t last, std::optional<int64_t> ignored);

// One number of an array on the device.
int64_t number_at(const int64_t* numbers, int64_t position);

}  // namespace pycnn::cuda
