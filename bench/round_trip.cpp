// Prints how many nanoseconds a cache line takes from one core to another and back: the median of blocks of round trips between two
// threads, each on one of the first two processors that this process may use. Exit status 1 if there is only one. Built by round_trip.py.
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

namespace {

constexpr int kBlocks = 15, kTrips = 2000;  // some milliseconds

void stay_on(int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

// Waits for another thread's number. A neighbour of this machine may hold the other core: then this one is given up for a while, too.
void wait_for(const std::atomic<int>& line, int number) {
    for (int tries = 0; line.load(std::memory_order_acquire) != number; ++tries)
        if (tries > 100000) {
            sched_yield();
            tries = 0;
        }
}

}  // namespace

int main() {
    cpu_set_t allowed;
    sched_getaffinity(0, sizeof allowed, &allowed);
    std::vector<int> processors;
    for (int i = 0; i < CPU_SETSIZE; ++i)
        if (CPU_ISSET(i, &allowed)) processors.push_back(i);
    if (processors.size() < 2) return 1;

    alignas(128) static std::atomic<int> line{0};  // even: the first thread's turn
    const int trips = kBlocks * kTrips;
    std::thread other([&] {
        stay_on(processors[1]);
        for (int i = 0; i < trips; ++i) {
            wait_for(line, 2 * i + 1);
            line.store(2 * i + 2, std::memory_order_release);
        }
    });
    stay_on(processors[0]);
    std::vector<double> blocks;
    for (int block = 0; block < kBlocks; ++block) {
        const auto start = std::chrono::steady_clock::now();
        for (int i = block * kTrips; i < (block + 1) * kTrips; ++i) {
            line.store(2 * i + 1, std::memory_order_release);
            wait_for(line, 2 * i + 2);
        }
        const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
        blocks.push_back(took.count() / kTrips);
    }
    other.join();
    std::nth_element(blocks.begin(), blocks.begin() + kBlocks / 2, blocks.end());
    std::printf("%.0f\n", blocks[kBlocks / 2]);
}
