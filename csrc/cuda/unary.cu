// Functions of each number alone.
#include <cmath>

#include "cuda/array_functions.hpp"
#include "cuda/elementwise.hpp"
#include "cuda/named.hpp"

namespace pycnn::cuda {
namespace {

struct Negative {
    __device__ float operator()(float x) const { return -x; }
    __device__ int64_t operator()(int64_t x) const { return static_cast<int64_t>(-static_cast<uint64_t>(x)); }
};

struct Absolute {
    __device__ float operator()(float x) const { return fabsf(x); }
    __device__ int64_t operator()(int64_t x) const { return x < 0 ? Negative{}(x) : x; }
};

struct Sign {
    template <class T>
    __device__ T operator()(T x) const {
        return x > 0 ? T{1} : x < 0 ? T{-1} : x == 0 ? T{0} : x;  // NaN is none of these
    }
};

struct Square {
    __device__ float operator()(float x) const { return x * x; }
    __device__ int64_t operator()(int64_t x) const {
        return static_cast<int64_t>(static_cast<uint64_t>(x) * static_cast<uint64_t>(x));
    }
};

struct Reciprocal {
    __device__ float operator()(float x) const { return 1.0f / x; }
};

struct Exponential {
    __device__ float operator()(float x) const { return expf(x); }
};

struct Logarithm {
    __device__ float operator()(float x) const { return logf(x); }
};

struct SquareRoot {
    __device__ float operator()(float x) const { return sqrtf(x); }
};

struct HyperbolicTangent {
    __device__ float operator()(float x) const { return tanhf(x); }
};

struct Sine {
    __device__ float operator()(float x) const { return sinf(x); }
};

struct Cosine {
    __device__ float operator()(float x) const { return cosf(x); }
};

struct Floor {
    __device__ float operator()(float x) const { return floorf(x); }
};

struct Ceiling {
    __device__ float operator()(float x) const { return ceilf(x); }
};

struct ToEven {
    __device__ float operator()(float x) const { return rintf(x); }
};

struct IsNan {
    __device__ bool operator()(float x) const { return x != x; }
};

struct IsInfinite {
    __device__ bool operator()(float x) const { return fabsf(x) == INFINITY; }
};

struct IsFinite {
    __device__ bool operator()(float x) const { return fabsf(x) < INFINITY; }
};

template <class From, class To, class F>
__global__ void unary_kernel(int64_t count, F f, const From* x, To* y) {
    PYCNN_FOR_EACH_ELEMENT(i, count) y[i] = f(x[i]);
}

template <class From, class To, class F>
void apply(int64_t count, const From* x, To* y) {
    launch(unary_kernel<From, To, F>, blocks_for(count), kThreads, 0, current_stream(), count, F{}, x, y);
}

// Four floats a load.
template <class F>
void apply_to_floats(int64_t count, const float* x, float* y) {
    map(count, F{}, y, x);
}

}  // namespace

template <>
Unary<float, float> unary<float, float>(std::string_view name) {
    static constexpr Named<Unary<float, float>> table[] = {
        {"negative", apply_to_floats<Negative>},
        {"absolute", apply_to_floats<Absolute>},
        {"sign", apply_to_floats<Sign>},
        {"square", apply_to_floats<Square>},
        {"reciprocal", apply_to_floats<Reciprocal>},
        {"exp", apply_to_floats<Exponential>},
        {"log", apply_to_floats<Logarithm>},
        {"sqrt", apply_to_floats<SquareRoot>},
        {"tanh", apply_to_floats<HyperbolicTangent>},
        {"sin", apply_to_floats<Sine>},
        {"cos", apply_to_floats<Cosine>},
        {"floor", apply_to_floats<Floor>},
        {"ceil", apply_to_floats<Ceiling>},
        {"round", apply_to_floats<ToEven>},
    };
    return find(table, name);
}

template <>
Unary<float, bool> unary<float, bool>(std::string_view name) {
    static constexpr Named<Unary<float, bool>> table[] = {
        {"isnan", apply<float, bool, IsNan>},
        {"isinf", apply<float, bool, IsInfinite>},
        {"isfinite", apply<float, bool, IsFinite>},
    };
    return find(table, name);
}

template <>
Unary<int64_t, int64_t> unary<int64_t, int64_t>(std::string_view name) {
    static constexpr Named<Unary<int64_t, int64_t>> table[] = {
        {"negative", apply<int64_t, int64_t, Negative>},
        {"absolute", apply<int64_t, int64_t, Absolute>},
        {"sign", apply<int64_t, int64_t, Sign>},
        {"square", apply<int64_t, int64_t, Square>},
    };
    return find(table, name);
}

}  // namespace pycnn::cuda
