#include "core/recording.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "core/error.hpp"
#include "core/memory.hpp"
#include "core/team.hpp"

namespace pycnn {
namespace {

thread_local Recording* of_this_thread = nullptr;  // that it records, or whose numbers it renews

}  // namespace

RecordedBlocks::RecordedBlocks(std::vector<BlockLog::Place> places)
    : places_(std::move(places)), arena_bytes_(arena_bytes(places_)) {
    if (arena_bytes_ > 0) arena_ = static_cast<char*>(pool_allocate(arena_bytes_));
    bytes_ = arena_bytes_;
}

RecordedBlocks::~RecordedBlocks() {
    for (const Block& block : blocks_) pool_free(block.data);
    free_arena();
}

void RecordedBlocks::free_arena() noexcept { pool_discard(std::exchange(arena_, nullptr)); }

// The place of the next block in the arena; null if it has none.
void* RecordedBlocks::take_place(size_t bytes) {
    if (!is_open_ || next_ == places_.size()) return nullptr;
    const BlockLog::Place& place = places_[next_++];
    const size_t begin = place.offset, end = begin + whole_blocks(bytes);
    const bool is_free =
        place.offset == BlockLog::kOwn || std::none_of(in_arena_.begin(), in_arena_.end(), [&](const auto& other) {
            return other.offset < end && begin < other.offset + whole_blocks(other.bytes);
        });
    if (place.bytes != bytes || !is_free) next_ = places_.size();  // another step than the one of the log
    if (place.bytes != bytes || !is_free || place.offset == BlockLog::kOwn) return nullptr;
    in_arena_.push_back(place);
    return arena_ + place.offset;
}

void* RecordedBlocks::take(size_t bytes) {
    const std::lock_guard lock(mutex_);
    if (void* const place = take_place(bytes)) return place;
    // The smallest that is large enough, unless more than a fifth of it were unused.
    Block* best = nullptr;
    for (Block& block : blocks_)
        if (is_open_ && block.is_free && block.bytes >= bytes && block.bytes - bytes <= block.bytes / 5 &&
            (best == nullptr || block.bytes < best->bytes))
            best = &block;
    if (best == nullptr) {
        blocks_.reserve(blocks_.size() + 1);
        blocks_.push_back({pool_allocate(bytes), bytes, true});
        bytes_ += bytes;
        best = &blocks_.back();
    }
    best->is_free = false;
    return best->data;
}

void RecordedBlocks::give_back(void* data) noexcept {
    const std::lock_guard lock(mutex_);
    const auto in_arena =
        std::find_if(in_arena_.begin(), in_arena_.end(), [&](const auto& place) { return arena_ + place.offset == data; });
    if (in_arena != in_arena_.end()) {
        in_arena_.erase(in_arena);
        if (is_released_ && in_arena_.empty()) free_arena();
        return;
    }
    for (Block& block : blocks_) {
        if (block.data != data) continue;
        block.is_free = true;
        if (is_released_) pool_free(std::exchange(block.data, nullptr));
    }
}

void RecordedBlocks::close() {
    const std::lock_guard lock(mutex_);
    is_open_ = false;
}

void RecordedBlocks::release() noexcept {
    const std::lock_guard lock(mutex_);
    is_open_ = false;
    is_released_ = true;
    for (Block& block : blocks_)
        if (block.is_free) pool_free(std::exchange(block.data, nullptr));
    if (in_arena_.empty()) free_arena();
}

void RecordedBlocks::clear() noexcept {
    const std::lock_guard lock(mutex_);
    if (arena_ != nullptr) std::memset(arena_, 0, arena_bytes_);
    for (const Block& block : blocks_) std::memset(block.data, 0, block.bytes);
}

bool RecordedBlocks::is_alive(const void* data) {
    const std::lock_guard lock(mutex_);
    return std::any_of(in_arena_.begin(), in_arena_.end(), [&](const auto& place) { return arena_ + place.offset == data; }) ||
           std::any_of(blocks_.begin(), blocks_.end(),
                       [&](const Block& block) { return block.data == data && !block.is_free; });
}

Recording::~Recording() {
    stop();
    blocks_->release();
}

Recording* Recording::current() { return of_this_thread; }

void Recording::allow(const void* data, size_t bytes) {
    const auto begin = reinterpret_cast<uintptr_t>(data);
    known_.push_back({begin, begin + bytes});
}

bool Recording::holds(const void* data, size_t bytes) const {
    const auto begin = reinterpret_cast<uintptr_t>(data);
    return knows({begin, begin + bytes});
}

void Recording::start() {
    if (of_this_thread != nullptr) fail_value("Recording", "records while its thread records nothing else");
    of_this_thread = this;
}

void Recording::stop() noexcept {
    if (of_this_thread != this) return;
    of_this_thread = nullptr;
    is_renewing_ = false;
    notes_.clear();
    blocks_->close();
}

void Recording::pause() noexcept {
    if (of_this_thread == this) of_this_thread = nullptr;
}

void Recording::note(const void* data, size_t bytes, const Shape& shape, Use use) {
    const auto begin = reinterpret_cast<uintptr_t>(data);
    notes_.push_back({{begin, begin + bytes}, use, to_string(shape), 0, 0, nullptr});
}

bool Recording::knows(const Range& range) const {
    return range.begin == range.end || std::any_of(known_.begin(), known_.end(), [&](const Range& known) {
               return known.begin <= range.begin && range.end <= known.end;
           });
}

void Recording::add(std::string op, std::function<void()> run) {
    Step step{std::move(op), "", "", std::move(run)};
    for (const Note& note : notes_) {
        if (note.use == Use::made) {
            known_.push_back(note.range);
        } else if (!knows(note.range)) {
            refuse(step.op, "uses an array of shape " + note.shape + " that no recorded op has made");
        }
        std::string& list = note.use == Use::read ? step.reads : step.writes;
        list += (list.empty() ? "" : " ") + note.shape;
    }
    for (Note& note : notes_) {
        note.step = steps_.size();
        uses_.push_back(std::move(note));
    }
    notes_.clear();
    steps_.push_back(std::move(step));
}

void Recording::add_check(std::function<void()> run) { steps_.push_back({"check", "", "", std::move(run)}); }

void Recording::refuse(const std::string& op, const std::string& reason) {
    if (refusal_.empty()) refusal_ = op + " " + reason;
}

std::shared_ptr<double> Recording::new_loss() {
    losses_.push_back(std::make_shared<double>(0.0));
    return losses_.back();
}

void Recording::fail_renewal() {
    throw std::runtime_error("[Recording] ops were called that are not those of the recorded step");
}

void Recording::start_renewal(size_t first) {
    if (of_this_thread != nullptr) fail_value("Recording", "renews numbers while its thread records nothing");
    of_this_thread = this;
    is_renewing_ = true;
    next_place_ = first;
}

size_t Recording::end_renewal() noexcept {
    stop();
    return next_place_;
}

double Recording::run(size_t first, size_t last) {
    // One thread at a time: all would write into the same blocks.
    const int self = getpid();
    for (int runner = 0; !runner_.compare_exchange_weak(runner, self);)  // of another process: that thread is not in this one
        if (runner == self) throw std::runtime_error("[Recording] another thread is running this recorded step");
    struct End {
        std::atomic<int>& runner;
        ~End() { runner = 0; }
    } end{runner_};
    const CloseRegions close;
    for (size_t i = first; i < last; ++i) steps_[i].run();
    return losses_.empty() ? 0.0 : *losses_.back();
}

std::vector<double> Recording::times(size_t first, size_t last) {
    using Clock = std::chrono::steady_clock;
    std::vector<double> seconds;
    for (size_t i = first; i < last; ++i) {
        const auto start = Clock::now();
        run(i, i + 1);
        seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    }
    return seconds;
}

}  // namespace pycnn
