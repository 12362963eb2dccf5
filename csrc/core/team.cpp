#include "core/team.hpp"

#include <omp.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "core/denormals.hpp"
#include "core/spare_threads.hpp"

namespace pycnn {
namespace {

// All that threads share. Constants at first, and never destroyed: no thread can find them half made, in the midst of a fork, or
// gone while the process ends.
constexpr int kDesks = 8;
constinit Desk desks[kDesks];

// Rung at each new region. A helper that goes to sleep leaves its bit, so that no one calls the kernel for helpers that are awake
// or too many for the region. Bit 0 is the host's; helpers from 31 on share the last one.
alignas(64) constinit Word rings{0};
constinit Word asleep{0};

alignas(64) constinit std::atomic<int> wanted{0};  // threads of the largest team so far, with the caller
constinit std::atomic<int> serving{0};             // what the host read of it before it began the parallel region
constinit std::atomic<bool> hosted{false};

uint32_t bit_of(int thread) { return uint32_t{1} << std::min(thread, 31); }
uint32_t bits_below(int team) { return team > 31 ? kAnyone : bit_of(team) - 1; }

void ring(uint32_t bits) {
    rings.fetch_add(1, std::memory_order_seq_cst);
    // Who leaves its bit after this has not slept yet, and sees that `rings` has changed.
    if ((asleep.load(std::memory_order_seq_cst) & bits) == 0) return;
    if (asleep.fetch_and(~bits, std::memory_order_seq_cst) & bits) wake(rings, bits);
}

// Whether it has slept.
bool sleep_until_rung(uint32_t seen, int thread) {
    asleep.fetch_or(bit_of(thread), std::memory_order_seq_cst);
    return sleep_on(rings, seen, bit_of(thread));
}

bool larger_team_wanted() { return wanted.load(std::memory_order_acquire) != serving.load(std::memory_order_relaxed); }

bool help_somewhere(int thread) {
    return std::any_of(desks, desks + kDesks, [thread](Desk& desk) { return desk.help(thread); });
}

// What a helper does: it works where there is work, looks for more for a short while, and sleeps.
void serve(int thread) {
    FlushDenormals guard;
    Clock::time_point deadline = Clock::now() + kLooking;
    for (;;) {
        const uint32_t seen = rings.load(std::memory_order_acquire);
        if (larger_team_wanted()) return;
        if (help_somewhere(thread)) {
            deadline = Clock::now() + kLooking;
            continue;
        }
        const auto rung = [seen] { return rings.load(std::memory_order_acquire) != seen; };
        // Regions that it has no part in do not keep it awake.
        if (Clock::now() < deadline && look_for(rung, deadline)) continue;
        if (sleep_until_rung(seen, thread)) deadline = Clock::now() + kLooking;
    }
}

// The host is thread 0 of OpenMP's team in the place of the callers, and only waits.
void wait_for_larger_team() {
    for (;;) {
        const uint32_t seen = rings.load(std::memory_order_acquire);
        if (larger_team_wanted()) return;
        sleep_until_rung(seen, 0);
    }
}

void* host(void*) {
    for (;;) {
        const int size = wanted.load(std::memory_order_acquire);
        serving.store(size, std::memory_order_relaxed);
        // Nothing of this function is used in the region: all is atomic, and tools that do not know OpenMP's barriers see no race.
#pragma omp parallel num_threads(spare_threads(size - 1) + 1)
        if (const int thread = omp_get_thread_num(); thread > 0)
            serve(thread);
        else
            wait_for_larger_team();
    }
    return nullptr;
}

// Signals are left to the threads of the program: Python waits for them in its own.
bool start_host() {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    const bool started = pthread_create(&thread, nullptr, host, nullptr) == 0;
    if (started) pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return started;
}

void want_team(int size) {
    for (int largest = wanted.load(std::memory_order_relaxed); largest < size;) {
        if (!wanted.compare_exchange_weak(largest, size, std::memory_order_acq_rel, std::memory_order_relaxed)) continue;
        if (hosted.exchange(true, std::memory_order_acq_rel))
            ring(kAnyone);
        else if (!start_host()) {  // no helpers, then: the caller does the work, and the next one tries again
            hosted.store(false, std::memory_order_release);
            wanted.store(0, std::memory_order_release);
        }
        return;
    }
}

[[maybe_unused]] const int at_fork = pthread_atfork(nullptr, nullptr, [] {
    for (Desk& desk : desks) desk.reset();
    asleep.store(0, std::memory_order_relaxed);
    wanted.store(0, std::memory_order_relaxed);
    serving.store(0, std::memory_order_relaxed);
    hosted.store(false, std::memory_order_relaxed);
});

}  // namespace

int most_in_team() {
    static constinit std::atomic<int> most{0};
    int count = most.load(std::memory_order_relaxed);
    if (count == 0) {
        count = static_cast<int>(std::clamp<long>(4 * sysconf(_SC_NPROCESSORS_ONLN), 64, kMostThreads));
        most.store(count, std::memory_order_relaxed);
    }
    return count;
}

bool run_with_helpers(const Region& region) {
    Desk* const desk = std::find_if(desks, desks + kDesks, [](Desk& d) { return d.take(); });
    if (desk == desks + kDesks) return false;
    want_team(std::max(region.team, std::min(num_threads(), most_in_team())));
    desk->run(region, [&region] { ring(bits_below(region.team) & ~bit_of(0)); });
    return true;
}

}  // namespace pycnn
