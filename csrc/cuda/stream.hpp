// Streams of work on the device, each with its own pool of the memory blocks that arrays are made of.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <vector>

#include "cuda/runtime.hpp"

namespace pycnn::cuda {

// What happens to the kernels that a stream is given. They run; or a StepGraph captures them; or nothing happens, while the
// numbers that captured kernels read are renewed.
enum class Phase { running, capturing, refreshing };

class Stream {
public:
    Stream();
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    // The stream of this thread: that of the innermost scope, or else the one of the process.
    static const std::shared_ptr<Stream>& current();
    // Makes `stream` the current one. It waits for the work that the old one has been given so far. RuntimeError while the old
    // one captures a step: the wait would be captured as well.
    static void switch_to(const std::shared_ptr<Stream>& stream);

    cudaStream_t handle() const { return handle_; }
    // Work given after this call waits for the work that `other` has been given so far.
    [[nodiscard]] cudaError_t wait_for(const Stream& other) noexcept;

    // Blocks of memory. A block that was given back is used again for the next request of its size. Kernels of a stream run in
    // order, so those that still read it run first. Kernels of `user` may read it as well, so this stream waits for `user`.
    void* take(size_t bytes);
    void give_back(size_t bytes, void* block, const Stream& user) noexcept;

    std::atomic<Phase> phase = Phase::running;
    // Blocks of other streams that were freed during a capture: waiting for those streams would be captured as well.
    struct Block {
        std::shared_ptr<Stream> owner;
        size_t bytes;
        void* data;
    };
    std::vector<Block> held_back;
    std::atomic<bool> keeps_blocks = false;  // captured kernels write into free blocks, which must stay

private:
    friend void trim();

    cudaStream_t handle_ = nullptr;
    cudaEvent_t done_ = nullptr;         // what others wait for
    std::multimap<size_t, void*> free_;  // by size
};

// Handle of the current stream.
cudaStream_t current_stream();

// RuntimeError while a step is being captured (step_graph.hpp); `what` cannot be done then.
void refuse_while_capturing(const char* what);

void synchronize();     // waits for all streams but those that capture a step
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
