// Activations, dropout, softmax and the losses of rows of classes.
#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <numbers>

#include "check.hpp"
#include "core/parallel.hpp"
#include "ops/activation.hpp"
#include "ops/batch_norm2d.hpp"
#include "ops/class_loss.hpp"
#include "ops/dropout.hpp"
#include "ops/softmax_cross_entropy.hpp"

namespace selftest {
namespace {

using std::numbers::pi;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr float kAmplitude = 1.75f, kSlope = 0.625f, kLeak = 0.125f;

double logistic(double x) { return 1 / (1 + std::exp(-x)); }
double normal(double x) { return std::erfc(-x / std::numbers::sqrt2) / 2; }
double density(double x) { return std::exp(-x * x / 2) / std::sqrt(2 * pi); }
double gelu_argument(double x) { return 2 * std::sqrt(2 / pi) * (x + 0.044715 * x * x * x); }
double gelu_slope(double x) { return 2 * std::sqrt(2 / pi) * (1 + 3 * 0.044715 * x * x); }

// Small, usual and large numbers, more than one chunk of them; then, where wanted, NaN, infinities and zeros.
Floats arguments(bool special) {
    Floats x = random_numbers(17000, -9, 9);
    for (size_t i = 0; i < 500; ++i) x[i] *= 0x1p-10f;
    for (size_t i = 500; i < 600; ++i) x[i] *= 20;
    const float infinity = std::numeric_limits<float>::infinity();
    if (special) x.insert(x.end(), {std::numeric_limits<float>::quiet_NaN(), infinity, -infinity, 0.0f, -0.0f});
    return x;
}

using Forward = std::function<void(int64_t, const float*, float*)>;
using Backward = std::function<void(int64_t, const float*, const float*, float*)>;

// y = f(x), with f's value and bound from double arithmetic.
void check_forward(const std::string& name, const Forward& op, const std::function<Exact(double)>& f, bool special = true) {
    const Floats x = arguments(special);
    const int64_t count = static_cast<int64_t>(x.size());
    Floats y = guarded(count);
    op(count, x.data(), y.data());
    Exacts exact;
    for (const float number : x) exact.push_back(f(number));
    compare(name, y, exact);
}

// dx = dy f'(other) with f' as terms: their sum, and the sum of their magnitudes, with `units` roundings.
struct Slope {
    double value, magnitude, units;
};
void check_backward(const std::string& name, const Backward& op, const Floats& other,
                    const std::function<Slope(double)>& slope) {
    const int64_t count = static_cast<int64_t>(other.size());
    const Floats dy = random_numbers(count);
    Floats dx = guarded(count);
    op(count, dy.data(), other.data(), dx.data());
    Exacts exact;
    for (int64_t i = 0; i < count; ++i) {
        const Slope s = slope(other[i]);
        exact.push_back(rounded(dy[i] * s.value, s.units, dy[i] * s.magnitude));
    }
    compare(name, dx, exact);
}

void check_each_activation() {
    using pycnn::GeluForm;
    check_forward("relu", pycnn::relu, [](double x) { return Exact{x < 0 ? 0 : x, 0}; });
    check_forward(
        "leaky_relu", [](int64_t n, const float* x, float* y) { pycnn::leaky_relu(n, kLeak, x, y); },
        [](double x) { return rounded(x < 0 ? kLeak * x : x, 1); });
    check_forward(
        "tanh", [](int64_t n, const float* x, float* y) { pycnn::tanh(n, kAmplitude, kSlope, x, y); },
        [](double x) { return rounded(kAmplitude * std::tanh(kSlope * x), 8); });
    check_forward("sigmoid", pycnn::sigmoid, [](double x) { return rounded(logistic(x), 4); });
    check_forward(
        "gelu", [](int64_t n, const float* x, float* y) { pycnn::gelu(n, GeluForm::exact, x, y); },
        [](double x) { return x == -kInfinity ? Exact{0, 16 * kTiny} : rounded(x * normal(x), 16); });
    check_forward(
        "gelu, tanh form", [](int64_t n, const float* x, float* y) { pycnn::gelu(n, GeluForm::tanh, x, y); },
        [](double x) {
            if (std::isinf(x)) return x > 0 ? Exact{x, 0} : Exact{0, 16 * kTiny};
            const double v = gelu_argument(x);
            return rounded(x * logistic(v), 16 + 9 * std::abs(v) * logistic(-v));
        });

    const Floats x = arguments(false), unit = random_numbers(1003, 0, 1), y = random_numbers(1003, -kAmplitude, kAmplitude);
    check_backward("relu gradient", pycnn::relu_backward, x, [](double y) {
        const double slope = y > 0;
        return Slope{slope, slope, 0};
    });
    check_backward(
        "leaky_relu gradient",
        [](int64_t n, const float* dy, const float* x, float* dx) { pycnn::leaky_relu_backward(n, kLeak, dy, x, dx); }, x,
        [](double x) {
            const double slope = x > 0 ? 1 : kLeak;
            return Slope{slope, slope, 1};
        });
    check_backward(
        "tanh gradient",
        [](int64_t n, const float* dy, const float* y, float* dx) { pycnn::tanh_backward(n, kAmplitude, kSlope, dy, y, dx); },
        y,
        [](double y) {
            const double slope = double{kSlope} / kAmplitude * (kAmplitude - y) * (kAmplitude + y);
            return Slope{slope, slope, 8};
        });
    check_backward("sigmoid gradient", pycnn::sigmoid_backward, unit,
                   [](double y) { return Slope{y * (1 - y), y * (1 - y), 4}; });
    check_backward(
        "gelu gradient",
        [](int64_t n, const float* dy, const float* x, float* dx) { pycnn::gelu_backward(n, GeluForm::exact, dy, x, dx); }, x,
        [](double x) {
            const double second = x * density(x);
            return Slope{normal(x) + second, normal(x) + std::abs(second), 16};
        });
    check_backward(
        "gelu gradient, tanh form",
        [](int64_t n, const float* dy, const float* x, float* dx) { pycnn::gelu_backward(n, GeluForm::tanh, dy, x, dx); }, x,
        [](double x) {
            const double v = gelu_argument(x), first = logistic(v), second = x * first * logistic(-v) * gelu_slope(x);
            return Slope{first + second, first + std::abs(second), 24 + 18 * std::abs(v)};
        });
}

// The kinds of `activation`, with the slope of each, by their formulas in double.
struct Kind {
    pycnn::Activation f;
    double units;
    std::function<double(double)> value, slope;
};
std::vector<Kind> kinds() {
    using pycnn::ActivationKind;
    const auto mish = [](double x) { return std::tanh(std::log1p(std::exp(x))); };
    return {
        {{ActivationKind::silu, 0, 0},
         16,
         [](double x) { return x * logistic(x); },
         [](double x) { return logistic(x) + x * logistic(x) * logistic(-x); }},
        {{ActivationKind::elu, 0.75f, 0},
         8,
         [](double x) { return x < 0 ? 0.75 * std::expm1(x) : x; },
         [](double x) { return x <= 0 ? 0.75 * std::exp(x) : 1; }},
        {{ActivationKind::hardswish, 0, 0},
         8,
         [](double x) { return x * std::clamp(x + 3, 0.0, 6.0) / 6; },
         [](double x) { return x <= -3 ? 0 : (x >= 3 ? 1 : x / 3 + 0.5); }},
        {{ActivationKind::hardsigmoid, 0, 0},
         8,
         [](double x) { return std::clamp(x + 3, 0.0, 6.0) / 6; },
         [](double x) { return x <= -3 || x >= 3 ? 0 : 1 / 6.0; }},
        {{ActivationKind::softplus, 0.5f, 60},
         40,
         [](double x) { return std::log1p(std::exp(0.5 * x)) / 0.5; },
         [](double x) { return logistic(0.5 * x); }},
        {{ActivationKind::mish, 0, 0},
         40,
         [=](double x) { return x * mish(x); },
         [=](double x) { return mish(x) + x * logistic(x) * (1 - mish(x)) * (1 + mish(x)); }},
        {{ActivationKind::hardtanh, -0.5f, 2},
         0,
         [](double x) { return std::clamp(x, -0.5, 2.0); },
         [](double x) { return x <= -0.5 || x >= 2 ? 0 : 1; }},
        {{ActivationKind::negative, 0, 0},
         0,
         [](double x) { return std::min(x, 0.0); },
         [](double x) { return x > 0 ? 0 : 1; }},
    };
}

void check_kinds() {
    Floats x = arguments(false);
    for (const Kind& kind : kinds()) {
        const std::string name = "activation " + std::to_string(static_cast<int>(kind.f.kind));
        check_forward(
            name, [&](int64_t n, const float* in, float* y) { pycnn::activation(n, kind.f, in, y); },
            [&](double v) { return Exact{kind.value(v), kind.units * 0x1p-24 * std::abs(kind.value(v)) + 256 * kTiny}; },
            false);
        check_backward(
            name + " gradient",
            [&](int64_t n, const float* dy, const float* in, float* dx) { pycnn::activation_backward(n, kind.f, dy, in, dx); },
            x,
            [&](double v) { return Slope{kind.slope(v), std::abs(kind.slope(v)) + std::min(1.0, std::abs(v)), kind.units}; });
    }
    // Of a log-probability, with the exponent 2.
    for (float& v : x) v = -std::abs(v);
    Floats y = guarded(static_cast<int64_t>(x.size()));
    pycnn::activation(static_cast<int64_t>(x.size()), {pycnn::ActivationKind::focal, 2, 0.25f}, x.data(), y.data());
    const Floats dy = random_numbers(static_cast<int64_t>(x.size()));
    Floats dx = guarded(static_cast<int64_t>(x.size()));
    pycnn::activation_backward(static_cast<int64_t>(x.size()), {pycnn::ActivationKind::focal, 2, 0.25f}, dy.data(), x.data(),
                               dx.data());
    Exacts exact, exact_dx;
    for (size_t i = 0; i < x.size(); ++i) {
        const double v = x[i], rest = -std::expm1(v), units = 40 + 12 * std::abs(std::log(rest));
        exact.push_back(rounded(0.25 * v * rest * rest, units));
        const double direct = 0.25 * dy[i] * rest * rest, through = 0.5 * dy[i] * rest * std::exp(v) * v;
        exact_dx.push_back(rounded(direct - through, units, std::abs(direct) + std::abs(through)));
    }
    compare("focal", y, exact);
    compare("focal gradient", dx, exact_dx);
}

// One block of Philox4x32-10, word by word.
std::array<uint32_t, 4> philox(uint64_t block, uint64_t key) {
    const auto low = [](uint64_t a) { return static_cast<uint32_t>(a); };
    const auto high = [](uint64_t a) { return static_cast<uint32_t>(a >> 32); };
    std::array<uint32_t, 4> c{low(block), high(block), 0, 0};
    uint32_t k0 = low(key), k1 = high(key);
    for (int round = 0; round < 10; ++round, k0 += 0x9E3779B9, k1 += 0xBB67AE85) {
        const uint64_t a = uint64_t{0xD2511F53} * c[0], b = uint64_t{0xCD9E8D57} * c[2];
        c = {high(b) ^ c[1] ^ k0, low(b), high(a) ^ c[3] ^ k1, low(a)};
    }
    return c;
}

// A quarter is dropped, of more than one chunk, NaN and infinities among it; blocks start where their upper word changes.
void check_dropout() {
    require("Philox4x32-10", philox(0, 0) == std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    constexpr uint64_t kFirstBlock = 0xfffffffd, kSeed = 0x0123456789abcdef;
    const Floats x = arguments(true);
    const int64_t count = static_cast<int64_t>(x.size());
    std::vector<uint8_t> kept(count + 1, 7);
    Floats y = guarded(count), dx = guarded(count);
    pycnn::dropout(count, kFirstBlock, 0.25, kSeed, x.data(), y.data(), kept.data());
    pycnn::dropout_backward(count, 0.25, x.data(), kept.data(), dx.data());
    Exacts exact;
    bool right = kept[count] == 7;
    for (int64_t i = 0; i < count; ++i) {
        const bool keep = philox(kFirstBlock + i / 4, kSeed)[i % 4] >= 0x40000000;
        right = right && kept[i] == keep;
        exact.push_back(keep ? rounded(x[i] / 0.75, 2) : Exact{0, 0});
    }
    require("dropout keeps what the generator says", right);
    compare("dropout", y, exact);
    compare("dropout gradient", dx, exact);
}

// Rows of C logits and what they lead to, with class weights, smoothing and one row that is ignored.
void check_rows(int64_t N, int64_t C) {
    const Floats x = random_numbers(N * C, -20, 20), dy = random_numbers(N * C), weight = random_numbers(C, 0.5f, 2);
    std::vector<int64_t> target(N);
    for (int64_t i = 0; i < N; ++i) target[i] = i == N / 2 ? -100 : 7 * i % C;
    const pycnn::CrossEntropy s{N, C, weight.data(), -100, 0.125, pycnn::Reduction::none};
    Floats p = guarded(N * C), dx = guarded(N * C), probabilities = guarded(N * C), losses = guarded(N),
           dlogits = guarded(N * C);
    Floats logs = guarded(N * C), log_dx = guarded(N * C);
    pycnn::softmax(N, C, x.data(), p.data());
    pycnn::softmax_backward(N, C, dy.data(), p.data(), dx.data());
    pycnn::log_softmax(N, C, x.data(), logs.data());
    pycnn::log_softmax_backward(N, C, dy.data(), logs.data(), log_dx.data());
    pycnn::softmax_cross_entropy(s, x.data(), target.data(), probabilities.data(), losses.data());
    pycnn::softmax_cross_entropy_backward(s, probabilities.data(), target.data(), {1.5f, nullptr}, dlogits.data());

    Exacts exact_p, exact_dx, exact_logs, exact_log_dx, exact_losses, exact_dlogits;
    double weights = 0;
    for (const float w : weight) weights += w;
    for (int64_t i = 0; i < N; ++i) {
        const int64_t row = i * C, t = target[i];
        const double largest = *std::max_element(x.begin() + row, x.begin() + row + C), columns = static_cast<double>(C);
        double total = 0;
        Sum products, sum;
        for (int64_t j = row; j < row + C; ++j) {
            total += std::exp(x[j] - largest);
            products.add(double{dy[j]} * p[j]);
            sum.add(dy[j]);
        }
        const double log_total = largest + std::log(total);
        Sum loss;
        for (int64_t j = row; j < row + C; ++j) {
            // exp(d), with d rounded once, and their sum are off by |d| and 40 units more.
            exact_p.push_back(rounded(std::exp(x[j] - log_total), 2 * (largest - x[j]) + 40 + columns));
            exact_dx.push_back(
                rounded(p[j] * (dy[j] - products.total), columns + 4, p[j] * (std::abs(dy[j]) + products.magnitude)));
            exact_logs.push_back(rounded(x[j] - log_total, 48 + columns, 1 + std::abs(x[j] - log_total)));
            const double e = std::exp(logs[j]);
            exact_log_dx.push_back(rounded(dy[j] - e * sum.total, columns + 40, std::abs(dy[j]) + e * sum.magnitude));
            const double w = weight[j - row], hit = t < 0 ? 0 : (1 - s.label_smoothing) * weight[t];
            const double smooth = t < 0 ? 0 : s.label_smoothing / columns, label = j - row == t ? 1 : 0;
            loss.add((hit * label + smooth * w) * (log_total - x[j]));
            exact_dlogits.push_back(
                rounded(1.5 * (hit * (probabilities[j] - label) + smooth * (weights * probabilities[j] - w)), 12,
                        1.5 * (hit + smooth * weights) * (probabilities[j] + label) + 1.5 * smooth * w));
        }
        exact_losses.push_back(rounded(loss.total, 56 + 2 * columns, 1 + loss.total));
    }
    const std::string shape = " of " + std::to_string(N) + " x " + std::to_string(C);
    compare("softmax" + shape, p, exact_p);
    compare("softmax gradient" + shape, dx, exact_dx);
    compare("log_softmax" + shape, logs, exact_logs);
    compare("log_softmax gradient" + shape, log_dx, exact_log_dx);
    compare("cross entropy probabilities" + shape, probabilities, exact_p);
    compare("cross entropy" + shape, losses, exact_losses);
    compare("cross entropy gradient" + shape, dlogits, exact_dlogits);
}

// Denormal numbers count as zero in the kernels, on whatever thread, and as themselves before and after.
void check_denormals() {
    constexpr int64_t N = 40, plane = 10000;
    const Floats x(N * plane, 0x1p-140f), one{1.0f}, zero{0.0f};
    Floats y = guarded(N * plane);
    pycnn::set_num_threads(3);
    pycnn::channel_affine({N, 1, plane}, x.data(), one.data(), zero.data(), y.data());
    compare("denormal numbers count as zero in a kernel", y, Exacts(N * plane, {0, 0}));
    volatile float small = 0x1p-140f;
    require("denormal numbers count as themselves outside", small * 0x1p30f == 0x1p-110f);
}

}  // namespace

void check_activations() {
    check_each_activation();
    check_kinds();
    check_dropout();
    check_rows(9, 10);
    check_rows(5, 4);
    check_rows(3, 1001);
    check_denormals();
}

}  // namespace selftest
