// Convolution: every algorithm on every shape that it can compute, forward and both gradients.
#include <algorithm>
#include <limits>
#include <map>

#include "check.hpp"
#include "core/parallel.hpp"
#include "cpu/conv2d/algorithms.hpp"
#include "ops/activation.hpp"
#include "ops/conv2d.hpp"
#include "ops/conv2d_pooled.hpp"
#include "ops/pool2d.hpp"
#include "ops/visible_taps.hpp"

namespace selftest {
namespace {

using pycnn::ConvPass, pycnn::ConvShape, pycnn::Pair, pycnn::Shape;

constexpr pycnn::PaddingRule kSame{pycnn::PaddingRule::Kind::same, {}};

struct Case {
    Shape x, w;
    pycnn::PaddingRule padding = {};
    Pair stride = {}, dilation = {};
    int64_t groups = 1;

    ConvShape shape() const { return pycnn::conv_shape("selftest", x, w, stride, padding, dilation, groups); }
};

const std::vector<Case>& cases() {
    static const std::vector<Case> list = {
        {{9, 1, 12, 12}, {6, 1, 5, 5}, {.numbers = {2, 2, 2, 2}}},
        {{16, 6, 8, 8}, {16, 6, 5, 5}},
        {{2, 20, 9, 8}, {18, 20, 5, 5}, {.numbers = {2, 2, 2, 2}}},
        {{1, 48, 9, 11}, {30, 48, 3, 3}, {.numbers = {1, 1, 1, 1}}},  // sums longer than a block
        {{3, 10, 7, 6}, {6, 5, 3, 3}, {.numbers = {0, 2, 2, 1}}, {}, {}, 2},
        {{2, 5, 13, 11}, {9, 5, 3, 3}, {.numbers = {1, 1, 1, 1}}, {2, 2}},
        {{1, 3, 39, 35}, {17, 3, 11, 11}, {}, {4, 4}},
        {{2, 4, 12, 13}, {7, 4, 3, 2}, {.numbers = {1, 2, 3, 0}}, {1, 2}, {2, 3}},
        {{1, 3, 11, 12}, {4, 3, 2, 2}, {}, {3, 4}},                           // strides that leave pixels out
        {{1, 2, 5, 6}, {3, 2, 3, 3}, {.numbers = {7, 7, 4, 4}}, {}, {7, 4}},  // taps that see nothing but padding
        {{2, 3, 9, 10}, {5, 3, 4, 2}, kSame},
        {{3, 20, 5, 7}, {33, 20, 1, 1}},
        {{2, 9, 11, 13}, {9, 1, 3, 3}, {.numbers = {1, 1, 1, 1}}, {}, {}, 9},
        {{1, 4, 14, 12}, {8, 1, 5, 5}, kSame, {2, 3}, {}, 4},
        {{2, 1, 9, 23}, {1, 1, 3, 3}, {.numbers = {1, 1, 1, 1}}},  // flat planes
        {{2, 1, 11, 22}, {1, 1, 3, 3}, kSame, {2, 2}},
        {{2, 1, 20, 24}, {10, 1, 3, 24}},
        {{2, 2, 15, 30}, {7, 2, 4, 30}, {.numbers = {3, 2, 0, 0}}, {2, 1}},
        {{3, 1, 11, 33}, {9, 1, 4, 33}, {.numbers = {2, 3, 0, 0}}},  // tiles of rows
        {{2, 1, 12, 40}, {6, 1, 5, 40}},
        {{3, 6, 8, 8}, {11, 6, 8, 8}},  // one window is the image
    };
    return list;
}

// x, w, b and dy of a case, and the results in double.
struct Problem {
    ConvShape s;
    Floats x, w, b, dy;
    std::vector<Sum> y, dx, dw, db;

    explicit Problem(const Case& c)
        : s(c.shape()),
          x(random_numbers(s.N * s.C * s.H * s.W)),
          w(random_numbers(s.weights())),
          b(random_numbers(s.K)),
          dy(random_numbers(s.N * s.K * s.P * s.Q)) {}

    void solve() {
        y.resize(dy.size()), dx.resize(x.size()), dw.resize(w.size()), db.resize(b.size());
        for (int64_t n = 0; n < s.N; ++n)
            for (int64_t k = 0; k < s.K; ++k)
                for (int64_t p = 0; p < s.P; ++p)
                    for (int64_t q = 0; q < s.Q; ++q) solve_output(n, k, p, q);
    }

private:
    void solve_output(int64_t n, int64_t k, int64_t p, int64_t q) {
        const int64_t out = ((n * s.K + k) * s.P + p) * s.Q + q, first = k / s.group_outputs() * s.group_inputs();
        y[out].add(b[k]);
        db[k].add(dy[out]);
        for (int64_t c = 0; c < s.group_inputs(); ++c)
            for (int64_t r = 0; r < s.R; ++r)
                for (int64_t t = 0; t < s.S; ++t) {
                    const int64_t i = p * s.stride.h + r * s.dilation.h - s.pad.top;
                    const int64_t j = q * s.stride.w + t * s.dilation.w - s.pad.left;
                    if (i < 0 || i >= s.H || j < 0 || j >= s.W) continue;
                    const int64_t in = ((n * s.C + first + c) * s.H + i) * s.W + j;
                    const int64_t tap = ((k * s.group_inputs() + c) * s.R + r) * s.S + t;
                    y[out].add(double{x[in]} * w[tap]);
                    dx[in].add(double{dy[out]} * w[tap]);
                    dw[tap].add(double{dy[out]} * x[in]);
                }
    }
};

// What the passes compute with the algorithm that is forced.
struct Results {
    Floats y, dx, dw, db;

    explicit Results(const Problem& p)
        : y(guarded(p.dy.size())), dx(guarded(p.x.size())), dw(guarded(p.w.size())), db(guarded(p.b.size())) {
        pycnn::conv2d(p.s, p.x.data(), p.w.data(), p.b.data(), y.data());
        pycnn::conv2d_backward_input(p.s, p.dy.data(), p.w.data(), dx.data());
        pycnn::conv2d_backward_weight(p.s, p.dy.data(), p.x.data(), dw.data(), db.data());
    }
    bool operator==(const Results&) const = default;
};

Exacts bounded(const std::vector<Sum>& sums, const std::string& algorithm) {
    Exacts result = exact(sums);
    if (!algorithm.starts_with("winograd")) return result;
    double largest = 0;
    for (const Exact& e : result) largest = std::max(largest, std::isfinite(e.bound) ? e.bound : 0);
    for (Exact& e : result) e.bound = kWinogradFactor * largest;
    return result;
}

struct Pass {
    ConvPass pass;
    const char* name;
    Floats Results::* actual;
    std::vector<Sum> Problem::* sums;
};
constexpr Pass kPasses[] = {{ConvPass::forward, "y", &Results::y, &Problem::y},
                            {ConvPass::backward_input, "dx", &Results::dx, &Problem::dx},
                            {ConvPass::backward_weight, "dw", &Results::dw, &Problem::dw}};

// By algorithm and pass, how many shapes were computed.
using Counts = std::map<std::string, int>;

void check_case(const Case& c, Counts& counts) {
    Problem problem(c);
    problem.solve();
    const ConvShape visible = pycnn::VisiblePart(problem.s).shape;
    const std::string shapes = pycnn::to_string(c.x) + " * " + pycnn::to_string(c.w);
    for (const std::string& algorithm : pycnn::conv_algorithms()) {
        pycnn::force_conv_algorithm(algorithm);
        const auto takes = [&](const Pass& p) { return conv_algorithm(p.pass, visible).name == algorithm; };
        if (std::none_of(std::begin(kPasses), std::end(kPasses), takes)) continue;
        const Results results(problem);
        for (const Pass& p : kPasses) {
            if (!takes(p)) continue;
            ++counts[algorithm + " " + p.name];
            compare("conv2d " + algorithm + " " + p.name + " of " + shapes, results.*p.actual,
                    bounded(problem.*p.sums, algorithm));
        }
        compare("conv2d " + algorithm + " db of " + shapes, results.db, exact(problem.db));
    }
}

// An infinity or a NaN must reach the outputs that see it, and no others.
void check_not_finite() {
    for (const int64_t taps : {3, 5}) {
        Problem problem({{2, 4, 9, 10}, {6, 4, taps, taps}, {.numbers = {1, 1, 1, 1}}});
        problem.x[3 * problem.s.W + 4] = std::numeric_limits<float>::infinity();
        problem.dy[4 * problem.s.Q + 5] = std::numeric_limits<float>::quiet_NaN();  // its taps meet no padding
        problem.solve();
        pycnn::force_conv_algorithm("winograd");
        const Results results(problem);
        for (const Pass& p : kPasses)
            compare("conv2d winograd " + std::string(p.name) + " with an infinity and a NaN, " + std::to_string(taps) + " taps",
                    results.*p.actual, bounded(problem.*p.sums, "winograd"));
    }
}

void check_threads() {
    const Problem problem(cases()[3]);
    for (const std::string& algorithm : pycnn::conv_algorithms()) {
        pycnn::force_conv_algorithm(algorithm);
        pycnn::set_num_threads(1);
        const Results alone(problem);
        pycnn::set_num_threads(3);
        require("conv2d " + algorithm + ": the same bits with 1 and 3 threads", alone == Results(problem));
    }
}

// Convolution, ReLU and max pooling in one op, in lanes and in planes: the same numbers as one by one.
void check_pooled() {
    const Problem problem({{35, 2, 11, 10}, {9, 2, 3, 3}, {.numbers = {1, 1, 0, 1}}});
    const pycnn::PooledConvShape s = pycnn::pooled_conv_shape("selftest", problem.s, {2, 3});
    const int64_t planes = s.conv.N * s.conv.K, outputs = s.P * s.Q, inputs = s.conv.P * s.conv.Q;
    const Floats dy = random_numbers(planes * outputs);
    for (const std::string algorithm : {"batch_lanes", "gemm"}) {
        pycnn::force_conv_algorithm(algorithm);
        Floats pixels(planes * inputs), y(planes * outputs), gradient(planes * inputs);
        std::vector<int32_t> indices(planes * outputs);
        pycnn::conv2d(s.conv, problem.x.data(), problem.w.data(), problem.b.data(), pixels.data());
        pycnn::relu(planes * inputs, pixels.data(), pixels.data());
        const pycnn::PoolShape pool =
            pycnn::pool_shape("selftest", {s.conv.N, s.conv.K, s.conv.P, s.conv.Q}, s.window, s.window, {0, 0}, {1, 1}, false);
        pycnn::max_pool2d(pool, pixels.data(), y.data(), indices.data());
        pycnn::max_pool2d_backward(planes, outputs, inputs, dy.data(), indices.data(), gradient.data());
        pycnn::relu_backward(planes * inputs, gradient.data(), pixels.data(), gradient.data());
        Floats dx(problem.x.size()), dw(problem.w.size()), db(problem.b.size());
        pycnn::conv2d_backward_input(s.conv, gradient.data(), problem.w.data(), dx.data());
        pycnn::conv2d_backward_weight(s.conv, gradient.data(), problem.x.data(), dw.data(), db.data());

        Floats fused_y(y.size()), fused_dx(dx.size()), fused_dw(dw.size()), fused_db(db.size());
        const bool in_lanes = pycnn::pools_in_lanes(s);
        require("conv2d_relu_max_pool2d " + algorithm + " has lanes", in_lanes == (algorithm == "batch_lanes"));
        std::vector<uint8_t> lanes(in_lanes ? pycnn::element_count("selftest", pycnn::lane_winners(s)) : 0);
        const pycnn::Winners winners{in_lanes ? nullptr : indices.data(), in_lanes ? lanes.data() : nullptr};
        pycnn::conv2d_relu_max_pool2d(s, problem.x.data(), problem.w.data(), problem.b.data(), fused_y.data(), winners);
        pycnn::conv2d_relu_max_pool2d_backward(s, dy.data(), winners, problem.x.data(), problem.w.data(), fused_dx.data(),
                                               fused_dw.data(), fused_db.data());
        require("conv2d_relu_max_pool2d " + algorithm + " y", fused_y == y);
        require("conv2d_relu_max_pool2d " + algorithm + " gradients", fused_dx == dx && fused_dw == dw && fused_db == db);
    }
}

}  // namespace

void check_convolutions() {
    Counts counts;
    for (const Case& c : cases()) check_case(c, counts);
    for (const std::string& algorithm : pycnn::conv_algorithms())
        for (const Pass& p : kPasses) {
            if (algorithm == "gemm_unpacked" && p.pass == ConvPass::backward_weight) continue;
            require("conv2d " + algorithm + " " + p.name + " was computed for two shapes at least",
                    counts[algorithm + " " + p.name] >= 2);
        }
    check_not_finite();
    check_threads();
    check_pooled();
    pycnn::force_conv_algorithm("");
}

}  // namespace selftest
