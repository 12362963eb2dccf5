#include "cpu/elementwise.hpp"

#include "core/parallel.hpp"
#include "cpu/dispatch.hpp"

namespace pycnn {
namespace {

// 16 K floats a chunk, 64 KiB an array: small enough for L2, long enough that handing it out costs nothing.
constexpr int64_t kChunk = 16384;

template <class F>
void for_chunks(int64_t count, F&& kernel) {
    const int64_t tasks = (count + kChunk - 1) / kChunk;
    parallel_for(tasks, team_size(tasks, count), [&](int64_t task, int) {
        const int64_t begin = task * kChunk;
        kernel(begin, begin + kChunk < count ? kChunk : count - begin);
    });
}

}  // namespace

void relu(int64_t count, const float* x, float* y) {
    const KernelTable& table = kernels();
    for_chunks(count, [&](int64_t i, int64_t n) { table.relu(n, x + i, y + i); });
}

void relu_backward(int64_t count, const float* dy, const float* y, float* dx) {
    const KernelTable& table = kernels();
    for_chunks(count, [&](int64_t i, int64_t n) { table.relu_backward(n, dy + i, y + i, dx + i); });
}

void sgd_step(int64_t count, const SgdScalars& scalars, float* w, const float* grad, float* velocity) {
    const KernelTable& table = kernels();
    for_chunks(count, [&](int64_t i, int64_t n) { table.sgd(n, scalars, w + i, grad + i, velocity ? velocity + i : nullptr); });
}

void adam_step(int64_t count, const AdamScalars& scalars, float* w, const float* grad, float* m, float* v) {
    const KernelTable& table = kernels();
    for_chunks(count, [&](int64_t i, int64_t n) { table.adam(n, scalars, w + i, grad + i, m + i, v + i); });
}

}  // namespace pycnn
