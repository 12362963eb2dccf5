#include "cpu/conv2d/interleaved_images.hpp"

#include "core/parallel.hpp"

namespace pycnn {

Workspace<float> interleaved_images(const KernelTable& table, int64_t N, int64_t planes, int64_t plane, const float* x) {
    const int64_t block = block_images(table), blocks = ceil_div(N, block);
    Workspace<float> interleaved(blocks * planes * plane * block);
    parallel_ranges(blocks * planes, 1, static_cast<double>(plane * block), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
            Block(block, i / planes, N)
                .load(table, plane, x + i % planes * plane, planes * plane, interleaved.data() + i * plane * block);
    });
    return interleaved;
}

Workspace<float> interleaved_gradient(const KernelTable& table, const PooledConvShape& s, const float* dy,
                                      const uint8_t* winners) {
    const int64_t block = block_images(table), planes = ceil_div(s.conv.N, block) * s.conv.K;
    const int64_t pooled = s.P * s.Q, plane = s.conv.P * s.conv.Q * block, row = s.conv.Q * block;
    const int64_t covered = s.Q * s.window.w * block;  // of a row, by windows
    Workspace<float> interleaved(planes * plane);
    const int team = team_size(planes, static_cast<double>(planes * plane));
    const Workspace<float> areas(pooled * block * team);
    parallel_for(planes, team, [&](int64_t i, int thread) {
        float* gradients = areas.data() + pooled * block * thread;
        Block(block, i / s.conv.K, s.conv.N).load(table, pooled, dy + i % s.conv.K * pooled, s.conv.K * pooled, gradients);
        float* target = interleaved.data() + i * plane;
        for (int64_t p = 0; p < s.P; ++p) {
            const int64_t outputs = p * s.Q * block;
            float* rows = target + p * s.window.h * row;
            table.lane_max_pool_backward(s.window.h, s.window.w, s.Q, gradients + outputs,
                                         winners + i * pooled * block + outputs, rows, row);
            for (int64_t r = 0; r < s.window.h; ++r) std::fill(rows + r * row + covered, rows + (r + 1) * row, 0.0f);
        }
        std::fill(target + s.P * s.window.h * row, target + plane, 0.0f);
    });
    return interleaved;
}

}  // namespace pycnn
