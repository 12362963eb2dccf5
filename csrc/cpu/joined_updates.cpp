#include "cpu/joined_updates.hpp"

#include <algorithm>

#include "cpu/chunks.hpp"
#include "cpu/dispatch.hpp"

namespace pycnn {
namespace {

// Calls kernel(arrays, first, length) for every chunk of every array. The chunks are those of `for_chunks`, so that the bits are
// those of a call for each array.
template <class F>
void for_chunks_of_all(const std::vector<UpdatedArrays>& arrays, double work, F&& kernel) {
    std::vector<int64_t> ends;  // tasks up to and with each array
    int64_t tasks = 0, count = 0;
    for (const UpdatedArrays& one : arrays) {
        ends.push_back(tasks += (one.count + kChunk - 1) / kChunk);
        count += one.count;
    }
    parallel_for(tasks, team_size(tasks, static_cast<double>(count) * work), [&](int64_t task, int) {
        const auto index = std::upper_bound(ends.begin(), ends.end(), task) - ends.begin();
        const UpdatedArrays& one = arrays[index];
        const int64_t begin = (task - (index == 0 ? 0 : ends[index - 1])) * kChunk;
        kernel(one, begin, std::min(kChunk, one.count - begin));
    });
}

// Elements that a step reads and writes for each parameter: the unit of work of `team_size`.
constexpr double kSgdMoves = 3, kMomentumMoves = 5, kAdamMoves = 7;

}  // namespace

void sgd_steps(const std::vector<UpdatedArrays>& arrays, const SgdScalars& scalars) {
    const KernelTable& table = kernels();
    const bool has_velocity = scalars.momentum != 0;
    for_chunks_of_all(arrays, has_velocity ? kMomentumMoves : kSgdMoves, [&](const UpdatedArrays& a, int64_t i, int64_t n) {
        table.sgd(n, scalars, a.w + i, a.grad + i, has_velocity ? a.velocity_or_m + i : nullptr);
    });
}

void adam_steps(const std::vector<UpdatedArrays>& arrays, const AdamScalars& scalars) {
    const KernelTable& table = kernels();
    for_chunks_of_all(arrays, kAdamMoves, [&](const UpdatedArrays& a, int64_t i, int64_t n) {
        table.adam(n, scalars, a.w + i, a.grad + i, a.velocity_or_m + i, a.v + i);
    });
}

}  // namespace pycnn
