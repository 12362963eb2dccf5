// How threads wait: they spin for a short while, then they sleep in the kernel on a word that others change (a Linux futex).
//
// There are no locks here, so a fork at any moment leaves nothing locked.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <climits>
#include <cstdint>

namespace pycnn {

using Clock = std::chrono::steady_clock;

// A spinning thread takes its core away from other programs, perhaps from the very thread it waits for. Waking up from sleep costs
// 5 us and more. Next to two busy processes on two cores, LeNet-5 trained at 300 to 16,500 images/s with OpenMP's own waiting, which
// spins for milliseconds (four runs), and at 15,500 to 31,700 with GOMP_SPINCOUNT bounding that to about 20 us; on an idle machine
// there was no difference. OpenMP did the waiting in these runs, so the figures show what the bound is worth, not what this code does.
constexpr std::chrono::microseconds kLooking{20};

inline void pause_core() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// Returns whether `done()` became true before the deadline.
template <class F>
bool look_for(F&& done, Clock::time_point deadline) {
    // Each with a pause, about half a microsecond in all: reading the clock costs little in comparison.
    constexpr int kLooks = 16;
    do {
        for (int look = 0; look < kLooks; ++look) {
            if (done()) return true;
            pause_core();
        }
    } while (Clock::now() < deadline);
    return false;
}

using Word = std::atomic<uint32_t>;
static_assert(sizeof(Word) == sizeof(uint32_t) && Word::is_always_lock_free);

constexpr uint32_t kAnyone = FUTEX_BITSET_MATCH_ANY;

// Sleeps until `wake` is called with one of these bits; returns false at once if the word no longer equals `seen`. May also return
// for no reason.
inline bool sleep_on(Word& word, uint32_t seen, uint32_t bits = kAnyone) {
    return syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, seen, nullptr, nullptr, bits) == 0;
}

inline void wake(Word& word, uint32_t bits = kAnyone) {
    syscall(SYS_futex, &word, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, nullptr, nullptr, bits);
}

}  // namespace pycnn
