// Linear and RBF layers, pooling, normalisation and embedding.
#include <algorithm>
#include <limits>

#include "check.hpp"
#include "ops/adaptive_pool2d.hpp"
#include "ops/batch_norm2d.hpp"
#include "ops/embedding.hpp"
#include "ops/linear.hpp"
#include "ops/local_response_norm.hpp"
#include "ops/pool2d.hpp"
#include "ops/rbf.hpp"

namespace selftest {
namespace {

std::string sizes(std::initializer_list<int64_t> numbers) { return pycnn::to_string(pycnn::Shape(numbers)); }

void check_linear(int64_t N, int64_t inputs, int64_t outputs) {
    const Floats x = random_numbers(N * inputs), w = random_numbers(outputs * inputs), b = random_numbers(outputs);
    const Floats dy = random_numbers(N * outputs);
    std::vector<Sum> exact_y(dy.size()), exact_dx(x.size()), exact_dw(w.size()), exact_db(b.size());
    for (int64_t n = 0; n < N; ++n)
        for (int64_t k = 0; k < outputs; ++k) {
            const int64_t out = n * outputs + k;
            exact_y[out].add(b[k]);
            exact_db[k].add(dy[out]);
            for (int64_t i = 0; i < inputs; ++i) {
                exact_y[out].add(double{x[n * inputs + i]} * w[k * inputs + i]);
                exact_dx[n * inputs + i].add(double{dy[out]} * w[k * inputs + i]);
                exact_dw[k * inputs + i].add(double{dy[out]} * x[n * inputs + i]);
            }
        }
    const pycnn::LinearShape s{N, inputs, outputs};
    Floats y = guarded(dy.size()), dx = guarded(x.size()), dw = guarded(w.size()), db = guarded(b.size());
    pycnn::linear(s, x.data(), w.data(), b.data(), y.data());
    pycnn::linear_backward_input(s, dy.data(), w.data(), dx.data());
    pycnn::linear_backward_weight(s, dy.data(), x.data(), dw.data(), db.data());
    const std::string shape = " of " + sizes({N, inputs, outputs});
    compare("linear y" + shape, y, exact(exact_y));
    compare("linear dx" + shape, dx, exact(exact_dx));
    compare("linear dw" + shape, dw, exact(exact_dw));
    compare("linear db" + shape, db, exact(exact_db));
}

void check_rbf(int64_t N, int64_t features, int64_t centres) {
    const Floats x = random_numbers(N * features), c = random_numbers(centres * features), dy = random_numbers(N * centres);
    std::vector<Sum> exact_y(dy.size()), exact_dx(x.size()), exact_dc(c.size());
    for (int64_t n = 0; n < N; ++n)
        for (int64_t k = 0; k < centres; ++k)
            for (int64_t d = 0; d < features; ++d) {
                const double difference = double{x[n * features + d]} - c[k * features + d], g = dy[n * centres + k];
                exact_y[n * centres + k].add(difference * difference);
                exact_dx[n * features + d].add(2 * g * difference);
                exact_dc[k * features + d].add(-2 * g * difference);
            }
    const pycnn::RbfShape s{N, features, centres};
    Floats y = guarded(dy.size()), dx = guarded(x.size()), dc = guarded(c.size());
    pycnn::rbf(s, x.data(), c.data(), y.data());
    pycnn::rbf_backward(s, dy.data(), x.data(), c.data(), dx.data(), dc.data());
    const std::string shape = " of " + sizes({N, features, centres});
    compare("rbf y" + shape, y, exact(exact_y));
    compare("rbf dx" + shape, dx, exact(exact_dx));
    compare("rbf dcentres" + shape, dc, exact(exact_dc));
}

struct PoolCase {
    pycnn::Shape x;
    pycnn::Pair kernel, stride, pad, dilation = {};
    bool ceil_mode = false;

    pycnn::PoolShape shape() const { return pycnn::pool_shape("selftest", x, kernel, stride, pad, dilation, ceil_mode); }
    std::string name() const {
        return " of " + pycnn::to_string(x) + ", windows of " + sizes({kernel.h, kernel.w}) + " every " +
               sizes({stride.h, stride.w});
    }
};

// f(output, input of a tap) for each tap that meets the plane, in row order.
template <class F>
void for_taps(const pycnn::PoolShape& s, F&& f) {
    for (int64_t plane = 0; plane < s.N * s.C; ++plane)
        for (int64_t p = 0; p < s.P; ++p)
            for (int64_t q = 0; q < s.Q; ++q)
                for (int64_t r = 0; r < s.kernel.h; ++r)
                    for (int64_t t = 0; t < s.kernel.w; ++t) {
                        const int64_t i = p * s.stride.h - s.pad.h + r * s.dilation.h;
                        const int64_t j = q * s.stride.w - s.pad.w + t * s.dilation.w;
                        if (i < 0 || i >= s.H || j < 0 || j >= s.W) continue;
                        f((plane * s.P + p) * s.Q + q, (plane * s.H + i) * s.W + j);
                    }
}

// Half of the numbers are equal to another one, and there is a NaN: the first of equal maxima counts, and NaN before all.
void check_max_pool(const PoolCase& c) {
    const pycnn::PoolShape s = c.shape();
    const int64_t inputs = s.H * s.W, outputs = s.P * s.Q, planes = s.N * s.C;
    Floats x = random_numbers(planes * inputs);
    for (size_t i = 0; i < x.size(); i += 2) x[i] = std::round(4 * x[i]);
    x[x.size() / 2] = std::numeric_limits<float>::quiet_NaN();
    const Floats dy = random_numbers(planes * outputs);

    Exacts exact_y(dy.size(), {-std::numeric_limits<double>::infinity(), 0}), exact_indices(dy.size(), {-1, 0});
    for_taps(s, [&](int64_t out, int64_t in) {
        if (!(x[in] > exact_y[out].value) && !std::isnan(x[in])) return;
        exact_y[out].value = x[in];
        exact_indices[out].value = static_cast<double>(in % inputs);
    });
    Floats y = guarded(dy.size()), dx = guarded(x.size());
    std::vector<int32_t> indices(dy.size());
    pycnn::max_pool2d(s, x.data(), y.data(), indices.data());
    pycnn::max_pool2d_backward(planes, outputs, inputs, dy.data(), indices.data(), dx.data());
    compare("max_pool2d y" + c.name(), y, exact_y);
    compare("max_pool2d indices" + c.name(), guarded(Floats(indices.begin(), indices.end())), exact_indices);

    std::vector<Sum> exact_dx(x.size());
    for (int64_t i = 0; i < planes * outputs; ++i)
        exact_dx[i / outputs * inputs + static_cast<int64_t>(exact_indices[i].value)].add(dy[i]);
    compare("max_pool2d dx" + c.name(), dx, exact(exact_dx));
}

// Averages of what is inside the plane, and sums (a divisor of 1).
void check_avg_pool(const PoolCase& c) {
    const pycnn::PoolShape s = c.shape();
    const Floats x = random_numbers(s.N * s.C * s.H * s.W), dy = random_numbers(s.N * s.C * s.P * s.Q);
    std::vector<double> taps(dy.size());
    for_taps(s, [&](int64_t out, int64_t) { ++taps[out]; });
    for (const bool average : {true, false}) {
        std::vector<Sum> exact_y(dy.size()), exact_dx(x.size());
        for_taps(s, [&](int64_t out, int64_t in) {
            const double divisor = average ? taps[out] : 1;
            exact_y[out].add(x[in] / divisor);
            exact_dx[in].add(dy[out] / divisor);
        });
        const pycnn::AverageRule rule{.count_include_pad = false, .divisor_override = average ? 0 : 1};
        Floats y = guarded(dy.size()), dx = guarded(x.size());
        pycnn::avg_pool2d(s, rule, x.data(), y.data());
        pycnn::avg_pool2d_backward(s, rule, dy.data(), dx.data());
        const std::string name = average ? "avg_pool2d" : "avg_pool2d, divisor 1,";
        compare(name + " y" + c.name(), y, exact(exact_y));
        compare(name + " dx" + c.name(), dx, exact(exact_dx));
    }
}

void check_global_pool() {
    constexpr int64_t planes = 6, pixels = 7 * 9;
    const Floats x = random_numbers(planes * pixels);
    std::vector<Sum> exact_y(planes);
    for (int64_t i = 0; i < planes * pixels; ++i) exact_y[i / pixels].add(x[i] / double{pixels});
    Floats y = guarded(planes);
    pycnn::adaptive_avg_pool2d({2, 3, 7, 9, 1, 1}, x.data(), y.data());
    compare("adaptive_avg_pool2d y, one output a plane", y, exact(exact_y));
}

void check_lrn(double beta, int64_t size, int64_t pixels) {
    const pycnn::LrnShape s{2, 11, pixels, size, 2.0, 0.5, beta};
    const int64_t count = s.N * s.C * pixels;
    const Floats x = random_numbers(count, -3, 3), dy = random_numbers(count);
    Floats y = guarded(count), scale = guarded(count), dx = guarded(count);
    pycnn::local_response_norm(s, x.data(), y.data(), scale.data());
    pycnn::local_response_norm_backward(s, dy.data(), x.data(), y.data(), scale.data(), dx.data());

    Exacts exact_y, exact_scale, exact_dx;
    for (int64_t i = 0; i < count; ++i) {
        const int64_t c = i / pixels % s.C;
        // f(j) for the channels c - before .. c + after
        const auto for_window = [&](int64_t before, int64_t after, auto&& f) {
            for (int64_t d = std::max(c - before, int64_t{0}); d <= std::min(c + after, s.C - 1); ++d) f(i + (d - c) * pixels);
        };
        Sum squares, through_scale;
        for_window(size / 2, (size - 1) / 2, [&](int64_t j) { squares.add(double{x[j]} * x[j]); });
        for_window((size - 1) / 2, size / 2, [&](int64_t j) { through_scale.add(double{dy[j]} * y[j] / scale[j]); });
        const double exact = s.k + s.alpha * squares.total, power = std::pow(exact, -beta);
        const double direct = dy[i] * std::pow(scale[i], -beta), factor = 2 * s.alpha * beta * x[i];
        const double units = static_cast<double>(size) + 12 + 8 * std::abs(std::log(exact));
        exact_scale.push_back(rounded(exact, static_cast<double>(size) + 4));
        exact_y.push_back(rounded(x[i] * power, units));
        exact_dx.push_back(rounded(direct - factor * through_scale.total, units,
                                   std::abs(direct) + std::abs(factor) * through_scale.magnitude));
    }
    const std::string name = ", beta " + std::to_string(beta) + ", window " + std::to_string(size);
    compare("local_response_norm scale" + name, scale, exact_scale);
    compare("local_response_norm y" + name, y, exact_y);
    compare("local_response_norm dx" + name, dx, exact_dx);
}

void check_batch_norm(int64_t N, int64_t C, int64_t plane) {
    const pycnn::ChannelShape s{N, C, plane};
    const Floats x = random_numbers(N * C * plane, 1, 3), dy = random_numbers(N * C * plane);
    const Floats weight = random_numbers(C), bias = random_numbers(C);
    Floats y = guarded(x.size()), mean = guarded(C), var = guarded(C), inv_std = guarded(C);
    Floats dx = guarded(x.size()), dweight = guarded(C), dbias = guarded(C);
    constexpr double eps = 1e-3;
    constexpr float none = std::numeric_limits<float>::quiet_NaN();
    constexpr pycnn::Limits limits{-0.25f, 0.5f};
    pycnn::batch_norm2d(s, x.data(), eps, {weight.data(), bias.data(), nullptr, {none, none}}, y.data(),
                        {mean.data(), var.data(), inv_std.data()});
    // With a residual and limits, from the same statistics.
    Floats limited = guarded(x.size()), passed_dx = guarded(x.size()), passed = guarded(x.size());
    pycnn::batch_norm2d_apply(s, x.data(), mean.data(), inv_std.data(), {weight.data(), bias.data(), dy.data(), limits},
                              limited.data());
    const pycnn::BatchNormTail tail{weight.data(), bias.data(), nullptr, limits},
        plain_tail{weight.data(), nullptr, nullptr, {none, none}};
    pycnn::batch_norm2d_backward(s, dy.data(), limited.data(), x.data(), mean.data(), inv_std.data(), tail,
                                 {passed_dx.data(), dweight.data(), dbias.data(), passed.data()});
    Floats expected_dx = guarded(x.size());
    bool passes = true, limits_hold = true, same = true;
    for (size_t i = 0; i < x.size(); ++i) {
        const bool inside = limited[i] > limits.lower && limited[i] < limits.upper;
        passes = passes && passed[i] == (inside ? dy[i] : 0.0f);
        limits_hold = limits_hold && limited[i] == std::clamp(y[i] + dy[i], limits.lower, limits.upper);
    }
    pycnn::batch_norm2d_backward(s, passed.data(), nullptr, x.data(), mean.data(), inv_std.data(), plain_tail,
                                 {expected_dx.data(), dweight.data(), dbias.data(), nullptr});
    for (size_t i = 0; i < x.size(); ++i) same = same && passed_dx[i] == expected_dx[i];
    // Without a residual y is computed from x again.
    pycnn::batch_norm2d_apply(s, x.data(), mean.data(), inv_std.data(), tail, limited.data());
    pycnn::batch_norm2d_backward(s, dy.data(), limited.data(), x.data(), mean.data(), inv_std.data(), tail,
                                 {expected_dx.data(), dweight.data(), dbias.data(), nullptr});
    pycnn::batch_norm2d_backward(s, dy.data(), nullptr, x.data(), mean.data(), inv_std.data(), tail,
                                 {passed_dx.data(), dweight.data(), dbias.data(), nullptr});
    for (size_t i = 0; i < x.size(); ++i) same = same && passed_dx[i] == expected_dx[i];
    pycnn::batch_norm2d_backward(s, dy.data(), nullptr, x.data(), mean.data(), inv_std.data(), plain_tail,
                                 {dx.data(), dweight.data(), dbias.data(), nullptr});
    Floats mapped = guarded(x.size()), mapped_dx = guarded(x.size()), dscale = guarded(C), dshift = guarded(C);
    pycnn::channel_affine(s, x.data(), weight.data(), bias.data(), mapped.data());
    pycnn::channel_affine_backward(s, dy.data(), x.data(), weight.data(), mapped_dx.data(), dscale.data(), dshift.data());

    Exacts exact_mean(C), exact_var(C), exact_inv_std(C), exact_dweight(C), exact_dbias(C), exact_dscale(C);
    Exacts exact_y(x.size()), exact_dx(x.size()), exact_mapped(x.size()), exact_mapped_dx(x.size());
    const double m = static_cast<double>(s.values());
    for (int64_t c = 0; c < C; ++c) {
        const auto for_channel = [&](auto&& f) {
            for (int64_t i = 0; i < N * plane; ++i) f((i / plane * C + c) * plane + i % plane);
        };
        Sum sum, squares, of_dy, products, plain;
        for_channel([&](int64_t i) { sum.add(x[i]); });
        const double centre = sum.total / m;
        for_channel([&](int64_t i) {
            squares.add((x[i] - centre) * (x[i] - centre));
            of_dy.add(dy[i]);
            products.add(dy[i] * (double{x[i]} - mean[c]));
            plain.add(double{dy[i]} * x[i]);
        });
        const double variance = squares.total / m, inverse = 1 / std::sqrt(variance + eps);
        // The sums are taken in double.
        exact_mean[c] = rounded(centre, 2);
        exact_var[c] = rounded(variance, 2);
        exact_inv_std[c] = rounded(inverse, 2);
        exact_dbias[c] = rounded(of_dy.total, 2);
        exact_dweight[c] = rounded(products.total * inv_std[c], 2);
        exact_dscale[c] = rounded(plain.total, 2);
        for_channel([&](int64_t i) {
            const double scale = weight[c] * inverse, y_part = (x[i] - centre) * scale;
            exact_y[i] = rounded(y_part + bias[c], 8, std::abs(y_part) + std::abs(scale * centre) + std::abs(bias[c]));
            const double given = double{weight[c]} * inv_std[c], direct = dy[i] * given;
            const double slope = (x[i] - double{mean[c]}) * given * inv_std[c] * inv_std[c] * products.total / m;
            const double offset = given * of_dy.total / m;
            exact_dx[i] = rounded(direct - slope - offset, 8, std::abs(direct) + std::abs(slope) + std::abs(offset));
            const double product = double{x[i]} * weight[c];
            exact_mapped[i] = rounded(product + bias[c], 3, std::abs(product) + std::abs(bias[c]));
            exact_mapped_dx[i] = rounded(double{dy[i]} * weight[c], 2);
        });
    }
    const std::string shape = " of " + sizes({N, C, plane});
    require("batch_norm2d with a residual and limits" + shape, limits_hold);
    require("batch_norm2d gradient within limits" + shape, passes && same);
    compare("batch_norm2d y" + shape, y, exact_y);
    compare("batch_norm2d mean" + shape, mean, exact_mean);
    compare("batch_norm2d var" + shape, var, exact_var);
    compare("batch_norm2d inv_std" + shape, inv_std, exact_inv_std);
    compare("batch_norm2d dx" + shape, dx, exact_dx);
    compare("batch_norm2d dweight" + shape, dweight, exact_dweight);
    compare("batch_norm2d dbias" + shape, dbias, exact_dbias);
    compare("channel_affine y" + shape, mapped, exact_mapped);
    compare("channel_affine dx" + shape, mapped_dx, exact_mapped_dx);
    compare("channel_affine dscale" + shape, dscale, exact_dscale);
    compare("channel_affine dshift" + shape, dshift, exact_dbias);
}

void check_embedding() {
    constexpr int64_t D = 23;
    const std::vector<int64_t> index = {4, 0, 2, 4, 4, 1, 0, 9, 2, 4};
    const Floats dy = random_numbers(static_cast<int64_t>(index.size()) * D);
    const pycnn::RowGroups groups = pycnn::group_rows(static_cast<int64_t>(index.size()), index.data(), 1);
    Floats values = guarded(static_cast<int64_t>(groups.rows.size()) * D);
    std::vector<int64_t> numbers(groups.rows.size());
    pycnn::embedding_backward(groups, D, dy.data(), numbers.data(), values.data());
    std::vector<Sum> sums(groups.rows.size() * D);
    for (size_t g = 0; g < groups.rows.size(); ++g)
        for (size_t i = 0; i < index.size(); ++i)
            for (int64_t d = 0; d < D; ++d)
                if (index[i] == groups.rows[g]) sums[g * D + d].add(dy[i * D + d]);
    compare("embedding gradient", values, exact(sums));
}

}  // namespace

void check_layers() {
    constexpr int64_t kMatrices[][3] = {{1, 50, 10}, {7, 83, 29}, {33, 400, 18}, {2, 1300, 37}, {8, 131, 1603}};
    for (const auto& [N, inputs, outputs] : kMatrices) {
        check_linear(N, inputs, outputs);
        check_rbf(N, inputs, outputs);
    }
    const PoolCase pools[] = {{{2, 3, 12, 14}, {2, 2}, {2, 2}, {0, 0}},           {{1, 2, 13, 27}, {3, 3}, {2, 2}, {0, 0}},
                              {{2, 2, 11, 22}, {3, 3}, {2, 2}, {1, 1}, {}, true}, {{1, 3, 9, 10}, {3, 3}, {1, 1}, {1, 1}},
                              {{1, 2, 17, 19}, {4, 5}, {3, 2}, {2, 1}},           {{1, 2, 1, 40}, {1, 7}, {1, 1}, {0, 3}},
                              {{1, 2, 7, 23}, {3, 3}, {50, 50}, {0, 0}}};
    for (const PoolCase& c : pools) {
        check_max_pool(c);
        check_avg_pool(c);
    }
    check_max_pool({{2, 2, 13, 14}, {3, 2}, {1, 2}, {1, 1}, {2, 3}});
    check_global_pool();
    for (const int64_t pixels : {3, 300}) {
        check_lrn(0.75, 5, pixels);
        check_lrn(0.6, 4, pixels);
    }
    check_batch_norm(3, 5, 4);
    check_batch_norm(2, 3, 143);
    check_batch_norm(2, 40, 25);
    check_embedding();
}

}  // namespace selftest
