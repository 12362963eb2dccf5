#include "cpu/embedding.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "cpu/dispatch.hpp"

namespace pycnn {
namespace {

// 64 KiB of copied floats a task.
constexpr int64_t kFloatsPerTask = 16384;

// A sum is cut along its columns too, so that a word that fills half of the batch still keeps several threads busy: a task adds
// about 128 x 128 numbers, 3 us.
constexpr int64_t kPositionsPerTask = 128, kColumnsPerTask = 128;

// "[3, 7]" for a position in an array of this shape.
std::string place(const Shape& shape, int64_t flat) {
    std::string numbers;
    for (size_t axis = shape.size(); axis-- > 0; flat /= shape[axis])
        numbers = std::to_string(flat % shape[axis]) + (numbers.empty() ? "" : ", ") + numbers;
    return numbers.empty() ? "" : "[" + numbers + "]";
}

struct Entry {
    int64_t row, position;
};

// Least-significant-digit radix sort by row: stable, and two passes for up to 4 million rows.
void sort_by_row(std::vector<Entry>& entries, int64_t all_bits) {
    constexpr int kDigitBits = 11;
    constexpr int64_t kDigits = int64_t{1} << kDigitBits;
    std::vector<Entry> sorted(entries.size());
    for (int shift = 0; shift < 63 && all_bits >> shift != 0; shift += kDigitBits) {
        const auto digit = [shift](const Entry& entry) { return (entry.row >> shift) & (kDigits - 1); };
        std::array<int64_t, kDigits + 1> next{};
        for (const Entry& entry : entries) ++next[digit(entry) + 1];
        for (int64_t d = 0; d < kDigits; ++d) next[d + 1] += next[d];
        for (const Entry& entry : entries) sorted[next[digit(entry)]++] = entry;
        entries.swap(sorted);
    }
}

}  // namespace

void check_row_numbers(const char* op, const Shape& shape, const int64_t* index, std::optional<int64_t> V) {
    int64_t count = 1;
    for (int64_t extent : shape) count *= extent;
    const int64_t* wrong = std::find_if(index, index + count, [V](int64_t row) { return row < 0 || (V && row >= *V); });
    if (wrong == index + count) return;
    const std::string what = text("index", place(shape, wrong - index), " is ", *wrong);
    if (!V) fail_value(op, what, ", and must be at least 0");
    fail_value(op, what, ", outside 0..", *V - 1, " (a vocabulary of ", *V, ")");
}

void embedding(int64_t count, int64_t D, const float* table, const int64_t* index, float* y) {
    parallel_ranges(count, std::max<int64_t>(kFloatsPerTask / D, 1), D, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) std::memcpy(y + i * D, table + index[i] * D, D * sizeof(float));
    });
}

RowGroups group_rows(int64_t count, const int64_t* index, int64_t skipped) {
    std::vector<Entry> entries;
    entries.reserve(count);
    int64_t all_bits = 0;
    for (int64_t i = 0; i < count; ++i) {
        if (index[i] == skipped) continue;
        entries.push_back({index[i], i});
        all_bits |= index[i];
    }
    sort_by_row(entries, all_bits);

    RowGroups groups;
    groups.positions.reserve(entries.size());
    for (const Entry& entry : entries) {
        if (groups.rows.empty() || groups.rows.back() != entry.row) {
            groups.starts.push_back(static_cast<int64_t>(groups.positions.size()));
            groups.rows.push_back(entry.row);
        }
        groups.positions.push_back(entry.position);
    }
    groups.starts.push_back(static_cast<int64_t>(entries.size()));
    return groups;
}

void embedding_backward(const RowGroups& groups, int64_t D, const float* dy, float* values) {
    const KernelTable& table = kernels();
    const auto count = static_cast<int64_t>(groups.positions.size());
    const auto rows = static_cast<int64_t>(groups.rows.size());
    // Slice s holds the groups that start at positions s * kPositionsPerTask and later, up to the next slice.
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
                           std::min(kColumnsPerTask, D - column), values + g * D + column);
    });
}

}  // namespace pycnn
