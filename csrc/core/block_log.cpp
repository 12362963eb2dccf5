#include "core/block_log.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/error.hpp"
#include "core/memory.hpp"

namespace pycnn {
namespace {

thread_local BlockLog* of_this_thread = nullptr;

constexpr size_t kNever = ~size_t{0};

// The lowest offset at which `bytes` fit between others, which are ranges of an arena sorted by their begin.
size_t lowest_gap(const std::vector<std::pair<size_t, size_t>>& others, size_t bytes) {
    size_t offset = 0;
    for (const auto& [begin, end] : others) {
        if (begin >= offset + bytes) break;
        offset = std::max(offset, end);
    }
    return offset;
}

}  // namespace

BlockLog* BlockLog::current() { return of_this_thread; }

void BlockLog::start() {
    if (of_this_thread != nullptr) fail_value("BlockLog", "notes the blocks of a thread that no other log does");
    of_this_thread = this;
    const std::lock_guard lock(mutex_);
    is_noting_ = true;
}

void BlockLog::stop() noexcept {
    if (of_this_thread == this) of_this_thread = nullptr;
    const std::lock_guard lock(mutex_);
    is_noting_ = false;
}

size_t BlockLog::take(size_t bytes) {
    const std::lock_guard lock(mutex_);
    blocks_.push_back({bytes, now_++, kNever});
    return blocks_.size() - 1;
}

void BlockLog::give_back(size_t number) noexcept {
    const std::lock_guard lock(mutex_);
    if (is_noting_) blocks_[number].end = now_++;
}

std::vector<BlockLog::Place> BlockLog::places() const {
    const std::lock_guard lock(mutex_);
    std::vector<size_t> order(blocks_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return blocks_[a].bytes > blocks_[b].bytes; });
    std::vector<Place> places(blocks_.size());
    std::vector<size_t> placed;
    std::vector<std::pair<size_t, size_t>> others;
    for (const size_t number : order) {
        const Block& block = blocks_[number];
        places[number] = {block.bytes, kOwn};
        if (block.end == kNever) continue;
        others.clear();
        for (const size_t other : placed)
            if (blocks_[other].begin < block.end && block.begin < blocks_[other].end)
                others.emplace_back(places[other].offset, places[other].offset + whole_blocks(blocks_[other].bytes));
        std::sort(others.begin(), others.end());
        places[number].offset = lowest_gap(others, whole_blocks(block.bytes));
        placed.push_back(number);
    }
    return places;
}

size_t arena_bytes(const std::vector<BlockLog::Place>& places) {
    size_t bytes = 0;
    for (const auto& place : places)
        if (place.offset != BlockLog::kOwn) bytes = std::max(bytes, place.offset + whole_blocks(place.bytes));
    return bytes;
}

size_t own_bytes(const std::vector<BlockLog::Place>& places) {
    size_t bytes = 0;
    for (const auto& place : places)
        if (place.offset == BlockLog::kOwn) bytes += place.bytes;
    return bytes;
}

}  // namespace pycnn
