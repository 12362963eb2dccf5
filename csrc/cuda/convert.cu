// Conversions from one type of numbers to another.
#include <limits>
#include <type_traits>

#include "cuda/array_functions.hpp"
#include "cuda/launch.hpp"

namespace pycnn::cuda {
namespace {

constexpr int64_t kLowest = std::numeric_limits<int64_t>::lowest();

// C++ leaves open what becomes of floats that an integer cannot hold. On the way through int64 all have a value, and narrower
// integers have the lowest bits of it.
template <class To>
__device__ To converted(float x) {
    if constexpr (std::is_same_v<To, bool>) {
        return x != 0.0f;
    } else if constexpr (std::is_same_v<To, float>) {
        return x;
    } else {
        const bool fits = x >= -0x1p63f && x < 0x1p63f;
        return static_cast<To>(fits ? static_cast<int64_t>(x) : kLowest);
    }
}
template <class To>
__device__ To converted(int64_t x) {
    return static_cast<To>(x);
}

template <class From, class To>
__global__ void convert_kernel(int64_t count, const From* x, To* y) {
    PYCNN_FOR_EACH_ELEMENT(i, count) {
        if constexpr (std::is_same_v<From, float>) {
            y[i] = converted<To>(x[i]);
        } else {
            y[i] = converted<To>(static_cast<int64_t>(x[i]));
        }
    }
}

}  // namespace

void convert(int64_t count, Element from, const void* x, Element to, void* y) {
    with_type(from, [&](auto from_type) {
        with_type(to, [&](auto to_type) {
            using From = decltype(from_type);
            using To = decltype(to_type);
            launch(convert_kernel<From, To>, blocks_for(count), kThreads, 0, current_stream(), count,
                   static_cast<const From*>(x), static_cast<To*>(y));
        });
    });
}

}  // namespace pycnn::cuda
