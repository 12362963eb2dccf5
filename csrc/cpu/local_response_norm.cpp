#include "ops/local_response_norm.hpp"

#include <algorithm>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "core/shape.hpp"
#include "cpu/dispatch.hpp"

namespace pycnn {
namespace {

// A task is one block of pixels of one image, all channels: 1 KiB per row, so that the rows of a window of 5 stay in L1.
constexpr int64_t kBlock = 256;

constexpr double kPowerWork = 30;  // two square roots and a division, or log and exp, in multiply-adds

LrnWindow window(const LrnShape& s) {
    const int64_t reach = s.C - 1;
    return {s.C,
            s.pixels,
            std::min(s.size / 2, reach),
            std::min((s.size - 1) / 2, reach),
            static_cast<float>(s.k),
            static_cast<float>(s.alpha),
            static_cast<float>(s.beta),
            static_cast<float>(2 * s.alpha * s.beta)};
}

// body(first float of the block in the array, pixels of the block, thread)
template <class F>
void for_blocks(const LrnShape& s, int team, F&& body) {
    const int64_t blocks = ceil_div(s.pixels, kBlock);
    parallel_for(s.N * blocks, team, [&](int64_t task, int thread) {
        const int64_t first = task % blocks * kBlock;
        body(task / blocks * s.C * s.pixels + first, std::min(kBlock, s.pixels - first), thread);
    });
}

int team(const LrnShape& s, const LrnWindow& g) {
    const double work = static_cast<double>(s.N * s.C * s.pixels) * (kPowerWork + static_cast<double>(g.before + g.after));
    return team_size(s.N * ceil_div(s.pixels, kBlock), work);
}

}  // namespace

void local_response_norm(const LrnShape& s, const float* x, float* y, float* scale) {
    const LrnWindow g = window(s);
    const KernelTable& table = kernels();
    for_blocks(s, team(s, g), [&](int64_t at, int64_t count, int) { table.lrn(g, count, x + at, y + at, scale + at); });
}

void local_response_norm_backward(const LrnShape& s, const float* dy, const float* x, const float* y, const float* scale,
                                  float* dx) {
    const LrnWindow g = window(s);
    const KernelTable& table = kernels();
    const int threads = team(s, g);
    const int64_t ring = (g.before + g.after + 1) * kBlock;
    const Workspace<float> rings(threads * ring);
    for_blocks(s, threads, [&](int64_t at, int64_t count, int thread) {
        table.lrn_backward(g, count, dy + at, x + at, y + at, scale + at, dx + at, rings.data() + thread * ring, kBlock);
    });
}

}  // namespace pycnn
