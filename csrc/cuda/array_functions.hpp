// Functions of whole arrays by the names that pycnn/backends/contract.py has for them. Results are C-contiguous. A function that is
// asked for by name is null if there is none for these types: the back-end then computes on the host.
#pragma once

#include <string_view>

#include "cuda/element.hpp"
#include "cuda/places.hpp"

namespace pycnn::cuda {

// y[i] = f(x[i]), for <float, float>, <float, bool> and <int64_t, int64_t>.
template <class From, class To>
using Unary = void (*)(int64_t count, const From* x, To* y);
template <class From, class To>
Unary<From, To> unary(std::string_view name);

// y[i] = f(a, b), where the places tell which elements of a and b belong to i. For <float, float>, <int64_t, int64_t>, from these
// to bool, and <bool, bool>.
template <class From, class To>
using Binary = void (*)(const Places<2>& places, Argument<From> a, Argument<From> b, To* y);
template <class From, class To>
Binary<From, To> binary(std::string_view name);

// y[i] = condition ? a : b. Places of condition, a and b. For every element type.
template <class T>
void where(const Places<3>& places, const bool* condition, Argument<T> a, Argument<T> b, T* y);

// y[i] = x[i]. Floats are cut towards zero; those beyond int64, and NaN, become its lowest number.
void convert(int64_t count, Element from, const void* x, Element to, void* y);

// target[place] = source[place], with the places of target and source.
void copy_strided(const Places<2>& places, Element element, const void* source, void* target);

// y[i] = the reduction of x[results.at(i) + terms.at(j)] over j < terms.count. The order depends on the shape alone. Sums and
// products of floats are in double, and rounded once. <float, float> and <int64_t, int64_t> have 'sum', 'prod', 'max' and 'min';
// from these to int64_t, 'argmax' and 'argmin', the first j with the largest (smallest) element or NaN.
template <class From, class To>
using Reduction = void (*)(const Places<1>& results, const Places<1>& terms, const From* x, To* y);
template <class From, class To>
Reduction<From, To> reduction(std::string_view name);

// y (groups, rows, columns) = a (groups, rows, depth) b (groups, depth, columns), where each group of a operand lies `stride` after
// the previous one: 0 if all groups share one matrix.
struct ProductShape {
    int64_t groups, rows, columns, depth, a_stride, b_stride;
};
void matrix_products(const ProductShape& s, const float* a, const float* b, float* y);

}  // namespace pycnn::cuda
