#include "core/spare_threads.hpp"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <new>
#include <vector>

#include "core/waiting.hpp"

namespace pycnn {
namespace {

void* wait_to_end(void* word) {
    Word& ended = *static_cast<Word*>(word);
    while (ended.load(std::memory_order_acquire) == 0) sleep_on(ended, 0);
    return nullptr;
}

}  // namespace

int spare_threads(int count) {
    if (count <= 0) return 0;
    constexpr int kReserve = 2;
    std::vector<pthread_t> threads;
    try {
        threads.reserve(static_cast<size_t>(count + kReserve));
    } catch (const std::bad_alloc&) {
        return 0;
    }
    Word ended{0};
    for (pthread_t thread; threads.size() < threads.capacity() && pthread_create(&thread, nullptr, wait_to_end, &ended) == 0;)
        threads.push_back(thread);
    ended.store(1, std::memory_order_release);
    wake(ended);
    for (const pthread_t thread : threads) pthread_join(thread, nullptr);
    usleep(1000);  // the kernel still counts threads for a moment after they were joined
    return std::max(static_cast<int>(threads.size()) - kReserve, 0);
}

}  // namespace pycnn
