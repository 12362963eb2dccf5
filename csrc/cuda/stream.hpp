// Streams of work on the device, each with its own pool of the memory blocks that arrays are made of.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <vector>

#include "cuda/runtime.hpp"

namespace pycnn::cuda {

// What a stream does with the kernels that it is given: it runs them; a StepGraph records them; or nothing, while what recorded
// kernels read is brought up to date.
enum class Phase { running, recording, refreshing };

class Stream {
public:
    Stream();
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    // That of this thread: the process's own, or the one of the innermost scope.
    static const std::shared_ptr<Stream>& current();
    // Makes `stream` the current one, or goes back to it: it waits for what the current one has been given so far. RuntimeError while
    // that one records a step, which would then be recorded, too.
    static void switch_to(const std::shared_ptr<Stream>& stream);

    cudaStream_t handle() const { return handle_; }
    // What comes after this call waits for what `other` has been given so far.
    [[nodiscard]] cudaError_t wait_for(const Stream& other) noexcept;

    // Blocks of memory. One that was given back is the next one of its size: kernels of a stream run in order, so what still reads
    // it comes first; this stream then waits for `user`, which may be reading it, too.
    void* take(size_t bytes);
    void give_back(size_t bytes, void* block, const Stream& user) noexcept;

    std::atomic<Phase> phase = Phase::running;
    // Blocks of other streams that were freed during a recording: to wait for them then would be recorded, too.
    struct Block {
        std::shared_ptr<Stream> owner;
        size_t bytes;
        void* data;
    };
    std::vector<Block> held_back;
    std::atomic<bool> keeps_blocks = false;  // recorded kernels write into free blocks, which stay

private:
    friend void trim();

    cudaStream_t handle_ = nullptr;
    cudaEvent_t done_ = nullptr;         // what others wait for
    std::multimap<size_t, void*> free_;  // by size
};

// Handle of the current stream.
cudaStream_t current_stream();

// RuntimeError while a step is being recorded (step_graph.hpp), with what cannot be done then.
void refuse_while_recording(const char* what);

void synchronize();     // waits for all streams, but those that record a step
void trim();            // gives free blocks back to the device
size_t cached_bytes();  // in free blocks

// The milliseconds between two points of the current stream.
class Timer {
public:
    Timer();
    ~Timer();
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    void start();
    void stop();
    float milliseconds() const;  // waits for the second point

private:
    cudaEvent_t begin_ = nullptr, end_ = nullptr;
};

}  // namespace pycnn::cuda
