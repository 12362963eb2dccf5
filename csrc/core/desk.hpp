// A desk is where a thread lays out the tasks of a parallel region, for itself and for helpers that arrive while tasks are left.
//
// Each thread starts with a share of neighbouring tasks and then helps the others. So an op that cuts the batch in the same order
// as the previous op finds its data in the core's cache, and a core that another program holds up delays only its current task.
//
// A region ends when its tasks are done. Its caller waits for helpers that are inside, never for helpers that have not arrived.
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
    // For the caller: false if another thread has the desk. A caller that gets it calls `run` once.
    bool take() { return !taken_.load(std::memory_order_relaxed) && !taken_.exchange(true, std::memory_order_acquire); }
    // Lays out the tasks, calls `announce` to fetch helpers, works, waits for the helpers that came, and leaves the desk.
    template <class F>
    void run(const Region& region, F&& announce) {
        open(region);
        announce();
        work(0);
        close();
    }

    // For helper number `thread`, from 1: returns whether there was a region for it; it has then worked until no task was left.
    bool help(int thread);

    // For a forked child, in which only the calling thread is left.
    void reset() {
        state_.store(0, std::memory_order_relaxed);
        taken_.store(false, std::memory_order_relaxed);
    }

private:
    void open(const Region& region);
    void work(int thread);
    void close();

    // Tasks [next, end), on their own cache line.
    struct alignas(64) Share {
        std::atomic<int64_t> next{0};
        int64_t end = 0;
    };

    // Parts of `state_`: helpers inside, team, and two flags. A helper enters by one exchange of the whole word, so that it cannot
    // enter a region other than the one it saw.
    static constexpr uint32_t kTeam = 1 << 12, kInside = kTeam - 1, kAsleep = 1 << 24, kOpen = 1 << 25;
    static_assert(kMostThreads < static_cast<int>(kTeam));

    // One cache line holds everything a helper needs to enter.
    alignas(64) Word state_{0};
    std::atomic<bool> taken_{false};
    Region region_{};
    Share shares_[kMostThreads];
};

}  // namespace pycnn
