// How the weight gradients of filters of one channel are cut into tasks: slices of the images x blocks of channels.
#pragma once

#include <algorithm>
#include <vector>

#include "core/shape.hpp"
#include "cpu/long_products.hpp"

namespace pycnn {

struct DepthwiseSlices {
    int64_t block, blocks, slices;

    // Blocks of whole units of channels.
    explicit DepthwiseSlices(const ConvShape& s, int64_t unit = 1)
        : block(unit * std::clamp<int64_t>(s.C / unit / kTasks, 1, std::max<int64_t>(kBlockChannels / unit, kBlockUnits))),
          blocks(ceil_div(s.C, block)),
          slices(std::clamp<int64_t>(ceil_div(kTasks, blocks), 1, s.N)) {}

    int64_t tasks() const { return slices * blocks; }

    // Sums of the slices: of each filter those of its taps, and of dy. `add` adds them up in the order of the slices.
    int64_t partial_size(const ConvShape& s) const { return slices * s.K * (s.R * s.S + 1); }
    void add(const ConvShape& s, const float* partial, float* dw, float* db) const {
        const int64_t taps = s.R * s.S;
        std::fill_n(dw, s.K * taps, 0.0f);
        std::fill_n(db, s.K, 0.0f);
        for (int64_t slice = 0; slice < slices; ++slice)
            for (int64_t k = 0; k < s.K; ++k, partial += taps + 1) {
                for (int64_t t = 0; t < taps; ++t) dw[k * taps + t] += partial[t];
                db[k] += partial[taps];
            }
    }

    // The sums of each channel of a block, `lane_sums` floats a channel.
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
    // Where a lane is a channel, vectors of channels: 8 of 3 x 3 filters have sums of 5 KiB. With 64 images of 512 x 4 x 4 one vector at a
    // time reads 512 bytes of an image before it goes on to the next, which starts a new page.
    static constexpr int64_t kBlockUnits = 8;
};

}  // namespace pycnn
