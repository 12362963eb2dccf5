#include "core/row_groups.hpp"

#include <array>

#include "core/error.hpp"

namespace pycnn {
namespace {

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

// Least-significant-digit radix sort by row: stable, with two passes for up to 4 million rows.
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

void fail_row_number(const char* op, const Shape& shape, int64_t position, int64_t number, std::optional<int64_t> V) {
    const std::string what = text("index", place(shape, position), " is ", number);
    if (!V) fail_value(op, what, ", and must be at least 0");
    fail_value(op, what, ", outside 0..", *V - 1, " (a vocabulary of ", *V, ")");
}

RowGroups sorted_groups(int64_t count, const int64_t* index, int64_t skipped) {
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

}  // namespace pycnn
