// Cuts long arrays into chunks for the threads.
#pragma once

#include "core/parallel.hpp"

namespace pycnn {

// 16 K floats per chunk, 64 KiB per array: small enough for L2, and long enough that handing out chunks costs almost nothing.
constexpr int64_t kChunk = 16384;

// Calls kernel(first, length) for every chunk. `work` is the work per element, in multiply-adds.
template <class F>
void for_chunks(int64_t count, F&& kernel, double work = 1) {
    const int64_t tasks = (count + kChunk - 1) / kChunk;
    parallel_for(tasks, team_size(tasks, static_cast<double>(count) * work), [&](int64_t task, int) {
        const int64_t begin = task * kChunk;
        kernel(begin, begin + kChunk < count ? kChunk : count - begin);
    });
}

}  // namespace pycnn
