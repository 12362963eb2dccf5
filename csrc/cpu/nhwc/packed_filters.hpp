// What steps with packed filters have in common: how the filters are shared out among threads, and fetched before they are wanted.
#pragma once

#include <algorithm>

#include "core/parallel.hpp"
#include "core/shape.hpp"

namespace pycnn {

// Tasks for each thread: enough to balance, and few enough that a task is some microseconds long.
constexpr int64_t kTasksPerThread = 4;

// Tiles that ask for the filters of the next block while they multiply. Few pixels do little arithmetic for each filter: 4 x 4 pixels of
// 512 channels take two cores 320 us, and their filters 430. The first tile of a block would wait for all of them, and the others for
// none.
constexpr int64_t kFetchingTiles = 8;

// What the tiles of a block fetch, the filters of the next one: each the same share, a piece at each step of its sum. A single tile
// reads its filters as a stream, which the processor fetches by itself (measured with a share more: 320 -> 1280 at 3 x 3, N=1, 141 us for 97).
struct Fetching {
    const float *next, *own;  // next may be null
    int64_t depth, step, tiles;

    Fetching(const float* next, const float* own, int64_t depth, int64_t width, int64_t tiles_of_block)
        : next(next),
          own(own),
          depth(depth),
          step(0),
          tiles(next && tiles_of_block > 1 ? std::min(tiles_of_block, kFetchingTiles) : 0) {
        if (tiles > 0) step = width / tiles;
    }
    const float* begin(int64_t tile) const { return tile < tiles ? next + tile * depth * step : own; }
    int64_t step_of(int64_t tile) const { return tile < tiles ? step : 0; }
};

// The number of parts, at most `most`, whose busiest thread has the fewest vectors of filters: 10 vectors on two threads are two parts
// of 5, not 5 parts of 2. There are `copies` tasks for each part.
inline int64_t balanced_parts(int64_t most, int64_t copies, int64_t vectors) {
    const int64_t threads = num_threads();
    if (threads == 1) return 1;
    int64_t parts = most, least = 0;
    for (int64_t count = most; count >= 1; --count) {
        const int64_t busiest = ceil_div(copies * count, threads) * ceil_div(vectors, count);
        if (count == most || busiest < least) least = busiest, parts = count;
    }
    return parts;
}

}  // namespace pycnn
