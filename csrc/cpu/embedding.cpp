#include <algorithm>
#include <cstring>

#include "cpu/chunks.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/table_gradient.hpp"

namespace pycnn {
namespace {

// 64 KiB of copied floats per task.
constexpr int64_t kFloatsPerTask = 16384;

// A sum is also cut along its columns, so that a word that fills half of the batch still keeps several threads busy: a task adds
// about 128 x 128 numbers, in 3 us.
constexpr int64_t kPositionsPerTask = 128, kColumnsPerTask = 128;

// Sums the gradients of each group; `row_of(g)` is the place of the sum of group g.
template <class F>
void sum_groups(const RowGroups& groups, int64_t D, const float* dy, F row_of) {
    const KernelTable& table = kernels();
    const auto count = static_cast<int64_t>(groups.positions.size());
    const auto rows = static_cast<int64_t>(groups.rows.size());
    // Slice s holds the groups that start at position s * kPositionsPerTask or later, up to the next slice.
    const int64_t slices = ceil_div(count, kPositionsPerTask), blocks = ceil_div(D, kColumnsPerTask);
    const auto first_group = [&](int64_t slice) {
        const auto last = groups.starts.begin() + rows;
        return std::lower_bound(groups.starts.begin(), last, slice * kPositionsPerTask) - groups.starts.begin();
    };
    const int64_t tasks = slices * blocks;
    parallel_for(tasks, team_size(tasks, static_cast<double>(count) * static_cast<double>(D)), [&](int64_t task, int) {
        const int64_t column = task % blocks * kColumnsPerTask;
        const int64_t end = first_group(task / blocks + 1);
        for (int64_t g = first_group(task / blocks); g < end; ++g)
            table.sum_rows(groups.starts[g + 1] - groups.starts[g], groups.positions.data() + groups.starts[g], D, dy + column,
                           std::min(kColumnsPerTask, D - column), row_of(g) + column);
    });
}

}  // namespace

void check_row_numbers(const char* op, const Shape& shape, const int64_t* index, std::optional<int64_t> V) {
    int64_t count = 1;
    for (int64_t extent : shape) count *= extent;
    const int64_t* wrong = std::find_if(index, index + count, [V](int64_t row) { return row < 0 || (V && row >= *V); });
    if (wrong != index + count) fail_row_number(op, shape, wrong - index, *wrong, V);
}

void embedding(int64_t count, int64_t D, const float* table, const int64_t* index, float* y) {
    parallel_ranges(count, std::max<int64_t>(kFloatsPerTask / D, 1), D, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) std::memcpy(y + i * D, table + index[i] * D, D * sizeof(float));
    });
}

RowGroups group_rows(int64_t count, const int64_t* index, int64_t skipped) { return sorted_groups(count, index, skipped); }

void embedding_backward(const RowGroups& groups, int64_t D, const float* dy, int64_t* numbers, float* values) {
    std::copy(groups.rows.begin(), groups.rows.end(), numbers);
    sum_groups(groups, D, dy, [=](int64_t g) { return values + g * D; });
}

void table_gradient(const RowGroups& groups, int64_t V, int64_t D, const float* dy, float* gradient) {
    for_chunks(V * D, [=](int64_t first, int64_t length) { std::memset(gradient + first, 0, length * sizeof(float)); });
    sum_groups(groups, D, dy, [&groups, D, gradient](int64_t g) { return gradient + groups.rows[g] * D; });
}

}  // namespace pycnn
