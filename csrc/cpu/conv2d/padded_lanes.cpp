#include "cpu/conv2d/padded_lanes.hpp"

#include <algorithm>

#include "core/parallel.hpp"

namespace pycnn {

PaddedLanes::PaddedLanes(const KernelTable& table, const ConvShape& s, const float* x, bool in_lanes)
    : block(block_images(table)),
      blocks(ceil_div(s.N, block)),
      height(s.P + (s.R - 1) * s.dilation.h),
      width(s.Q + (s.S - 1) * s.dilation.w),
      size(s.C * height * width * block),
      images(in_lanes ? 0 : blocks * size),
      data(in_lanes ? x : images.data()) {
    if (in_lanes) return;
    const int64_t left = std::max<int64_t>(-s.pad.left, 0), right = std::min(s.W, width - s.pad.left);
    parallel_ranges(blocks * s.C, 1, static_cast<double>(height * width * block), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const int64_t n = i / s.C, c = i % s.C;
            float* target = images.data() + i * height * width * block;
            std::fill_n(target, height * width * block, 0.0f);
            // Rows and columns of the plane that lie inside the padded copy; rows without a gap between them are turned at once.
            const int64_t top = std::max<int64_t>(-s.pad.top, 0), bottom = std::min(s.H, height - s.pad.top);
            const int64_t at_once = right - left == s.W && s.W == width ? bottom - top : 1;
            for (int64_t h = top; h < bottom; h += at_once)
                Block(block, n, s.N)
                    .load(table, at_once * (right - left), x + (c * s.H + h) * s.W + left, s.C * s.H * s.W,
                          target + ((h + s.pad.top) * width + left + s.pad.left) * block);
        }
    });
}

}  // namespace pycnn
