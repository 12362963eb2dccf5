#include "cuda/emulator/emulator.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "cuda/emulator/device_memory.hpp"
#include "cuda/emulator/fiber.hpp"
#include "cuda/emulator/queue.hpp"

namespace pycnn::emulator {
namespace {

constexpr size_t kMostThreadsOfBlock = 1024, kMostSharedBytes = 48 * 1024, kMostGridY = 65535;
constexpr size_t kStackBytes = 64 * 1024;
constexpr int kWarp = 32;

std::atomic<cudaError_t> last_error{cudaSuccess};  // of a launch

Order order_of(const std::string& name) {
    if (name == "forward") return Order::forward;
    if (name == "reverse") return Order::reverse;
    if (name == "random") return Order::random;
    fail_value("PYCNN_CUDA_EMULATED_ORDER", "'", name, "' is not an order of threads: forward, reverse, random");
}

std::atomic<Order>& chosen_order() {
    static std::atomic<Order> chosen = [] {
        const char* name = std::getenv("PYCNN_CUDA_EMULATED_ORDER");
        return name ? order_of(name) : Order::forward;
    }();
    return chosen;
}

enum class State { ready, at_block_barrier, at_warp_barrier, done };

struct Fiber {
    Context context;
    Thread thread;
    State state = State::done;
    size_t shared_cursor = 0;
    bool second_exchange = false;  // which of the warp's two sets of words is next
};

// The block that a CPU thread is running, and the fibers it runs it with.
class Block {
public:
    static Block& of_this_thread() {
        thread_local Block block;
        return block;
    }

    cudaError_t run(dim3 grid, dim3 size, uint3 index, size_t dynamic_bytes, const Body& body);

    Fiber& running() { return *running_; }
    void* shared(size_t bytes, size_t alignment);
    void leave(State state) {
        running_->state = state;
        switch_context(running_->context, scheduler_, state == State::done);
    }
    uint64_t exchange(uint64_t word, int source);

private:
    static void entry();
    bool release_barriers();

    Context scheduler_;
    std::vector<Fiber> fibers_ = std::vector<Fiber>(kMostThreadsOfBlock);
    std::unique_ptr<char[]> stacks_{new char[kMostThreadsOfBlock * kStackBytes]};  // pages that are never used take no memory
    struct alignas(16) Line {
        unsigned char bytes[16];
    };
    std::vector<Line> arena_ = std::vector<Line>(kMostSharedBytes / sizeof(Line));
    std::vector<uint64_t> words_ = std::vector<uint64_t>(2 * kMostThreadsOfBlock);
    size_t threads_ = 0;
    bool too_much_shared_ = false;
    Fiber* running_ = nullptr;
    const Body* body_ = nullptr;
    std::vector<size_t> turns_;
    std::minstd_rand random_{1};
};

void Block::entry() {
    Block& block = of_this_thread();
    fiber_entered(block.scheduler_);
    (*block.body_)();
    block.leave(State::done);
}

void* Block::shared(size_t bytes, size_t alignment) {
    size_t& cursor = running_->shared_cursor;
    const size_t begin = (cursor + alignment - 1) / alignment * alignment;
    cursor = begin + bytes;
    if (cursor > kMostSharedBytes) {
        too_much_shared_ = true;
        return arena_.data();
    }
    char* const memory = reinterpret_cast<char*>(arena_.data()) + begin;
    allow_access(memory, bytes);
    return memory;
}

// The words of the previous exchange stay untouched, because a slow lane may not have read its own yet. Two sets are enough,
// because the warp meets once in each exchange.
uint64_t Block::exchange(uint64_t word, int source) {
    Fiber& fiber = *running_;
    const size_t lane = static_cast<size_t>(&fiber - fibers_.data()), warp = lane / kWarp * kWarp;
    uint64_t* words = words_.data() + (fiber.second_exchange ? kMostThreadsOfBlock : 0);
    fiber.second_exchange = !fiber.second_exchange;
    words[lane] = word;
    leave(State::at_warp_barrier);
    const size_t other = warp + static_cast<size_t>(source);
    return other < threads_ ? words[other] : 0;
}

// Resumes the threads of each barrier that all have reached. Returns whether there was such a barrier.
bool Block::release_barriers() {
    bool released = false;
    const auto all_at = [&](size_t begin, size_t end, State state) {
        return std::all_of(fibers_.begin() + static_cast<ptrdiff_t>(begin), fibers_.begin() + static_cast<ptrdiff_t>(end),
                           [&](const Fiber& f) { return f.state == state; });
    };
    const auto release = [&](size_t begin, size_t end) {
        for (size_t i = begin; i < end; ++i) fibers_[i].state = State::ready;
        released = true;
    };
    for (size_t warp = 0; warp < threads_; warp += kWarp) {
        const size_t end = std::min<size_t>(warp + kWarp, threads_);
        if (all_at(warp, end, State::at_warp_barrier)) release(warp, end);
    }
    if (all_at(0, threads_, State::at_block_barrier)) release(0, threads_);
    return released;
}

cudaError_t Block::run(dim3 grid, dim3 size, uint3 index, size_t dynamic_bytes, const Body& body) {
    threads_ = size_t{size.x} * size.y * size.z;
    body_ = &body, too_much_shared_ = false;
    allow_access(arena_.data(), kMostSharedBytes);
    std::memset(arena_.data(), 0xff, kMostSharedBytes);  // NaN
    forbid_access(reinterpret_cast<char*>(arena_.data()) + dynamic_bytes, kMostSharedBytes - dynamic_bytes);
    turns_.resize(threads_);
    std::iota(turns_.begin(), turns_.end(), size_t{0});
    const Order order = chosen_order();
    if (order == Order::reverse) std::reverse(turns_.begin(), turns_.end());
    for (size_t i = 0; i < threads_; ++i) {
        Fiber& f = fibers_[i];
        const auto n = static_cast<unsigned>(i);
        f.thread = {{n % size.x, n / size.x % size.y, n / size.x / size.y}, index, size, grid};
        f.state = State::ready;
        f.shared_cursor = dynamic_bytes;
        f.second_exchange = false;
        prepare_context(f.context, stacks_.get() + i * kStackBytes, kStackBytes, entry);
    }
    size_t done = 0;
    while (done < threads_) {
        if (order == Order::random) std::shuffle(turns_.begin(), turns_.end(), random_);
        for (size_t i : turns_) {
            if (fibers_[i].state != State::ready) continue;
            running_ = &fibers_[i];
            switch_context(scheduler_, fibers_[i].context);
            done += fibers_[i].state == State::done;
        }
        // Some threads wait at a barrier that others never reach.
        if (done < threads_ && !release_barriers()) return cudaErrorLaunchFailure;
    }
    return too_much_shared_ ? cudaErrorInvalidConfiguration : cudaSuccess;
}

}  // namespace

void set_order(const std::string& name) { chosen_order() = order_of(name); }

std::string order() {
    const Order chosen = chosen_order();
    return chosen == Order::forward ? "forward" : chosen == Order::reverse ? "reverse" : "random";
}

Thread& current() { return Block::of_this_thread().running().thread; }
void* shared_memory(size_t bytes, size_t alignment) { return Block::of_this_thread().shared(bytes, alignment); }
void wait_for_block() { Block::of_this_thread().leave(State::at_block_barrier); }
void wait_for_warp() { Block::of_this_thread().leave(State::at_warp_barrier); }
uint64_t exchange_in_warp(uint64_t word, int source) { return Block::of_this_thread().exchange(word, source); }

namespace {

cudaError_t run_grid(dim3 grid, dim3 block, size_t shared_bytes, const Body& body) {
    const auto tasks = static_cast<int64_t>(grid.x) * grid.y * grid.z;
    std::atomic<cudaError_t> result{cudaSuccess};
    const double work = 100.0 * static_cast<double>(tasks) * block.x * block.y * block.z;
    parallel_for(tasks, team_size(tasks, work), [&](int64_t task, int) {
        const auto n = static_cast<size_t>(task);
        const uint3 index{static_cast<unsigned>(n % grid.x), static_cast<unsigned>(n / grid.x % grid.y),
                          static_cast<unsigned>(n / grid.x / grid.y)};
        const cudaError_t error = Block::of_this_thread().run(grid, block, index, shared_bytes, body);
        if (error != cudaSuccess) result = error;
    });
    return result;
}

}  // namespace

void launch_grid(dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream, Body body) {
    const size_t threads = size_t{block.x} * block.y * block.z, blocks = size_t{grid.x} * grid.y * grid.z;
    if (threads == 0 || threads > kMostThreadsOfBlock || blocks == 0 || grid.y > kMostGridY || grid.z > kMostGridY ||
        shared_bytes > kMostSharedBytes) {
        last_error = cudaErrorInvalidConfiguration;
        return;
    }
    enqueue(stream, [=, body = std::move(body)] { return run_grid(grid, block, shared_bytes, body); });
}

}  // namespace pycnn::emulator

cudaError_t cudaGetLastError() { return pycnn::emulator::last_error.exchange(cudaSuccess); }
