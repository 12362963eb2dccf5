// What the checks of the self-test share: random numbers, results in double with the error that a float may have, comparison.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace selftest {

using Floats = std::vector<float>;

constexpr double kUnit = 0x1p-24;   // the largest relative error of one rounding
constexpr double kTiny = 0x1p-126;  // what is flushed to zero is smaller

// The rounding error of a Winograd tile is spread over its outputs, and its transforms make it larger: 4 times the largest bound
// of a plain sum was seen, with filters of one channel.
constexpr double kWinogradFactor = 16;

// How far n roundings are off at most, relative to the magnitude (csrc/convolution.md, "Determinism and error bounds").
inline double gamma(double n) { return n * kUnit / (1 - n * kUnit); }

// A result in double, and how far the float32 one may be from it.
struct Exact {
    double value, bound;
};
using Exacts = std::vector<Exact>;

// A result with n roundings at numbers of this magnitude.
inline Exact rounded(double value, double n, double magnitude) { return {value, gamma(n) * std::abs(magnitude) + n * kTiny}; }
inline Exact rounded(double value, double n) { return rounded(value, n, value); }

// A sum of terms, in any order: each takes one rounding, of at most the sum of the terms' magnitudes.
struct Sum {
    double total = 0, magnitude = 0, terms = 0;

    void add(double term) {
        total += term;
        magnitude += std::abs(term);
        ++terms;
    }
    Exact exact(double scale = 1) const { return rounded(total * scale, terms + 2, magnitude * scale); }
};
Exacts exact(const std::vector<Sum>& sums);

// Uniform in [low, high), the same on every machine.
float random_number(float low = -1, float high = 1);
Floats random_numbers(int64_t count, float low = -1, float high = 1);

// An array for a result, or `values` that are changed in place, with a few floats behind that nobody may write.
Floats guarded(int64_t count);
Floats guarded(Floats values);

// Prints a line with the largest error as a share of its bound. `actual` is guarded.
void compare(const std::string& name, const Floats& actual, const Exacts& exact);
void require(const std::string& name, bool condition);
int failures();

void check_convolutions();
void check_layers();       // linear and RBF layers, pooling, normalisation, embedding
void check_activations();  // dropout and the losses
void check_optimizers();
void check_tiles();  // kernels that come in several sizes
void check_plans();  // of inference

}  // namespace selftest
