// Rows of a table, a warp for each. And the gradient of the rows that were used, whose positions the host has grouped.
#include <limits>

#include "core/long_sum.hpp"
#include "cuda/first_outside.hpp"
#include "cuda/step_graph.hpp"
#include "cuda/warp.hpp"
#include "ops/embedding.hpp"

namespace pycnn {
namespace cuda {
namespace {

__global__ void embedding_kernel(int64_t count, int64_t D, const float* table, const int64_t* index, float* y) {
    const int lane = lane_of_warp();
    PYCNN_FOR_EACH_ROW(i, count) {
        const float* row = table + index[i] * D;
        for (int64_t d = lane; d < D; d += kWarp) y[i * D + d] = row[d];
    }
}

// A thread for each number of the result.
__global__ void embedding_backward_kernel(int64_t groups, int64_t D, const int64_t* positions, const int64_t* starts,
                                          const float* dy, float* values) {
    PYCNN_FOR_EACH_ELEMENT(i, groups * D) {
        const int64_t g = i / D, d = i % D;
        LongSum sum;
        for (int64_t p = starts[g]; p < starts[g + 1]; ++p) sum.add(dy[positions[p] * D + d]);
        values[i] = sum.value();
    }
}

}  // namespace
}  // namespace cuda

void check_row_numbers(const char* op, const Shape& shape, const int64_t* index, std::optional<int64_t> V) {
    const int64_t count = element_count(op, shape);
    using namespace cuda;
    const int64_t last = V ? *V - 1 : std::numeric_limits<int64_t>::max();
    before_replay({index, last}, [=] {
        const int64_t wrong = first_outside(count, index, last, std::nullopt);
        if (wrong < count) fail_row_number(op, shape, wrong, number_at(index, wrong), V);
    });
}

void embedding(int64_t count, int64_t D, const float* table, const int64_t* index, float* y) {
    using namespace cuda;
    launch(embedding_kernel, blocks_for_rows(count), kThreads, 0, current_stream(), count, D, table, index, y);
}

RowGroups group_rows(int64_t count, const int64_t* index, int64_t skipped) {
    std::vector<int64_t> numbers(static_cast<size_t>(count));
    cuda::copy_to_host(numbers.data(), index, numbers.size() * sizeof(int64_t));
    return sorted_groups(count, numbers.data(), skipped);
}

void embedding_backward(const RowGroups& groups, int64_t D, const float* dy, int64_t* numbers, float* values) {
    using namespace cuda;
    // All lists in one copy, because each copy waits for the device.
    std::vector<int64_t> lists = groups.positions;
    lists.insert(lists.end(), groups.starts.begin(), groups.starts.end());
    lists.insert(lists.end(), groups.rows.begin(), groups.rows.end());
    const Workspace<int64_t> there(static_cast<int64_t>(lists.size()));
    copy_to_device(there.data(), lists.data(), lists.size() * sizeof(int64_t));
    const int64_t *positions = there.data(), *starts = positions + groups.positions.size();
    copy_on_device(numbers, starts + groups.starts.size(), groups.rows.size() * sizeof(int64_t));
    const auto count = static_cast<int64_t>(groups.rows.size());
    launch(embedding_backward_kernel, blocks_for(count * D), kThreads, 0, current_stream(), count, D, positions, starts, dy,
           values);
}

}  // namespace pycnn
