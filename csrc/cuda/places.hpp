// Where the elements of arrays lie that are walked through together: broadcast, transposed or cut out of larger ones.
#pragma once

#include <array>
#include <limits>

#include "core/error.hpp"
#include "core/shape.hpp"
#include "cuda/index.hpp"

namespace pycnn::cuda {

using Strides = std::vector<int64_t>;  // elements from one index of an axis to the next

// So many axes of two elements and more are 2^32 elements.
constexpr int kMostAxes = 32;

constexpr int64_t kRangeOfDivider = std::numeric_limits<int>::max();

// Element i of an array in C order, of `count`, has its counterpart at strides[n] . index in the memory of operand n. Kernels get
// this by value, so it has no pointers.
template <int N>
struct Places {
    struct Offsets {
        int64_t of[N];
    };

    int64_t count = 1;
    int axes = 1;
    Divider by[kMostAxes];
    int64_t extents[kMostAxes] = {1}, strides[N][kMostAxes] = {};

    // Axes of one element are left out, and neighbours that every operand passes through as through one axis become one.
    // ValueError of `op` if too many are left.
    Places(const char* op, const Shape& shape, const std::array<Strides, N>& of) {
        axes = 0;
        for (size_t axis = 0; axis < shape.size(); ++axis) {
            count *= shape[axis];
            if (shape[axis] == 1) continue;
            if (!continues(of, axis, shape[axis])) {
                if (axes == kMostAxes) fail_value(op, "has more than ", kMostAxes, " axes: ", to_string(shape));
                extents[axes++] = 1;
            }
            extents[axes - 1] *= shape[axis];
            for (int n = 0; n < N; ++n) strides[n][axes - 1] = of[n][axis];
        }
        if (axes == 0) extents[axes++] = 1;
        if (is_short())
            for (int axis = 0; axis < axes; ++axis) by[axis] = Divider(extents[axis]);
    }

    __device__ Offsets at(int64_t i) const {
        Offsets result = {};
        if (is_short()) {
            int rest = static_cast<int>(i);
            for (int axis = axes - 1; axis > 0; --axis) add(result, axis, by[axis].split(rest));
            add(result, 0, rest);
        } else {
            for (int axis = axes - 1; axis > 0; --axis) {
                add(result, axis, i % extents[axis]);
                i /= extents[axis];
            }
            add(result, 0, i);
        }
        return result;
    }

    // Whether element i of operand n is its i-th in memory.
    bool is_contiguous(int n) const { return axes == 1 && (strides[n][0] == 1 || count <= 1); }
    // From one element of operand n to the next, at the end of an axis apart.
    int64_t innermost(int n) const { return strides[n][axes - 1]; }

private:
    // Whether Divider takes the numbers of all elements.
    __host__ __device__ bool is_short() const { return count > 0 && count <= kRangeOfDivider; }

    // Whether an axis can be joined to the previous one.
    bool continues(const std::array<Strides, N>& of, size_t axis, int64_t extent) const {
        bool result = axes > 0;
        for (int n = 0; n < N && result; ++n) result = strides[n][axes - 1] == of[n][axis] * extent;
        return result;
    }
    __device__ void add(Offsets& result, int axis, int64_t index) const {
        for (int n = 0; n < N; ++n) result.of[n] += index * strides[n][axis];
    }
};

// Strides of an array in C order.
inline Strides contiguous(const Shape& shape) {
    Strides strides(shape.size());
    int64_t stride = 1;
    for (size_t axis = shape.size(); axis-- > 0; stride *= shape[axis]) strides[axis] = stride;
    return strides;
}

// An array, or one number instead of it where `array` is null.
template <class T>
struct Argument {
    const T* array;
    T number;

    __device__ T at(int64_t place) const { return array ? array[place] : number; }
};

}  // namespace pycnn::cuda
