#include "cpu/joined_updates.hpp"

#include <algorithm>

#include "cpu/chunks.hpp"
#include "cpu/dispatch.hpp"

namespace pycnn {
namespace {

// Calls kernel(arrays, grad, first, length) for every chunk of every array, with the gradient of these numbers. The chunks are those
// of `for_chunks`, so that the bits are those of a call for each array. Gradients that have yet to be computed come after the others.
template <class F>
void for_chunks_of_all(const KernelTable& table, const std::vector<UpdatedArrays>& arrays, double work, F&& kernel) {
    std::vector<int64_t> ends;  // tasks up to and with each array
    int64_t tasks = 0, count = 0;
    for (const UpdatedArrays& one : arrays) {
        const int64_t own = one.factored.N > 0 ? 0 : one.count;
        ends.push_back(tasks += (own + kChunk - 1) / kChunk);
        count += own;
    }
    parallel_for(tasks, team_size(tasks, static_cast<double>(count) * work), [&](int64_t task, int) {
        const auto index = std::upper_bound(ends.begin(), ends.end(), task) - ends.begin();
        const UpdatedArrays& one = arrays[index];
        const int64_t begin = (task - (index == 0 ? 0 : ends[index - 1])) * kChunk;
        kernel(one, one.grad + begin, begin, std::min(kChunk, one.count - begin));
    });
    for (const UpdatedArrays& one : arrays) {
        if (one.factored.N == 0) continue;
        const auto fetch = [&](int64_t i) {
            for (const float* array : {one.w, one.velocity_or_m, one.v})
                if (array != nullptr) __builtin_prefetch(array + i, 0, 2);
        };
        for_runs_of_product(table, one.factored, work, fetch,
                            [&](const float* grad, int64_t first, int64_t n) { kernel(one, grad, first, n); });
    }
}

// Elements that a step reads and writes for each parameter: the unit of work of `team_size`.
constexpr double kSgdMoves = 3, kMomentumMoves = 5, kAdamMoves = 7;

}  // namespace

void sgd_steps(const std::vector<UpdatedArrays>& arrays, const SgdScalars& scalars) {
    const KernelTable& table = kernels();
    const bool has_velocity = scalars.momentum != 0;
    const auto update = [&](const UpdatedArrays& a, const float* grad, int64_t i, int64_t n) {
        table.sgd(n, scalars, a.w + i, grad, has_velocity ? a.velocity_or_m + i : nullptr);
    };
    for_chunks_of_all(table, arrays, has_velocity ? kMomentumMoves : kSgdMoves, update);
}

void adam_steps(const std::vector<UpdatedArrays>& arrays, const AdamScalars& scalars) {
    const KernelTable& table = kernels();
    const auto update = [&](const UpdatedArrays& a, const float* grad, int64_t i, int64_t n) {
        table.adam(n, scalars, a.w + i, grad, a.velocity_or_m + i, a.v + i);
    };
    for_chunks_of_all(table, arrays, kAdamMoves, update);
}

}  // namespace pycnn
