// What blocks a step takes for its results and when it gives them back, noted while the step runs; and where the same blocks go in one
// arena when the step is recorded (core/recording.hpp).
//
// A recording that only knows what has happened so far cannot place well: ResNet-18's step of 32 images needs 177 MiB at its fullest,
// blocks that are taken one by one added up to 259. Knowing all sizes and lifetimes, the largest first and each as low as it goes gives
// 178, next to results that outlive the step 189.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace pycnn {

class BlockLog : public std::enable_shared_from_this<BlockLog> {
public:
    // Where a block lies.
    struct Place {
        size_t bytes, offset;
    };
    static constexpr size_t kOwn = ~size_t{0};  // the offset of one that outlives the step: it is not in the arena

    BlockLog() = default;
    BlockLog(const BlockLog&) = delete;
    BlockLog& operator=(const BlockLog&) = delete;
    ~BlockLog() { stop(); }

    // The log that blocks of this thread belong to, or null.
    static BlockLog* current();
    void start();
    void stop() noexcept;

    size_t take(size_t bytes);               // returns the number of the block
    void give_back(size_t number) noexcept;  // by any thread

    // The places of all blocks, in the order in which they were taken; those not given back before the stop outlive the step.
    std::vector<Place> places() const;

private:
    struct Block {
        size_t bytes, begin, end;
    };
    mutable std::mutex mutex_;
    std::vector<Block> blocks_;
    size_t now_ = 0;  // counts what happens
    bool is_noting_ = false;
};

// The bytes from the start of an arena to the end of its last place, and those of blocks that are not in it.
size_t arena_bytes(const std::vector<BlockLog::Place>& places);
size_t own_bytes(const std::vector<BlockLog::Place>& places);

}  // namespace pycnn
