// Long arrays cut into chunks for the threads.
#pragma once

#include "core/parallel.hpp"

namespace pycnn {

// 16 K floats a chunk, 64 KiB an array: small enough for L2, long enough that handing it out costs nothing.
constexpr int64_t kChunk = 16384;

// kernel(first, length) for every chunk. `work` is that of an element, in multiply-adds.
template <class F>
void for_chunks(int64_t count, F&& kernel, double work = 1) {
    const int64_t tasks = (count + kChunk - 1) / kChunk;
    parallel_for(tasks, team_size(tasks, static_cast<double>(count) * work), [&](int64_t task, int) {
        const int64_t begin = task * kChunk;
        kernel(begin, begin + kChunk < count ? kChunk : count - begin);
    });
}

}  // namespace pycnn
