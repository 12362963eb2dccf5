#include "core/team.hpp"

#include <omp.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "core/cpu_limits.hpp"
#include "core/denormals.hpp"
#include "core/spare_threads.hpp"

namespace pycnn {
namespace {

// The state that threads share. It is constant-initialised and never destroyed: no thread can find it half made, in the midst of a
// fork, or gone while the process ends.
constexpr int kDesks = 8;
constinit Desk desks[kDesks];

// `rings` counts new regions. A helper that goes to sleep leaves its bit in `asleep`, so that nobody calls the kernel for helpers that
// are awake or not needed for the region. Bit 0 is the background thread's; helpers from 31 on share the last bit.
alignas(64) constinit Word rings{0};
constinit Word asleep{0};

alignas(64) constinit std::atomic<int> wanted{0};  // threads of the largest team so far, with the caller
constinit std::atomic<int> serving{0};             // its value when the background thread began the parallel region
constinit std::atomic<bool> background_started{false};

// When the background thread next checks whether the threads that a team lacks can be created, in ticks of the clock.
constexpr Clock::rep kNever = std::numeric_limits<Clock::rep>::max();
constinit std::atomic<Clock::rep> next_try{kNever};

uint32_t bit_of(int thread) { return uint32_t{1} << std::min(thread, 31); }
uint32_t bits_below(int team) { return team > 31 ? kAnyone : bit_of(team) - 1; }

void ring(uint32_t bits) {
    rings.fetch_add(1, std::memory_order_seq_cst);
    // A helper that leaves its bit after this has not slept yet, and sees that `rings` has changed.
    if ((asleep.load(std::memory_order_seq_cst) & bits) == 0) return;
    if (asleep.fetch_and(~bits, std::memory_order_seq_cst) & bits) wake(rings, bits);
}

// Returns whether it slept.
bool sleep_until_rung(uint32_t seen, int thread) {
    asleep.fetch_or(bit_of(thread), std::memory_order_seq_cst);
    return sleep_on(rings, seen, bit_of(thread));
}

bool larger_team_wanted() { return wanted.load(std::memory_order_acquire) != serving.load(std::memory_order_relaxed); }

bool help_somewhere(int thread) {
    return std::any_of(desks, desks + kDesks, [thread](Desk& desk) { return desk.help(thread); });
}

// A helper's loop: work where there is work, look for more for a short while, and sleep.
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
        // Regions that it takes no part in do not keep it awake.
        if (Clock::now() < deadline && look_for(rung, deadline)) continue;
        if (sleep_until_rung(seen, thread)) deadline = Clock::now() + kLooking;
    }
}

// The background thread is thread 0 of OpenMP's team, in place of the callers, and only waits.
void wait_for_larger_team() {
    for (;;) {
        const uint32_t seen = rings.load(std::memory_order_acquire);
        if (larger_team_wanted()) return;
        sleep_until_rung(seen, 0);
    }
}

void* background(void*) {
    // The thread of the first op may be bound to fewer processors.
    if (omp_get_proc_bind() == omp_proc_bind_false) take_affinity_of_process();
    // Otherwise the runtime would shrink the team if the machine is busy now, and it would stay small.
    omp_set_dynamic(0);
    int helpers = 0;  // OpenMP keeps those of the previous region
    for (;;) {
        const int size = wanted.load(std::memory_order_acquire);
        serving.store(size, std::memory_order_relaxed);
        helpers += spare_threads(size - 1 - helpers);
        const auto later = Clock::now() + std::chrono::seconds(1);
        next_try.store(helpers < size - 1 ? later.time_since_epoch().count() : kNever, std::memory_order_relaxed);
        // The region uses only atomics, and no variable of this function: tools that do not know OpenMP's barriers see no race.
#pragma omp parallel num_threads(helpers + 1)
        if (const int thread = omp_get_thread_num(); thread > 0)
            serve(thread);
        else
            wait_for_larger_team();
    }
    return nullptr;
}

// The background thread blocks signals, which Python awaits in its own threads. It does not block signals of a thread's own faults: a
// blocked one ends the process without calling its handler.
bool start_background() {
    sigset_t blocked, before;
    sigfillset(&blocked);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) sigdelset(&blocked, fault);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    pthread_t thread;
    const bool started = pthread_create(&thread, nullptr, background, nullptr) == 0;
    if (started) pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return started;
}

// Returns whether the background thread should check for room again; true for only one of the callers that ask.
bool try_is_due() {
    Clock::rep time = next_try.load(std::memory_order_relaxed);
    if (time == kNever || Clock::now().time_since_epoch().count() < time) return false;
    return next_try.compare_exchange_strong(time, kNever, std::memory_order_relaxed);
}

void want_team(int size) {
    int largest = wanted.load(std::memory_order_relaxed);
    while (largest < size &&
           !wanted.compare_exchange_weak(largest, size, std::memory_order_acq_rel, std::memory_order_relaxed)) {
    }
    if (!background_started.load(std::memory_order_acquire) && !background_started.exchange(true, std::memory_order_acq_rel)) {
        // Without a background thread the caller does the work, and the next caller tries again.
        if (!start_background()) background_started.store(false, std::memory_order_release);
        return;
    }
    const bool again = try_is_due();
    if (again) serving.store(0, std::memory_order_relaxed);  // ends the parallel region
    if (again || largest < size) ring(kAnyone);
}

[[maybe_unused]] const int at_fork = pthread_atfork(nullptr, nullptr, [] {
    for (Desk& desk : desks) desk.reset();
    asleep.store(0, std::memory_order_relaxed);
    wanted.store(0, std::memory_order_relaxed);
    serving.store(0, std::memory_order_relaxed);
    background_started.store(false, std::memory_order_relaxed);
    next_try.store(kNever, std::memory_order_relaxed);
});

}  // namespace

int most_in_team() {
    static constinit std::atomic<int> most{0};
    int count = most.load(std::memory_order_relaxed);
    if (count == 0) {
        const long limit = std::clamp<long>(4 * sysconf(_SC_NPROCESSORS_ONLN), 64, kMostThreads);
        // A limit on all threads of the process includes pycnn's, whatever else was asked for; the runtime would enforce it too late,
        // once the background thread exists.
        count = openmp_setting("OMP_THREAD_LIMIT", static_cast<int>(limit));
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

bool helpers_are_awake(int team) {
    const uint32_t helpers = bits_below(team) & ~bit_of(0);
    return background_started.load(std::memory_order_relaxed) && (asleep.load(std::memory_order_relaxed) & helpers) == 0;
}

}  // namespace pycnn
