#include "check.hpp"

#include <algorithm>
#include <cstdio>
#include <limits>
#include <random>

namespace selftest {
namespace {

constexpr int64_t kGuard = 16;
constexpr float kUntouched = 12345.0f;

int failed = 0;

// Errors over bounds; infinite where a number that is not finite is another one than it should be.
double share(float actual, const Exact& exact) {
    if (std::isnan(exact.value) && std::isnan(actual)) return 0;
    const double error = actual == exact.value ? 0 : std::abs(actual - exact.value);
    if (error == 0) return 0;
    const double result = error / exact.bound;
    return std::isnan(result) ? std::numeric_limits<double>::infinity() : result;
}

void report(const std::string& name, double largest) {
    const bool passed = largest <= 1;
    failed += !passed;
    std::printf("%s %8.2g  %s\n", passed ? "ok    " : "FAILED", largest, name.c_str());
}

}  // namespace

Exacts exact(const std::vector<Sum>& sums) {
    Exacts result;
    for (const Sum& sum : sums) result.push_back(sum.exact());
    return result;
}

float random_number(float low, float high) {
    static std::mt19937 generator;
    return low + (high - low) * static_cast<float>(generator() >> 8) * 0x1p-24f;
}

Floats random_numbers(int64_t count, float low, float high) {
    Floats numbers(count);
    for (float& number : numbers) number = random_number(low, high);
    return numbers;
}

Floats guarded(int64_t count) { return Floats(count + kGuard, kUntouched); }

Floats guarded(Floats values) {
    values.insert(values.end(), kGuard, kUntouched);
    return values;
}

void compare(const std::string& name, const Floats& actual, const Exacts& exact) {
    if (actual.size() != exact.size() + kGuard) return require(name + ": as many results as there should be", false);
    if (!std::all_of(actual.end() - kGuard, actual.end(), [](float v) { return v == kUntouched; }))
        return require(name + ": nothing is written behind the result", false);
    double largest = 0;
    for (size_t i = 0; i < exact.size(); ++i) largest = std::max(largest, share(actual[i], exact[i]));
    report(name, largest);
}

void require(const std::string& name, bool condition) { report(name, condition ? 0 : std::numeric_limits<double>::infinity()); }

int failures() { return failed; }

}  // namespace selftest
