// How the weight gradients of filters of one channel are cut into tasks: slices of the images x blocks of channels.
#pragma once

#include <algorithm>
#include <vector>

#include "core/shape.hpp"
#include "cpu/long_products.hpp"

namespace pycnn {

struct DepthwiseSlices {
    int64_t slices, block, blocks;

    explicit DepthwiseSlices(const ConvShape& s)
        : slices(std::clamp<int64_t>(ceil_div(kTasks, s.C), 1, s.N)),
          block(std::clamp<int64_t>(s.C / kTasks, 1, kBlockChannels)),
          blocks(ceil_div(s.C, block)) {}

    int64_t tasks() const { return slices * blocks; }

    // Those of each channel of a block, `lane_sums` floats a channel.
    static std::vector<LongSums> long_sums(int64_t channels, float* sums, int64_t lane_sums, double* totals) {
        std::vector<LongSums> list;
        for (int64_t c = 0; c < channels; ++c)
            list.emplace_back(sums + c * lane_sums, 1, lane_sums, 0, totals ? totals + c * lane_sums : nullptr, kProductRun);
        return list;
    }

private:
    // Enough weight gradients for a few cores to balance: images are cut into slices where there are fewer channels.
    static constexpr int64_t kTasks = 16;
    // Channels whose weight gradients a task sums at a time: of 3 x 3 filters 9 KiB with AVX-512, a part of L1.
    static constexpr int64_t kBlockChannels = 16;
};

}  // namespace pycnn
