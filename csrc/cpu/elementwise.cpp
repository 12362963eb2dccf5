#include "cpu/elementwise.hpp"

#include "cpu/chunks.hpp"
#include "cpu/dispatch.hpp"

namespace pycnn {

void sgd_step(int64_t count, const SgdScalars& scalars, float* w, const float* grad, float* velocity) {
    const KernelTable& table = kernels();
    for_chunks(count, [&](int64_t i, int64_t n) { table.sgd(n, scalars, w + i, grad + i, velocity ? velocity + i : nullptr); });
}

void adam_step(int64_t count, const AdamScalars& scalars, float* w, const float* grad, float* m, float* v) {
    const KernelTable& table = kernels();
    for_chunks(count, [&](int64_t i, int64_t n) { table.adam(n, scalars, w + i, grad + i, m + i, v + i); });
}

}  // namespace pycnn
