#include "core/desk.hpp"

namespace pycnn {

void Desk::open(const Region& region) {
    region_ = region;
    for (int t = 0; t < region.team; ++t) {
        shares_[t].next.store(t * region.tasks / region.team, std::memory_order_relaxed);
        shares_[t].end = (t + 1) * region.tasks / region.team;
    }
    state_.store(kOpen | static_cast<uint32_t>(region.team) * kTeam, std::memory_order_release);
}

void Desk::work(int thread) {
    const Region region = region_;
    for (int t = 0; t < region.team; ++t) {
        Share& share = shares_[(thread + t) % region.team];
        while (share.next.load(std::memory_order_relaxed) < share.end) {
            const int64_t task = share.next.fetch_add(1, std::memory_order_relaxed);
            if (task < share.end) region.body(region.context, task, thread);
        }
    }
    // No task is left, so no helper needs to enter.
    if (state_.load(std::memory_order_relaxed) & kOpen) state_.fetch_and(~kOpen, std::memory_order_relaxed);
}

bool Desk::help(int thread) {
    uint32_t state = state_.load(std::memory_order_relaxed);
    do {
        const auto team = static_cast<int>(state % kAsleep / kTeam);
        if (!(state & kOpen) || thread >= team) return false;
    } while (!state_.compare_exchange_weak(state, state + 1, std::memory_order_acquire, std::memory_order_relaxed));
    work(thread);
    state = state_.fetch_sub(1, std::memory_order_release);
    // The caller may have left by now, and another may have the desk: waking it needlessly does no harm.
    if ((state & kAsleep) && (state & kInside) == 1) wake(state_);
    return true;
}

void Desk::close() {
    const auto all_left = [this] { return (state_.load(std::memory_order_acquire) & kInside) == 0; };
    if (!all_left() && !look_for(all_left, Clock::now() + kLooking)) {
        for (uint32_t state; (state = state_.fetch_or(kAsleep, std::memory_order_acquire) | kAsleep) & kInside;)
            sleep_on(state_, state);
    }
    taken_.store(false, std::memory_order_release);
}

}  // namespace pycnn
