#include "cpu/elementwise.hpp"

#include "cpu/chunks.hpp"
#include "cpu/dispatch.hpp"

namespace pycnn {

void relu(int64_t count, const float* x, float* y) {
    const KernelTable& table = kernels();
    for_chunks(count, [&](int64_t i, int64_t n) { table.relu(n, x + i, y + i); });
}

void relu_backward(int64_t count, const float* dy, const float* y, float* dx) {
    const KernelTable& table = kernels();
    for_chunks(count, [&](int64_t i, int64_t n) { table.relu_backward(n, dy + i, y + i, dx + i); });
}

}  // namespace pycnn
