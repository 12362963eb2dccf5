#include "core/memory.hpp"

#include <pthread.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

#include "core/error.hpp"

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
// Blocks cached beyond this are given back to the system: enough for AlexNet's activations and gradients at batch 128.
constexpr size_t kCacheLimit = size_t{2} << 30;

// Sits in front of each block, one alignment unit long, and remembers its class.
struct alignas(kAlignment) Header {
    int size_class;
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

// Tells AddressSanitizer that only a block's first `used` bytes may be touched. By itself it would miss steps into the unused
// end of a block, and uses of a block that was freed into the cache: to it, both are allocated memory.
void limit_access([[maybe_unused]] Header* header, [[maybe_unused]] size_t used) {
#ifdef PYCNN_ADDRESS_SANITIZER
    char* block = reinterpret_cast<char*>(header + 1);
    __asan_unpoison_memory_region(block, used);
    __asan_poison_memory_region(block + used, class_bytes(header->size_class) - used);
#endif
}

struct Pool {
    std::mutex mutex;
    std::array<std::vector<Header*>, kClasses> free_blocks;
    size_t cached = 0;
};

// Never destroyed: arrays may outlive static destructors at interpreter exit.
Pool& pool() {
    static Pool* instance = new Pool;
    return *instance;
}

// A fork while another thread holds the lock would leave the child's copy locked for ever.
[[maybe_unused]] const int at_fork =
    pthread_atfork([] { pool().mutex.lock(); }, [] { pool().mutex.unlock(); }, [] { pool().mutex.unlock(); });

}  // namespace

void* pool_allocate(size_t bytes) {
    const auto too_large = [bytes] { return OutOfMemory(text("a block of ", bytes, " bytes does not fit the memory")); };
    if (bytes > (size_t{1} << 46)) throw too_large();
    const int size_class = size_class_of(bytes);
    {
        std::lock_guard lock(pool().mutex);
        auto& blocks = pool().free_blocks[size_class];
        if (!blocks.empty()) {
            Header* block = blocks.back();
            blocks.pop_back();
            pool().cached -= class_bytes(size_class);
            limit_access(block, bytes);
            return block + 1;
        }
    }
    const size_t total = sizeof(Header) + class_bytes(size_class);
    void* memory = std::aligned_alloc(kAlignment, total);
    if (memory == nullptr) {
        pool_trim();
        memory = std::aligned_alloc(kAlignment, total);
    }
    if (memory == nullptr) throw too_large();
    Header* header = new (memory) Header{size_class};
    limit_access(header, bytes);
    return header + 1;
}

void pool_free(void* block) noexcept {
    if (block == nullptr) return;
    Header* header = static_cast<Header*>(block) - 1;
    const size_t bytes = class_bytes(header->size_class);
    {
        std::lock_guard lock(pool().mutex);
        if (pool().cached + bytes <= kCacheLimit) {
            try {
                pool().free_blocks[header->size_class].push_back(header);
                pool().cached += bytes;
                limit_access(header, 0);
                return;
            } catch (const std::bad_alloc&) {
                // No room to remember it: let it go.
            }
        }
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
}

size_t pool_cached_bytes() noexcept {
    std::lock_guard lock(pool().mutex);
    return pool().cached;
}

}  // namespace pycnn
