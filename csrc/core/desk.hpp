// Where a thread lays the tasks of a parallel region out, for itself and for the helpers that come while there are any left.
//
// Each thread starts with a share of neighbouring tasks and then helps the others: ops that cut the batch in the same order find in
// their core's cache what the op before them wrote there, and a core that another program holds up keeps only its present
// task waiting.
//
// A region ends when its tasks are done. Its caller waits for helpers that are inside, never for those that have not come.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/parallel.hpp"
#include "core/waiting.hpp"

namespace pycnn {

struct Region {
    int64_t tasks;
    int team;
    detail::Body body;
    void* context;
};

class Desk {
public:
    // For the caller: false where another thread has the desk. One that has it calls `run`, once.
    bool take() { return !taken_.load(std::memory_order_relaxed) && !taken_.exchange(true, std::memory_order_acquire); }
    // Lays the tasks out, calls `announce` to fetch helpers, works, waits for those who came, and leaves the desk.
    template <class F>
    void run(const Region& region, F&& announce) {
        open(region);
        announce();
        work(0);
        close();
    }

    // For helper number `thread`, from 1: whether there was a region for it. It has then worked until no task was left.
    bool help(int thread);

    // In a forked child, where only the calling thread is left.
    void reset() {
        state_.store(0, std::memory_order_relaxed);
        taken_.store(false, std::memory_order_relaxed);
    }

private:
    void open(const Region& region);
    void work(int thread);
    void close();

    // Tasks [next, end), on a cache line of their own.
    struct alignas(64) Share {
        std::atomic<int64_t> next{0};
        int64_t end = 0;
    };

    // Of `state_`: helpers inside, team, and two flags. A helper enters by one exchange of the whole, so that it cannot come into
    // a region that is not the one it saw.
    static constexpr uint32_t kTeam = 1 << 12, kInside = kTeam - 1, kAsleep = 1 << 24, kOpen = 1 << 25;
    static_assert(kMostThreads < static_cast<int>(kTeam));

    // One cache line holds all that a helper needs to come in.
    alignas(64) Word state_{0};
    std::atomic<bool> taken_{false};
    Region region_{};
    Share shares_[kMostThreads];
};

}  // namespace pycnn
