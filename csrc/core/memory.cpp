#include "core/memory.hpp"

#include <pthread.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

#include "core/error.hpp"
#include "core/memory_guard.hpp"

#if defined(__SANITIZE_ADDRESS__)
#define PYCNN_ADDRESS_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PYCNN_ADDRESS_SANITIZER
#endif
#endif
#ifdef PYCNN_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif

namespace pycnn {
namespace {

// Size classes: four steps between powers of two, so that at most a fifth of a block is unused.
constexpr int kSteps = 4;
constexpr size_t kSmallest = 256;
constexpr int kClasses = 48 * kSteps;
// A block of up to twice the size serves as well. Else every size that occurs keeps blocks of its own: in steps of ResNet-18, VGG-11,
// MobileNetV2 and AlexNet the pool held 8 to 25 % more; with blocks of any size it held as much again, since large ones were then
// missing where they were needed.
constexpr int kLarger = kSteps;
// Blocks beyond this size of the cache are returned to the system: enough for AlexNet's activations and gradients at batch 128.
constexpr size_t kCacheLimit = size_t{2} << 30;

// A guard is four of the longest vectors: a kernel that runs past the end seldom goes further.
constexpr size_t kGuard = 4 * kAlignment;

// Precedes each block and is one alignment unit long. For a block that was handed out it holds the bytes asked for, and whether a
// guard follows them.
struct alignas(kAlignment) Header {
    int size_class;
    bool guarded;
    size_t used;
};

int size_class_of(size_t bytes) {
    if (bytes <= kSmallest) return 0;
    const int top = std::bit_width(bytes - 1) - 1;  // 2^top < bytes <= 2^(top+1)
    const size_t step = (size_t{1} << top) / kSteps;
    const int part = static_cast<int>((bytes - (size_t{1} << top) + step - 1) / step);  // 1..kSteps
    return (top - std::bit_width(kSmallest - 1)) * kSteps + part;
}

size_t class_bytes(int size_class) {
    const size_t base = kSmallest << (size_class / kSteps);
    return base + base / kSteps * (size_class % kSteps);
}

// Tells AddressSanitizer that only a block's first `bytes` bytes may be touched. By itself it would miss accesses to the unused end
// of a block, or to a block that was freed into the cache: it sees both as allocated memory.
void limit_access([[maybe_unused]] Header* header, [[maybe_unused]] size_t bytes) {
#ifdef PYCNN_ADDRESS_SANITIZER
    char* block = reinterpret_cast<char*>(header + 1);
    __asan_unpoison_memory_region(block, bytes);
    __asan_poison_memory_region(block + bytes, class_bytes(header->size_class) - bytes);
#endif
}

std::atomic<bool> poison{false};
std::atomic<int64_t> damaged_blocks{0};

// A NaN that differs from block to block: a NaN that a kernel read past the end of another block, and computed with, cannot pass for
// an untouched guard.
uint32_t nan_of(const Header* header) { return 0x7fc00000u | (reinterpret_cast<uintptr_t>(header) / kAlignment & 0x3fffffu); }

void* hand_out(Header* header, size_t bytes, bool guarded) {
    header->used = bytes;
    header->guarded = guarded;
    if (guarded) {
        limit_access(header, class_bytes(header->size_class));
        std::fill_n(reinterpret_cast<uint32_t*>(header + 1), (bytes + kGuard) / sizeof(uint32_t), nan_of(header));
    }
    limit_access(header, bytes);
    return header + 1;
}

void check_guard(Header* header) noexcept {
    if (!header->guarded) return;
    const auto* block = reinterpret_cast<const unsigned char*>(header + 1);
    const uint32_t nan = nan_of(header);
    limit_access(header, class_bytes(header->size_class));
    for (size_t i = header->used; i < (header->used + kGuard) / sizeof nan * sizeof nan; ++i)
        if (block[i] != reinterpret_cast<const unsigned char*>(&nan)[i % sizeof nan]) {
            ++damaged_blocks;
            return;
        }
}

struct Pool {
    std::mutex mutex;
    std::array<std::vector<Header*>, kClasses> free_blocks;
    size_t cached = 0, used = 0, most_used = 0;

    void count_used(size_t bytes) {
        used += bytes;
        most_used = std::max(most_used, used);
    }
};

// Never destroyed: arrays may outlive static destructors at interpreter exit.
Pool& pool() {
    static Pool* instance = new Pool;
    return *instance;
}

// If another thread held the lock during a fork, the child's copy would stay locked for ever.
[[maybe_unused]] const int at_fork =
    pthread_atfork([] { pool().mutex.lock(); }, [] { pool().mutex.unlock(); }, [] { pool().mutex.unlock(); });

}  // namespace

void* pool_allocate(size_t bytes) {
    const auto too_large = [bytes] { return OutOfMemory(text("a block of ", bytes, " bytes does not fit the memory")); };
    if (bytes > (size_t{1} << 46)) throw too_large();
    const bool guarded = poison;
    const int size_class = size_class_of(guarded ? bytes + kGuard : bytes);
    Header* cached = nullptr;
    {
        std::lock_guard lock(pool().mutex);
        for (int larger = size_class; larger <= std::min(size_class + kLarger, kClasses - 1) && cached == nullptr; ++larger) {
            auto& blocks = pool().free_blocks[larger];
            if (blocks.empty()) continue;
            cached = blocks.back();
            blocks.pop_back();
            pool().cached -= class_bytes(larger);
            pool().count_used(class_bytes(larger));
        }
    }
    if (cached != nullptr) return hand_out(cached, bytes, guarded);
    const size_t total = sizeof(Header) + class_bytes(size_class);
    void* memory = std::aligned_alloc(kAlignment, total);
    if (memory == nullptr) {
        pool_trim();
        memory = std::aligned_alloc(kAlignment, total);
    }
    if (memory == nullptr) throw too_large();
    {
        std::lock_guard lock(pool().mutex);
        pool().count_used(class_bytes(size_class));
    }
    return hand_out(new (memory) Header{size_class, guarded, bytes}, bytes, guarded);
}

void pool_free(void* block) noexcept {
    if (block == nullptr) return;
    Header* header = static_cast<Header*>(block) - 1;
    check_guard(header);
    const size_t bytes = class_bytes(header->size_class);
    {
        std::lock_guard lock(pool().mutex);
        pool().used -= bytes;
        if (pool().cached + bytes <= kCacheLimit) {
            try {
                pool().free_blocks[header->size_class].push_back(header);
                pool().cached += bytes;
                limit_access(header, 0);
                return;
            } catch (const std::bad_alloc&) {
                // There is no room to remember it: return it to the system.
            }
        }
    }
    std::free(header);
}

void pool_discard(void* block) noexcept {
    if (block == nullptr) return;
    Header* header = static_cast<Header*>(block) - 1;
    check_guard(header);
    {
        std::lock_guard lock(pool().mutex);
        pool().used -= class_bytes(header->size_class);
    }
    std::free(header);
}

void pool_trim() noexcept {
    std::lock_guard lock(pool().mutex);
    for (auto& blocks : pool().free_blocks) {
        for (Header* block : blocks) std::free(block);
        blocks.clear();
    }
    pool().cached = 0;
#ifdef __GLIBC__
    // By itself it keeps freed blocks of up to 32 MiB: 150 MB after a step of MobileNetV2.
    malloc_trim(0);
#endif
}

size_t pool_cached_bytes() noexcept {
    std::lock_guard lock(pool().mutex);
    return pool().cached;
}

size_t pool_used_bytes() noexcept {
    std::lock_guard lock(pool().mutex);
    return pool().used;
}

size_t pool_most_used_bytes() noexcept {
    std::lock_guard lock(pool().mutex);
    return pool().most_used;
}

void pool_forget_most_used() noexcept {
    std::lock_guard lock(pool().mutex);
    pool().most_used = pool().used;
}

void pool_poison(bool on) noexcept { poison = on; }
int64_t pool_damaged_blocks() noexcept { return damaged_blocks; }

}  // namespace pycnn
