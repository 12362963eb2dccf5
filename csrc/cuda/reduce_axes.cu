// Reductions over any axes of an array. Several threads share the terms of a result; neighbouring threads read neighbouring
// elements, of one result or of several. A few results with many terms are cut into slices, whose values a second pass reduces.
#include <algorithm>
#include <limits>
#include <type_traits>

#include "cuda/array_functions.hpp"
#include "cuda/launch.hpp"
#include "cuda/named.hpp"

namespace pycnn::cuda {
namespace {

// A reduction has a Value; the value of nothing; that of element x, which is term j; that of two values together; and the result
// that is written for a value.
template <class T, class ValueOfT>
struct Sum {
    using Value = ValueOfT;
    static __device__ Value nothing() { return 0; }
    static __device__ Value of(T x, int64_t) { return static_cast<Value>(x); }
    static __device__ Value both(Value a, Value b) { return a + b; }
    static __device__ T result(Value value) { return static_cast<T>(value); }
};

template <class T, class ValueOfT>
struct Product : Sum<T, ValueOfT> {
    static __device__ ValueOfT nothing() { return 1; }
    static __device__ ValueOfT both(ValueOfT a, ValueOfT b) { return a * b; }
};

// Largest: whether the larger of two numbers wins. NaN wins over any number.
template <class T, bool kLargest>
__device__ bool wins(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
        if (a != a || b != b) return b == b;
    }
    return kLargest ? a > b : a < b;
}

template <class T, bool kLargest>
struct Extreme {
    using Value = T;
    using Limits = std::numeric_limits<T>;
    static constexpr T kHighest = Limits::has_infinity ? Limits::infinity() : Limits::max();
    static constexpr T kLowest = Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
    static __device__ T nothing() { return kLargest ? kLowest : kHighest; }
    static __device__ T of(T x, int64_t) { return x; }
    static __device__ T both(T a, T b) { return wins<T, kLargest>(b, a) ? b : a; }
    static __device__ T result(T value) { return value; }
};

template <class T>
struct Candidate {
    T number;
    int64_t place;  // -1: none
};

template <class T, bool kLargest>
struct PlaceOfExtreme {
    using Value = Candidate<T>;
    static __device__ Value nothing() { return {T{0}, -1}; }
    static __device__ Value of(T x, int64_t j) { return {x, j}; }
    static __device__ Value both(const Value& a, const Value& b) {
        if (a.place < 0 || b.place < 0) return a.place < 0 ? b : a;
        if (wins<T, kLargest>(a.number, b.number)) return a;
        if (wins<T, kLargest>(b.number, a.number)) return b;
        return a.place < b.place ? a : b;
    }
    static __device__ int64_t result(const Value& value) { return value.place; }
};

// How a block's threads are shared out: `results` neighbouring results, each with `lanes` threads. Both are powers of two, and
// their product is kThreads.
struct Sharing {
    int results, lanes;
    bool across;  // whether neighbouring threads work on neighbouring results, rather than on neighbouring terms
    int64_t slice;
};

// From is F::Value in the second pass, To in the first one of two.
template <class F, class From, class To>
__global__ void reduce_kernel(Places<1> results, Places<1> terms, Sharing sharing, const From* x, To* y) {
    using Value = typename F::Value;
    PYCNN_SHARED(Value, partial, [kThreads]);
    const int t = static_cast<int>(threadIdx.x);
    const int result = sharing.across ? t % sharing.results : t / sharing.lanes;
    const int lane = sharing.across ? t / sharing.results : t % sharing.lanes;
    const int64_t first = static_cast<int64_t>(blockIdx.x) * sharing.results;
    const int64_t begin = blockIdx.y * sharing.slice, end = min(begin + sharing.slice, terms.count);
    Value value = F::nothing();
    if (first + result < results.count) {
        const From* of_result = x + results.at(first + result).of[0];
        for (int64_t j = begin + lane; j < end; j += sharing.lanes) {
            const From element = of_result[terms.at(j).of[0]];
            if constexpr (std::is_same_v<From, Value>) {
                value = F::both(value, element);
            } else {
                value = F::both(value, F::of(element, j));
            }
        }
    }
    partial[lane * sharing.results + result] = value;
    __syncthreads();
    for (int half = kThreads / 2; half >= sharing.results; half /= 2) {
        if (t < half) partial[t] = F::both(partial[t], partial[t + half]);
        __syncthreads();
    }
    if (t < sharing.results && first + t < results.count) {
        To& place = y[blockIdx.y * results.count + first + t];
        if constexpr (std::is_same_v<To, Value>) {
            place = partial[t];
        } else {
            place = F::result(partial[t]);
        }
    }
}

// The least power of two that is not less than n, and `most` at most.
int power_of_two(int64_t n, int most) {
    int power = 1;
    while (power < n && power < most) power *= 2;
    return power;
}

// A thread takes eight terms at least, which costs it less than the sum over its block. A warp reads 32 neighbouring elements where
// it can.
Sharing shared_out(const Places<1>& results, const Places<1>& terms) {
    constexpr int kNeighbours = 32, kTermsOfThread = 8;
    Sharing s;
    s.across = terms.count > 1 && terms.innermost(0) != 1;
    const int64_t wanted = ceil_div(terms.count, kTermsOfThread);
    const int most = s.across ? kThreads / power_of_two(results.count, kNeighbours) : kThreads;
    s.lanes = power_of_two(wanted, most);
    s.results = kThreads / s.lanes;
    s.slice = std::max<int64_t>(terms.count, 1);
    return s;
}

template <class F, class From, class To>
void launch_reduction(const Places<1>& results, const Places<1>& terms, const Sharing& s, const From* x, To* y) {
    const dim3 grid(static_cast<unsigned>(ceil_div(results.count, s.results)),
                    static_cast<unsigned>(std::max<int64_t>(ceil_div(terms.count, s.slice), 1)));
    launch(reduce_kernel<F, From, To>, grid, kThreads, 0, current_stream(), results, terms, s, x, y);
}

// About 256 blocks, two or more for each processor of most devices, but 32 terms at least for each thread.
template <class F, class From, class To>
void reduce(const Places<1>& results, const Places<1>& terms, const From* x, To* y) {
    if (results.count == 0) return;
    Sharing s = shared_out(results, terms);
    const int64_t blocks = ceil_div(results.count, s.results), least = int64_t{s.lanes} * 32;
    const int64_t slices = std::clamp<int64_t>(256 / blocks, 1, std::max<int64_t>(terms.count / least, 1));
    if (slices == 1) return launch_reduction<F>(results, terms, s, x, y);
    s.slice = ceil_div(terms.count, slices);
    const int64_t used = ceil_div(terms.count, s.slice);
    const Workspace<typename F::Value> parts(used * results.count);
    launch_reduction<F>(results, terms, s, x, parts.data());
    const Places<1> all("reduce", {results.count}, {Strides{1}}), each("reduce", {used}, {Strides{results.count}});
    launch_reduction<F>(all, each, shared_out(all, each), static_cast<const typename F::Value*>(parts.data()), y);
}

}  // namespace

template <>
Reduction<float, float> reduction<float, float>(std::string_view name) {
    static constexpr Named<Reduction<float, float>> table[] = {
        {"sum", reduce<Sum<float, double>, float, float>},
        {"prod", reduce<Product<float, double>, float, float>},
        {"max", reduce<Extreme<float, true>, float, float>},
        {"min", reduce<Extreme<float, false>, float, float>},
    };
    return find(table, name);
}

// Integers wrap around.
template <>
Reduction<int64_t, int64_t> reduction<int64_t, int64_t>(std::string_view name) {
    static constexpr Named<Reduction<int64_t, int64_t>> table[] = {
        {"sum", reduce<Sum<int64_t, uint64_t>, int64_t, int64_t>},
        {"prod", reduce<Product<int64_t, uint64_t>, int64_t, int64_t>},
        {"max", reduce<Extreme<int64_t, true>, int64_t, int64_t>},
        {"min", reduce<Extreme<int64_t, false>, int64_t, int64_t>},
        {"argmax", reduce<PlaceOfExtreme<int64_t, true>, int64_t, int64_t>},
        {"argmin", reduce<PlaceOfExtreme<int64_t, false>, int64_t, int64_t>},
    };
    return find(table, name);
}

template <>
Reduction<float, int64_t> reduction<float, int64_t>(std::string_view name) {
    static constexpr Named<Reduction<float, int64_t>> table[] = {
        {"argmax", reduce<PlaceOfExtreme<float, true>, float, int64_t>},
        {"argmin", reduce<PlaceOfExtreme<float, false>, float, int64_t>},
    };
    return find(table, name);
}

}  // namespace pycnn::cuda
