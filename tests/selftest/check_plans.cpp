// Steps of plans of inference, from planes to planes, against loops in double; their memory is full of NaN before.
#include <algorithm>
#include <functional>
#include <limits>

#include "check.hpp"
#include "core/memory_guard.hpp"
#include "core/parallel.hpp"
#include "cpu/nhwc/packed_linear.hpp"
#include "cpu/nhwc/plan.hpp"
#include "cpu/nhwc/rows.hpp"
#include "cpu/nhwc/turning.hpp"
#include "cpu/nhwc/winograd.hpp"

namespace selftest {
namespace {

using pycnn::Clamp, pycnn::FlatRows, pycnn::NhwcConvolution, pycnn::NhwcImages, pycnn::Pair, pycnn::Padding, pycnn::PlanStep;
using Step = std::unique_ptr<const PlanStep>;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr Clamp kAll{-kInfinity, kInfinity};
constexpr int64_t kImages = 3;  // of a run, which three threads share out

struct Size {
    int64_t channels, height, width;
    int64_t floats() const { return channels * height * width; }
};

// Images of whole vectors behind others.
NhwcImages images_after(int64_t offset, const Size& s, const Padding& border = {}) {
    const int64_t lanes = pycnn::kernels().lanes;
    return {offset, s.channels, s.height, s.width, border, pycnn::ceil_div(s.channels, lanes) * lanes};
}

// A plan that turns planes into pixels, takes one step from x to y, and turns these into planes.
struct OneStep {
    Size in, out;
    NhwcImages x, y;
    Floats planes;

    OneStep(const Size& in, const Size& out, const Padding& border = {})
        : in(in),
          out(out),
          x(images_after(0, in, border)),
          y(images_after(x.image(), out)),
          planes(random_numbers(kImages * in.floats(), -2, 2)) {}

    // The same for all images at once, and for a thread each.
    void check(const std::string& name, const std::function<Step()>& step, const Exacts& exact) const {
        for (const bool by_image : {false, true}) {
            pycnn::InferencePlan plan({x.image() + y.image(), 0, in.floats(), out.floats()});
            if (by_image) plan.begin_image_by_image(1e6);
            plan.add(std::make_unique<pycnn::ToPixels>(FlatRows{FlatRows::kInput, in.floats()}, x));
            plan.add(step());
            plan.add(std::make_unique<pycnn::ToPlanes>(y, FlatRows{FlatRows::kOutput, out.floats()}));
            if (by_image) plan.end_image_by_image();
            Floats result = guarded(kImages * out.floats());
            plan.run(kImages, planes.data(), result.data());
            compare("plan " + name + (by_image ? ", image by image" : ""), result, exact);
        }
    }
    float at(int64_t n, int64_t c, int64_t h, int64_t w) const {
        return planes[((n * in.channels + c) * in.height + h) * in.width + w];
    }
    bool has(int64_t h, int64_t w) const { return h >= 0 && h < in.height && w >= 0 && w < in.width; }

    // f(n, c, h, w) of each output.
    template <class F>
    Exacts outputs(F&& f) const {
        Exacts exact;
        for (int64_t n = 0; n < kImages; ++n)
            for (int64_t c = 0; c < out.channels; ++c)
                for (int64_t h = 0; h < out.height; ++h)
                    for (int64_t w = 0; w < out.width; ++w) exact.push_back(f(n, c, h, w));
        return exact;
    }
};

Exact clamped(Exact e, const Clamp& clamp) {
    e.value = std::clamp<double>(e.value, clamp.lower, clamp.upper);
    return e;
}

enum class Algorithm { direct, depthwise, winograd };

struct ConvolutionCase {
    const char* name;
    Algorithm algorithm;
    Size in;
    int64_t filters, taps, stride = 1, dilation = 1, pad = 0, groups = 1;
    bool has_residual = false;
    Clamp clamp = kAll;
};

// The residual is x itself, where x has as many pixels and channels as y.
void check_convolution(const ConvolutionCase& c) {
    const int64_t reach = (c.taps - 1) * c.dilation + 1;
    const auto outputs = [&](int64_t inputs) { return (inputs + 2 * c.pad - reach) / c.stride + 1; };
    const Size out{c.filters, outputs(c.in.height), outputs(c.in.width)};
    const int64_t inputs = c.in.channels / c.groups, of_group = c.filters / c.groups;
    const Floats w = random_numbers(c.filters * inputs * c.taps * c.taps), b = random_numbers(c.filters);
    NhwcConvolution p{
        images_after(0, c.in),    images_after(0, out),         {},     c.taps, c.taps, c.groups, {c.stride, c.stride},
        {c.dilation, c.dilation}, {c.pad, c.pad, c.pad, c.pad}, c.clamp};
    Padding border = c.algorithm == Algorithm::depthwise ? Padding{} : p.pad;
    if (c.algorithm == Algorithm::winograd) border = pycnn::WinogradConvolution::border(p);
    const OneStep plan(c.in, out, border);
    p.x = plan.x, p.y = plan.y;
    if (c.has_residual) p.residual = plan.x;

    double largest = 0;
    Exacts exact = plan.outputs([&](int64_t n, int64_t k, int64_t h, int64_t v) {
        Sum sum;
        sum.add(b[k]);
        for (int64_t i = 0; i < inputs; ++i)
            for (int64_t r = 0; r < c.taps; ++r)
                for (int64_t s = 0; s < c.taps; ++s) {
                    const int64_t row = h * c.stride + r * c.dilation - c.pad, column = v * c.stride + s * c.dilation - c.pad;
                    if (plan.has(row, column))
                        sum.add(double{w[((k * inputs + i) * c.taps + r) * c.taps + s]} *
                                plan.at(n, k / of_group * inputs + i, row, column));
                }
        if (c.has_residual) sum.add(plan.at(n, k, h, v));
        const Exact e = clamped(sum.exact(), c.clamp);
        largest = std::max(largest, e.bound);
        return e;
    });
    if (c.algorithm == Algorithm::winograd)
        for (Exact& e : exact) e.bound = kWinogradFactor * largest;
    plan.check(
        c.name,
        [&]() -> Step {
            if (c.algorithm == Algorithm::winograd) return std::make_unique<pycnn::WinogradConvolution>(p, w.data(), b.data());
            if (c.algorithm == Algorithm::direct) return std::make_unique<pycnn::DirectConvolution>(p, w.data(), b.data());
            const pycnn::DepthwiseConvolution::Shape shape{p.x,      p.y,        p.residual, p.R,    p.S,
                                                           p.stride, p.dilation, p.pad,      p.clamp};
            return std::make_unique<pycnn::DepthwiseConvolution>(shape, w.data(), b.data());
        },
        exact);
}

// Maxima and means of windows of 3 x 3 every two pixels, of what lies inside.
void check_pooling(pycnn::Pooling::Kind kind, const char* name) {
    const bool is_mean = kind == pycnn::Pooling::Kind::mean;
    const OneStep plan({7, 9, 11}, {7, 5, 6});
    const pycnn::PoolShape s{1, 7, 9, 11, 5, 6, {3, 3}, {2, 2}, {1, 1}, {1, 1}};
    const Exacts exact = plan.outputs([&](int64_t n, int64_t c, int64_t h, int64_t w) {
        Sum sum;
        double largest = -kInfinity;
        for (int64_t i = 2 * h - 1; i < 2 * h + 2; ++i)
            for (int64_t j = 2 * w - 1; j < 2 * w + 2; ++j) {
                if (!plan.has(i, j)) continue;
                sum.add(plan.at(n, c, i, j));
                largest = std::max<double>(largest, plan.at(n, c, i, j));
            }
        return is_mean ? sum.exact(1 / sum.terms) : Exact{largest, 0};
    });
    plan.check(
        name, [&] { return std::make_unique<pycnn::Pooling>(kind, plan.x, plan.y, s, pycnn::AverageRule{false, 0}); }, exact);
}

void check_area_means() {
    const OneStep plan({5, 5, 7}, {5, 2, 3});
    const Exacts exact = plan.outputs([&](int64_t n, int64_t c, int64_t h, int64_t w) {
        Sum sum;
        for (int64_t i = h * 5 / 2; i < ((h + 1) * 5 + 1) / 2; ++i)
            for (int64_t j = w * 7 / 3; j < ((w + 1) * 7 + 2) / 3; ++j) sum.add(plan.at(n, c, i, j));
        return sum.exact(1 / sum.terms);
    });
    plan.check("area means", [&] { return std::make_unique<pycnn::AreaMeans>(plan.x, plan.y); }, exact);
}

// What is done to each pixel alone.
void check_pixels() {
    const Size size{13, 4, 5};
    const OneStep plan(size, size);
    const Clamp clamp{-1, 1.5f};
    const auto each = [&](auto f) {
        return plan.outputs([&](int64_t n, int64_t c, int64_t h, int64_t w) { return f(plan.at(n, c, h, w), c); });
    };
    plan.check(
        "sum", [&] { return std::make_unique<pycnn::Sum>(plan.x, plan.x, plan.y, clamp); },
        each([&](double x, int64_t) { return clamped(rounded(2 * x, 1), clamp); }));
    plan.check(
        "copy", [&] { return std::make_unique<pycnn::ChannelCopy>(plan.x, plan.y, 0); },
        each([&](double x, int64_t) { return Exact{x, 0}; }));
    const Floats scale = random_numbers(13), shift = random_numbers(13);
    plan.check(
        "scale and shift",
        [&] { return std::make_unique<pycnn::ChannelScale>(plan.x, plan.y, scale.data(), shift.data(), clamp); },
        each([&](double x, int64_t c) {
            return clamped(rounded(x * scale[c] + shift[c], 2, std::abs(x * scale[c]) + std::abs(shift[c])), clamp);
        }));
    // The first pixel of an image as its scale.
    plan.check(
        "product with a pixel", [&] { return std::make_unique<pycnn::ChannelScale>(plan.x, plan.x, plan.y, kAll); },
        plan.outputs([&](int64_t n, int64_t c, int64_t h, int64_t w) {
            return rounded(double{plan.at(n, c, h, w)} * plan.at(n, c, 0, 0), 2);
        }));
    const pycnn::LrnWindow window = pycnn::window_of({1, 13, 20, 5, 2.0, 0.5, 0.75});
    plan.check(
        "local response norm", [&] { return std::make_unique<pycnn::LocalResponseNorm>(plan.x, plan.y, window); },
        plan.outputs([&](int64_t n, int64_t c, int64_t h, int64_t w) {
            double squares = 0;
            for (int64_t i = std::max<int64_t>(c - 2, 0); i <= std::min<int64_t>(c + 2, 12); ++i)
                squares += double{plan.at(n, i, h, w)} * plan.at(n, i, h, w);
            const double norm = 2 + double{window.alpha} * squares;
            return rounded(plan.at(n, c, h, w) * std::pow(norm, -0.75), 17 + 8 * std::log(norm));
        }));
}

// Rows of outputs that end within a vector, and half of a tile.
void check_packed_linear(int64_t rows, int64_t inputs, int64_t outputs) {
    const Floats x = random_numbers(rows * inputs), w = random_numbers(outputs * inputs), b = random_numbers(outputs);
    const Clamp clamp{-0.5f, kInfinity};
    pycnn::InferencePlan plan({0, 0, inputs, outputs});
    plan.add(std::make_unique<pycnn::PackedLinear>(FlatRows{FlatRows::kInput, inputs}, FlatRows{FlatRows::kOutput, outputs},
                                                   w.data(), b.data(), clamp));
    Exacts exact;
    for (int64_t n = 0; n < rows; ++n)
        for (int64_t k = 0; k < outputs; ++k) {
            Sum sum;
            sum.add(b[k]);
            for (int64_t i = 0; i < inputs; ++i) sum.add(double{x[n * inputs + i]} * w[k * inputs + i]);
            exact.push_back(clamped(sum.exact(), clamp));
        }
    Floats y = guarded(rows * outputs);
    plan.run(rows, x.data(), y.data());
    compare("plan linear of " + pycnn::to_string({rows, inputs, outputs}), y, exact);
}

}  // namespace

void check_plans() {
    pycnn::pool_poison(true);
    pycnn::set_num_threads(3);
    const Clamp relu6{0, 6};
    const int64_t lanes = pycnn::kernels().lanes;
    const ConvolutionCase cases[] = {
        {"direct, stride 2", Algorithm::direct, {5, 9, 12}, 11, 3, 2, 1, 1},
        {"direct, dilation 2", Algorithm::direct, {3, 9, 10}, 6, 3, 1, 2, 2},
        {"direct, two blocks of a sum, residual", Algorithm::direct, {48, 7, 6}, 48, 3, 1, 1, 1, 1, true, relu6},
        {"direct, dense pixels", Algorithm::direct, {17, 8, 8}, 9, 1},
        {"direct, groups", Algorithm::direct, {6, 6, 7}, 4 * lanes, 3, 1, 1, 1, 2},
        {"winograd of 3 x 3", Algorithm::winograd, {6, 11, 10}, 6, 3, 1, 1, 1, 1, true, relu6},
        {"winograd of 5 x 5", Algorithm::winograd, {5, 9, 13}, 9, 5, 1, 1, 2},
        {"winograd, groups", Algorithm::winograd, {6, 8, 8}, 2 * lanes, 3, 1, 1, 1, 2},
        {"depthwise", Algorithm::depthwise, {37, 9, 14}, 37, 3, 1, 1, 1, 37, true, relu6},
        {"depthwise, stride 2", Algorithm::depthwise, {19, 9, 14}, 19, 3, 2, 1, 1, 19},
        {"depthwise of 5 x 5, dilation 2", Algorithm::depthwise, {7, 11, 13}, 7, 5, 1, 2, 4, 7},
    };
    for (const ConvolutionCase& c : cases) check_convolution(c);
    check_pooling(pycnn::Pooling::Kind::largest, "max pooling");
    check_pooling(pycnn::Pooling::Kind::mean, "mean pooling");
    check_area_means();
    check_pixels();
    check_packed_linear(7, 50, 37);
    check_packed_linear(33, 23, 5);
    require("plans write nothing behind their memory", pycnn::pool_damaged_blocks() == 0);
    pycnn::pool_poison(false);
}

}  // namespace selftest
