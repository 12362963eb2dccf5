#include "ops/addition.hpp"

#include "core/denormals.hpp"
#include "cpu/chunks.hpp"
#include "cpu/dispatch.hpp"

namespace pycnn {

void add(int64_t count, const float* a, const float* b, float* y) {
    const KernelTable& table = kernels();
    for_chunks(count, [&](int64_t i, int64_t n) {
        const KeepDenormals keep;
        table.add(n, a + i, b + i, y + i);
    });
}

}  // namespace pycnn
