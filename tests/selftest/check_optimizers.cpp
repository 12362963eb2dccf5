// One step of each optimizer: how many roundings its bounds grant is counted in csrc/cpu/isa/optim.hpp, and doubled.
#include <algorithm>

#include "check.hpp"
#include "ops/optim.hpp"

namespace selftest {
namespace {

constexpr int64_t kCount = 20011;  // more than a chunk, and not a number of whole vectors

// Parameters and their gradients before the step; g = grad + weight_decay w.
struct Step {
    Floats before = random_numbers(kCount), grad = random_numbers(kCount), w = guarded(before);
    Exacts exact;

    double g(int64_t i, float weight_decay) const { return grad[i] + double{weight_decay} * before[i]; }
    double magnitude(int64_t i, float weight_decay) const { return std::abs(grad[i]) + weight_decay * std::abs(before[i]); }

    // w is scaled and moved by `move`, which has a magnitude and roundings of its own.
    void moves(int64_t i, double move, double magnitude, double roundings, double scale = 1) {
        const double stays = before[i] * scale;
        exact.push_back(rounded(stays - move, roundings, std::abs(stays) + std::abs(magnitude)));
    }
};

void check_sgd(const std::string& name, const pycnn::SgdScalars& s) {
    Step step;
    const Floats velocity = random_numbers(kCount);
    Floats after = guarded(velocity);
    Exacts exact_velocity;
    pycnn::sgd_step(kCount, s, step.w.data(), step.grad.data(), s.momentum == 0 ? nullptr : after.data());
    for (int64_t i = 0; i < kCount; ++i) {
        const double g = step.g(i, s.weight_decay), size = step.magnitude(i, s.weight_decay);
        const double keep = s.first ? 0 : s.momentum, add = s.first ? 1 : s.one_minus_dampening;
        const double v = keep * velocity[i] + add * g, v_size = keep * std::abs(velocity[i]) + add * size;
        const bool plain = s.momentum == 0;
        const double along = plain ? g : s.nesterov ? g + s.momentum * v : v;
        const double along_size = plain ? size : s.nesterov ? size + s.momentum * v_size : v_size;
        step.moves(i, s.lr * along, s.lr * along_size, 24);
        exact_velocity.push_back(plain ? Exact{velocity[i], 0} : rounded(v, 12, v_size));
    }
    compare("sgd w, " + name, step.w, step.exact);
    compare("sgd velocity, " + name, after, exact_velocity);
}

void check_adam(const std::string& name, const pycnn::AdamScalars& s) {
    Step step;
    const Floats m = random_numbers(kCount), v = random_numbers(kCount, 0.125f, 1);
    Floats after_m = guarded(m), after_v = guarded(v);
    Exacts exact_m, exact_v;
    pycnn::adam_step(kCount, s, step.w.data(), step.grad.data(), after_m.data(), after_v.data());
    for (int64_t i = 0; i < kCount; ++i) {
        const double g = step.g(i, s.weight_decay), size = step.magnitude(i, s.weight_decay);
        const double mean = s.beta1 * double{m[i]} + s.one_minus_beta1 * g;
        const double mean_size = s.beta1 * std::abs(double{m[i]}) + s.one_minus_beta1 * size;
        const double square = s.beta2 * double{v[i]} + s.one_minus_beta2 * g * g;
        const double square_size = s.beta2 * double{v[i]} + s.one_minus_beta2 * size * size;
        const double factor = s.step_size / (std::sqrt(square) * s.inverse_root_correction2 + s.eps);
        step.moves(i, factor * mean, factor * mean_size, 40, s.decay_factor);
        exact_m.push_back(rounded(mean, 12, mean_size));
        exact_v.push_back(rounded(square, 24, square_size));
    }
    compare("adam w, " + name, step.w, step.exact);
    compare("adam m, " + name, after_m, exact_m);
    compare("adam v, " + name, after_v, exact_v);
}

void check_adadelta(const pycnn::AdadeltaScalars& s) {
    Step step;
    const Floats square = random_numbers(kCount, 0.125f, 1), delta = random_numbers(kCount, 0.125f, 1);
    Floats after_square = guarded(square), after_delta = guarded(delta);
    Exacts exact_square, exact_delta;
    pycnn::adadelta_step(kCount, s, step.w.data(), step.grad.data(), after_square.data(), after_delta.data());
    for (int64_t i = 0; i < kCount; ++i) {
        const double g = step.g(i, s.weight_decay), size = step.magnitude(i, s.weight_decay);
        const double mean = s.rho * double{square[i]} + s.one_minus_rho * g * g;
        const double mean_size = s.rho * double{square[i]} + s.one_minus_rho * size * size;
        const double factor = std::sqrt(double{delta[i]} + s.eps) / std::sqrt(mean + s.eps);
        const double change = factor * g, change_size = factor * size;
        step.moves(i, s.lr * change, s.lr * change_size, 40);
        exact_square.push_back(rounded(mean, 24, mean_size));
        exact_delta.push_back(rounded(s.rho * double{delta[i]} + s.one_minus_rho * change * change, 80,
                                      s.rho * double{delta[i]} + s.one_minus_rho * change_size * change_size));
    }
    compare("adadelta w", step.w, step.exact);
    compare("adadelta square_avg", after_square, exact_square);
    compare("adadelta acc_delta", after_delta, exact_delta);
}

// The means are such that the variance of the centered form does not cancel.
void check_rmsprop(bool momentum, bool centered) {
    const pycnn::RmspropScalars s{0.25f, 0.875f, 0.125f, 1e-4f, 0.0625f, momentum ? 0.75f : 0.0f};
    Step step;
    const Floats square = random_numbers(kCount, 2, 3), buffer = random_numbers(kCount), average = random_numbers(kCount);
    Floats after_square = guarded(square), after_buffer = guarded(buffer), after_average = guarded(average);
    Exacts exact_square, exact_buffer, exact_average;
    pycnn::rmsprop_step(kCount, s, step.w.data(), step.grad.data(), after_square.data(),
                        momentum ? after_buffer.data() : nullptr, centered ? after_average.data() : nullptr);
    for (int64_t i = 0; i < kCount; ++i) {
        const double g = step.g(i, s.weight_decay), size = step.magnitude(i, s.weight_decay);
        const double mean = s.alpha * double{square[i]} + s.one_minus_alpha * g * g;
        const double centre = s.alpha * double{average[i]} + s.one_minus_alpha * g;
        const double variance = centered ? mean - centre * centre : mean;
        const double factor = 1 / (std::sqrt(variance) + s.eps), added = s.momentum * double{buffer[i]};
        const double change = factor * g + (momentum ? added : 0);
        const double change_size = factor * size + (momentum ? std::abs(added) : 0);
        step.moves(i, s.lr * change, s.lr * change_size, 80);
        exact_square.push_back(rounded(mean, 24));
        exact_buffer.push_back(momentum ? rounded(change, 80, change_size) : Exact{buffer[i], 0});
        exact_average.push_back(centered ? rounded(centre, 12, s.alpha * std::abs(average[i]) + s.one_minus_alpha * size)
                                         : Exact{average[i], 0});
    }
    const std::string name = std::string(momentum ? ", momentum" : "") + (centered ? ", centered" : "");
    compare("rmsprop w" + name, step.w, step.exact);
    compare("rmsprop square_avg" + name, after_square, exact_square);
    compare("rmsprop momentum_buffer" + name, after_buffer, exact_buffer);
    compare("rmsprop grad_avg" + name, after_average, exact_average);
}

}  // namespace

void check_optimizers() {
    check_sgd("plain", {0.25f, 0.0f, 1.0f, 0.0625f, false, false});
    check_sgd("first step", {0.25f, 0.875f, 0.75f, 0.0625f, false, true});
    check_sgd("momentum", {0.25f, 0.875f, 0.75f, 0.0625f, false, false});
    check_sgd("Nesterov", {0.25f, 0.875f, 1.0f, 0.0f, true, false});
    check_adam("weight decay", {0.25f, 0.875f, 0.96875f, 0.125f, 0.03125f, 1.5f, 1e-4f, 1.0f, 0.0625f});
    check_adam("decoupled", {0.25f, 0.875f, 0.96875f, 0.125f, 0.03125f, 1.5f, 1e-4f, 0.9375f, 0.0f});
    check_adadelta({0.5f, 0.875f, 0.125f, 1e-4f, 0.0625f});
    for (const bool momentum : {false, true})
        for (const bool centered : {false, true}) check_rmsprop(momentum, centered);
}

}  // namespace selftest
