// Optimizer steps; the formulas are those of csrc/cpu/isa/optim.hpp, where their sources are named.
#include <cfloat>

#include "cuda/launch.hpp"
#include "cuda/step_graph.hpp"
#include "ops/optim.hpp"

namespace pycnn {
namespace {

__global__ void sgd_kernel(int64_t count, cuda::Varying<SgdScalars> scalars, float* w, const float* grad, float* velocity) {
    const SgdScalars s = scalars.get();
    PYCNN_FOR_EACH_ELEMENT(i, count) {
        const float g = grad[i] + s.weight_decay * w[i];
        float step = g;
        // A branch, not a product with zero, which would be NaN for infinity.
        if (s.momentum != 0.0f) {
            const float v = s.first ? g : s.momentum * velocity[i] + s.one_minus_dampening * g;
            velocity[i] = v;
            step = s.nesterov ? g + s.momentum * v : v;
        }
        w[i] -= s.lr * step;
    }
}

__global__ void adam_kernel(int64_t count, cuda::Varying<AdamScalars> scalars, float* w, const float* grad, float* m,
                            float* v) {
    const AdamScalars s = scalars.get();
    PYCNN_FOR_EACH_ELEMENT(i, count) {
        const float g = grad[i] + s.weight_decay * w[i];
        const float mean = s.beta1 * m[i] + s.one_minus_beta1 * g;
        const float square = s.beta2 * v[i] + s.one_minus_beta2 * g * g;
        m[i] = mean;
        v[i] = square;
        const float rate = square > FLT_MAX ? 0.0f : s.step_size;
        w[i] = w[i] * s.decay_factor - rate * mean / (sqrtf(square) * s.inverse_root_correction2 + s.eps);
    }
}

__global__ void adadelta_kernel(int64_t count, cuda::Varying<AdadeltaScalars> scalars, float* w, const float* grad,
                                float* square_avg, float* acc_delta) {
    const AdadeltaScalars s = scalars.get();
    PYCNN_FOR_EACH_ELEMENT(i, count) {
        const float g = grad[i] + s.weight_decay * w[i];
        const float square = s.rho * square_avg[i] + s.one_minus_rho * g * g;
        const float delta = sqrtf(acc_delta[i] + s.eps) / sqrtf(square + s.eps) * g;
        square_avg[i] = square;
        acc_delta[i] = s.rho * acc_delta[i] + s.one_minus_rho * delta * delta;
        w[i] -= s.lr * delta;
    }
}

__global__ void rmsprop_kernel(int64_t count, cuda::Varying<RmspropScalars> scalars, float* w, const float* grad,
                               float* square_avg, float* momentum_buffer, float* grad_avg) {
    const RmspropScalars s = scalars.get();
    PYCNN_FOR_EACH_ELEMENT(i, count) {
        const float g = grad[i] + s.weight_decay * w[i];
        float variance = s.alpha * square_avg[i] + s.one_minus_alpha * g * g;
        square_avg[i] = variance;
        if (grad_avg) {
            const float mean = s.alpha * grad_avg[i] + s.one_minus_alpha * g;
            grad_avg[i] = mean;
            const float difference = variance - mean * mean;
            const float positive = difference < 0.0f ? 0.0f : difference;  // rounding can make it negative; NaN passes
            variance = variance > FLT_MAX ? variance : positive;
        }
        float step = g / (sqrtf(variance) + s.eps);
        if (momentum_buffer) step = momentum_buffer[i] = s.momentum * momentum_buffer[i] + step;
        w[i] -= s.lr * step;
    }
}

}  // namespace

void sgd_step(int64_t count, const SgdScalars& scalars, float* w, const float* grad, float* velocity) {
    using namespace cuda;
    launch(sgd_kernel, blocks_for(count), kThreads, 0, current_stream(), count, Varying(scalars), w, grad, velocity);
}

void adam_step(int64_t count, const AdamScalars& scalars, float* w, const float* grad, float* m, float* v) {
    using namespace cuda;
    launch(adam_kernel, blocks_for(count), kThreads, 0, current_stream(), count, Varying(scalars), w, grad, m, v);
}

void adadelta_step(int64_t count, const AdadeltaScalars& scalars, float* w, const float* grad, float* square_avg,
                   float* acc_delta) {
    using namespace cuda;
    launch(adadelta_kernel, blocks_for(count), kThreads, 0, current_stream(), count, Varying(scalars), w, grad, square_avg,
           acc_delta);
}

void rmsprop_step(int64_t count, const RmspropScalars& scalars, float* w, const float* grad, float* square_avg,
                  float* momentum_buffer, float* grad_avg) {
    using namespace cuda;
    launch(rmsprop_kernel, blocks_for(count), kThreads, 0, current_stream(), count, Varying(scalars), w, grad, square_avg,
           momentum_buffer, grad_avg);
}

}  // namespace pycnn
