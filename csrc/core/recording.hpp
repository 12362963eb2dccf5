// A list of kernel calls that ran once and can run again by one call: a training step without its Python.
//
// While a thread records, each op leaves a copy of what it ran (python/numpy/run_op.hpp): a closure that owns shapes and numbers by
// value, and knows arrays by their addresses. So
// - results of recorded ops lie in blocks that belong to the recording and to nothing else. The block of an array that dies while
//   the thread records is used again, by a later op of the same recording: a repetition goes through the same blocks in the same
//   order, and needs no more memory than the step itself did;
// - an op may read only what this recording has written, and arrays that the caller has named (parameters, the batch). Any other
//   array was made by somebody who will not run again, so the recording is refused;
// - numbers that change from one repetition to the next lie in places of the recording, which are renewed before it runs.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/block_log.hpp"
#include "core/shape.hpp"

namespace pycnn {

// Blocks of a recording. Each lives until the recording and the array in it are gone, those in the arena until all of them are.
class RecordedBlocks {
public:
    // Places from the log of a step like the one that is to be recorded. They are followed as long as the recorded step takes blocks of
    // the same sizes and has given back what lay there; further blocks, as without places, are used again as they come.
    explicit RecordedBlocks(std::vector<BlockLog::Place> places);
    RecordedBlocks(const RecordedBlocks&) = delete;
    RecordedBlocks& operator=(const RecordedBlocks&) = delete;
    ~RecordedBlocks();

    // A block that no living array lies in. Throws OutOfMemory.
    void* take(size_t bytes);
    void give_back(void* block) noexcept;  // by any thread
    void close();                          // from now on no block is taken again
    void release() noexcept;               // the recording is gone: only living arrays need their blocks
    void clear() noexcept;                 // writes zeros into all of them
    bool is_alive(const void* data);       // whether an array lies there
    size_t bytes() const { return bytes_; }

private:
    struct Block {
        void* data;
        size_t bytes;
        bool is_free;
    };
    std::mutex mutex_;
    std::vector<Block> blocks_;
    std::vector<BlockLog::Place> places_;
    size_t next_ = 0;  // of the places
    char* arena_ = nullptr;
    size_t arena_bytes_ = 0;
    std::vector<BlockLog::Place> in_arena_;  // where arrays live now
    size_t bytes_ = 0;
    bool is_open_ = true, is_released_ = false;

    void* take_place(size_t bytes);
    void free_arena() noexcept;
};

class Recording {
public:
    // What one op did, in words and as a call.
    struct Step {
        std::string op;
        std::string reads, writes;  // the shapes of its arrays, and which lie in lanes
        std::function<void()> run;
    };

    explicit Recording(std::vector<BlockLog::Place> places = {})
        : blocks_(std::make_shared<RecordedBlocks>(std::move(places))) {}
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;
    ~Recording();

    // What an op does with an array: reads it, changes it, or has made it.
    enum class Use { read, changed, made };

    // The recording that ops of this thread belong to, or null.
    static Recording* current();
    // Whether these ops only renew their numbers, and compute nothing.
    bool is_renewing() const { return is_renewing_; }

    // An array that steps may read, and write in place.
    void allow(const void* data, size_t bytes);
    // Whether an array is one of these, or a part of what a step has made.
    bool holds(const void* data, size_t bytes) const;
    void start();
    void stop() noexcept;
    // Between pause() and start(), ops of this thread belong to a call of Python's that the recording keeps as a whole.
    void pause() noexcept;

    // By ops, while this thread records. Arrays are noted before the op that they belong to is added.
    void note(const void* data, size_t bytes, const Shape& shape, Use use);
    void add(std::string op, std::function<void()> run);
    void forget_notes() { notes_.clear(); }
    // A noted array of so many images that the op can take with the images of the batch in lanes, once what this returns is true.
    std::shared_ptr<const bool> offer_lanes(const void* data, int64_t images);
    void add_check(std::function<void()> run);  // of numbers in arrays of the next op
    void refuse(const std::string& op, const std::string& reason);
    const std::shared_ptr<RecordedBlocks>& blocks() const { return blocks_; }
    std::shared_ptr<double> new_loss();
    // A place for a number that changes; renewal number i writes into place i.
    template <class T>
    std::shared_ptr<T> new_place(const T& value) {
        auto place = std::make_shared<T>(value);
        places_.push_back(place);
        return place;
    }
    template <class T>
    void renew(const T& value) {
        if (next_place_ >= places_.size()) fail_renewal();
        *static_cast<T*>(places_[next_place_++].get()) = value;
    }

    // Lets arrays stay in lanes between the ops that offered it, for repetitions: those that no other op uses, and nobody can see.
    void keep_lanes();

    // Between start_renewal(first) and end_renewal(), ops of this thread write their changing numbers into the places from `first` on.
    size_t places() const { return places_.size(); }
    void start_renewal(size_t first);
    size_t end_renewal() noexcept;  // the next place

    // Runs the steps from `first` to before `last`, and returns the loss. An error of a step ends it.
    double run(size_t first, size_t last);
    // Seconds that each of these steps takes.
    std::vector<double> times(size_t first, size_t last);

    const std::vector<Step>& steps() const { return steps_; }
    size_t losses() const { return losses_.size(); }
    const std::string& refusal() const { return refusal_; }  // empty if there is none

private:
    struct Range {
        uintptr_t begin, end;
    };
    struct Note {
        Range range;
        Use use;
        std::string shape;
        size_t step = 0;  // that it is an array of
        int64_t images = 0;
        std::shared_ptr<bool> in_lanes;  // null if the op did not offer it
    };
    std::shared_ptr<RecordedBlocks> blocks_;
    std::vector<Range> known_;  // arrays that may be read
    std::vector<Note> notes_;   // arrays of the next op
    std::vector<Note> uses_;    // of all steps
    std::vector<Step> steps_;
    std::vector<std::shared_ptr<void>> places_;
    std::vector<std::shared_ptr<double>> losses_;
    std::string refusal_;
    size_t next_place_ = 0;
    std::atomic<int> runner_{0};  // the process in which a thread runs it: a forked child has no such thread

    bool is_renewing_ = false;

    bool knows(const Range& range) const;
    bool can_keep_lanes(size_t made) const;
    [[noreturn]] static void fail_renewal();
};

}  // namespace pycnn
