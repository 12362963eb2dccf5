// Functions of pairs of numbers, broadcast. Quotients that are rounded down, and their remainders, have NumPy's signs: those of b.
#include <cmath>
#include <limits>

#include "cuda/array_functions.hpp"
#include "cuda/elementwise.hpp"
#include "cuda/named.hpp"

namespace pycnn::cuda {
namespace {

// Integers wrap around, which C++ says of unsigned ones alone.
__device__ uint64_t bits(int64_t x) { return static_cast<uint64_t>(x); }
__device__ int64_t number(uint64_t x) { return static_cast<int64_t>(x); }

struct Add {
    __device__ float operator()(float a, float b) const { return a + b; }
    __device__ int64_t operator()(int64_t a, int64_t b) const { return number(bits(a) + bits(b)); }
};

struct Subtract {
    __device__ float operator()(float a, float b) const { return a - b; }
    __device__ int64_t operator()(int64_t a, int64_t b) const { return number(bits(a) - bits(b)); }
};

struct Multiply {
    __device__ float operator()(float a, float b) const { return a * b; }
    __device__ int64_t operator()(int64_t a, int64_t b) const { return number(bits(a) * bits(b)); }
};

struct Divide {
    __device__ float operator()(float a, float b) const { return a / b; }
};

struct Power {
    __device__ float operator()(float a, float b) const { return powf(a, b); }
};

struct Maximum {
    template <class T>
    __device__ T operator()(T a, T b) const {
        return a > b || a != a ? a : b;
    }
};

struct Minimum {
    template <class T>
    __device__ T operator()(T a, T b) const {
        return a < b || a != a ? a : b;
    }
};

struct Remainder {
    __device__ float operator()(float a, float b) const {
        const float rest = fmodf(a, b);
        if (rest == 0.0f) return copysignf(0.0f, b);
        return (rest < 0.0f) != (b < 0.0f) ? rest + b : rest;  // NaN stays NaN
    }
    // As NumPy has it: 0 if b is.
    __device__ int64_t operator()(int64_t a, int64_t b) const {
        if (b == 0 || b == -1) return 0;
        const int64_t rest = a % b;
        return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
    }
};

struct FloorDivide {
    __device__ float operator()(float a, float b) const {
        if (b == 0.0f) return a / b;
        const float rest = fmodf(a, b);
        float quotient = (a - rest) / b;
        if (rest != 0.0f && (rest < 0.0f) != (b < 0.0f)) quotient -= 1.0f;
        if (quotient == 0.0f) return copysignf(0.0f, a / b);
        const float whole = floorf(quotient);  // of a quotient that is whole but for its rounding
        return quotient - whole > 0.5f ? whole + 1.0f : whole;
    }
    __device__ int64_t operator()(int64_t a, int64_t b) const {
        if (b == 0) return 0;
        if (b == -1) return number(-bits(a));
        return a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
    }
};

struct Equal {
    template <class T>
    __device__ bool operator()(T a, T b) const {
        return a == b;
    }
};

struct NotEqual {
    template <class T>
    __device__ bool operator()(T a, T b) const {
        return a != b;
    }
};

struct Less {
    template <class T>
    __device__ bool operator()(T a, T b) const {
        return a < b;
    }
};

struct LessEqual {
    template <class T>
    __device__ bool operator()(T a, T b) const {
        return a <= b;
    }
};

struct Greater {
    template <class T>
    __device__ bool operator()(T a, T b) const {
        return a > b;
    }
};

struct GreaterEqual {
    template <class T>
    __device__ bool operator()(T a, T b) const {
        return a >= b;
    }
};

struct And {
    __device__ bool operator()(bool a, bool b) const { return a && b; }
};

struct Or {
    __device__ bool operator()(bool a, bool b) const { return a || b; }
};

template <class From, class To, class F>
__global__ void binary_kernel(Places<2> places, F f, Argument<From> a, Argument<From> b, To* y) {
    PYCNN_FOR_EACH_ELEMENT(i, places.count) {
        const Places<2>::Offsets place = places.at(i);
        y[i] = f(a.at(place.of[0]), b.at(place.of[1]));
    }
}

template <class From, class To, class F>
void apply(const Places<2>& places, Argument<From> a, Argument<From> b, To* y) {
    if constexpr (std::is_same_v<From, float> && std::is_same_v<To, float>) {
        // Four floats a load.
        const bool whole = a.array && b.array && places.is_contiguous(0) && places.is_contiguous(1);
        if (whole) return map(places.count, F{}, y, a.array, b.array);
    }
    launch(binary_kernel<From, To, F>, blocks_for(places.count), kThreads, 0, current_stream(), places, F{}, a, b, y);
}

}  // namespace

template <>
Binary<float, float> binary<float, float>(std::string_view name) {
    static constexpr Named<Binary<float, float>> table[] = {
        {"add", apply<float, float, Add>},
        {"subtract", apply<float, float, Subtract>},
        {"multiply", apply<float, float, Multiply>},
        {"divide", apply<float, float, Divide>},
        {"power", apply<float, float, Power>},
        {"maximum", apply<float, float, Maximum>},
        {"minimum", apply<float, float, Minimum>},
        {"floor_divide", apply<float, float, FloorDivide>},
        {"remainder", apply<float, float, Remainder>},
    };
    return find(table, name);
}

template <>
Binary<int64_t, int64_t> binary<int64_t, int64_t>(std::string_view name) {
    static constexpr Named<Binary<int64_t, int64_t>> table[] = {
        {"add", apply<int64_t, int64_t, Add>},
        {"subtract", apply<int64_t, int64_t, Subtract>},
        {"multiply", apply<int64_t, int64_t, Multiply>},
        {"maximum", apply<int64_t, int64_t, Maximum>},
        {"minimum", apply<int64_t, int64_t, Minimum>},
        {"floor_divide", apply<int64_t, int64_t, FloorDivide>},
        {"remainder", apply<int64_t, int64_t, Remainder>},
    };
    return find(table, name);
}

template <class T>
Binary<T, bool> comparison(std::string_view name) {
    static constexpr Named<Binary<T, bool>> table[] = {
        {"equal", apply<T, bool, Equal>},     {"not_equal", apply<T, bool, NotEqual>},
        {"less", apply<T, bool, Less>},       {"less_equal", apply<T, bool, LessEqual>},
        {"greater", apply<T, bool, Greater>}, {"greater_equal", apply<T, bool, GreaterEqual>},
    };
    return find(table, name);
}

template <>
Binary<float, bool> binary<float, bool>(std::string_view name) {
    return comparison<float>(name);
}

template <>
Binary<int64_t, bool> binary<int64_t, bool>(std::string_view name) {
    return comparison<int64_t>(name);
}

template <>
Binary<bool, bool> binary<bool, bool>(std::string_view name) {
    static constexpr Named<Binary<bool, bool>> table[] = {
        {"logical_and", apply<bool, bool, And>},
        {"logical_or", apply<bool, bool, Or>},
    };
    return find(table, name);
}

}  // namespace pycnn::cuda
