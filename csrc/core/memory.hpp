// A pool of 64-byte-aligned blocks for results and work areas.
//
// A training step asks for the same sizes again and again. Fresh pages from the system cost page faults (about 0.25 us for
// 4 KiB, more than a ReLU on them takes), so a freed block is kept and handed out again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace pycnn {

constexpr size_t kAlignment = 64;  // one cache line, one AVX-512 vector

// `floats` rounded up to whole cache lines, so that all parts of one work area start aligned.
constexpr int64_t whole_lines(int64_t floats) {
    constexpr int64_t line = kAlignment / sizeof(float);
    return (floats + line - 1) / line * line;
}

// `bytes` rounded up likewise; an empty array has an address of its own, too.
constexpr size_t whole_blocks(size_t bytes) { return (bytes + kAlignment - (bytes != 0)) / kAlignment * kAlignment; }

// Throws OutOfMemory. The contents are undefined. Any thread may free.
void* pool_allocate(size_t bytes);
void pool_free(void* block) noexcept;
void pool_discard(void* block) noexcept;  // returns it to the system: for a block of a size that nobody will ask for again

// Returns every cached block to the system.
void pool_trim() noexcept;
size_t pool_cached_bytes() noexcept;

// Bytes of all blocks that are handed out, and the most that there were at once since it was set to what is handed out now.
size_t pool_used_bytes() noexcept;
size_t pool_most_used_bytes() noexcept;
void pool_forget_most_used() noexcept;

// Owns a work area of `count` elements of a trivial type T.
template <class T>
class Workspace {
public:
    explicit Workspace(size_t count) : data_(static_cast<T*>(pool_allocate(count * sizeof(T)))) {}
    ~Workspace() { pool_free(data_); }
    Workspace(Workspace&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
    Workspace(const Workspace&) = delete;
    Workspace& operator=(const Workspace&) = delete;
    T* data() const { return data_; }

private:
    T* data_;
};

}  // namespace pycnn
