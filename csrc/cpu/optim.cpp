#include "ops/optim.hpp"

#include "cpu/chunks.hpp"
#include "cpu/dispatch.hpp"

namespace pycnn {
namespace {

float* at(float* array, int64_t i) { return array == nullptr ? nullptr : array + i; }

}  // namespace

void sgd_step(int64_t count, const SgdScalars& scalars, float* w, const float* grad, float* velocity) {
    const KernelTable& table = kernels();
    for_chunks(count, [&](int64_t i, int64_t n) { table.sgd(n, scalars, w + i, grad + i, at(velocity, i)); });
}

void adam_step(int64_t count, const AdamScalars& scalars, float* w, const float* grad, float* m, float* v) {
    const KernelTable& table = kernels();
    for_chunks(count, [&](int64_t i, int64_t n) { table.adam(n, scalars, w + i, grad + i, m + i, v + i); });
}

void adadelta_step(int64_t count, const AdadeltaScalars& scalars, float* w, const float* grad, float* square_avg,
                   float* acc_delta) {
    const KernelTable& table = kernels();
    for_chunks(count,
               [&](int64_t i, int64_t n) { table.adadelta(n, scalars, w + i, grad + i, square_avg + i, acc_delta + i); });
}

void rmsprop_step(int64_t count, const RmspropScalars& scalars, float* w, const float* grad, float* square_avg,
                  float* momentum_buffer, float* grad_avg) {
    const KernelTable& table = kernels();
    for_chunks(count, [&](int64_t i, int64_t n) {
        table.rmsprop(n, scalars, w + i, grad + i, square_avg + i, at(momentum_buffer, i), at(grad_avg, i));
    });
}

}  // namespace pycnn
