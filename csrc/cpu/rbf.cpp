#include "ops/rbf.hpp"

#include <algorithm>

#include "core/parallel.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/gemm.hpp"

namespace pycnn {

void rbf(const RbfShape& s, const float* x, const float* centres, float* y) {
    std::fill_n(y, s.N * s.centres, 0.0f);
    squared_distances(s.N, s.centres, s.features, x, centres, y);
}

void rbf_backward(const RbfShape& s, const float* dy, const float* x, const float* centres, float* dx, float* dcentres) {
    const KernelTable& table = kernels();
    // 2 dy (x - c) is the gradient of x, and 2 dy (c - x) that of c: one kernel, with x and c exchanged.
    const auto for_rows = [&](int64_t rows, int64_t terms, auto&& row) {
        const double work = static_cast<double>(terms) * static_cast<double>(s.features);
        parallel_ranges(rows, 1, work, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) row(i);
        });
    };
    for_rows(s.N, s.centres, [&](int64_t n) {
        table.weighted_differences(s.features, s.centres, dy + n * s.centres, 1, x + n * s.features, centres,
                                   dx + n * s.features);
    });
    for_rows(s.centres, s.N, [&](int64_t k) {
        table.weighted_differences(s.features, s.N, dy + k, s.centres, centres + k * s.features, x, dcentres + k * s.features);
    });
}

}  // namespace pycnn
