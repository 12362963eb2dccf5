// Dropout. The random numbers are those of csrc/cpu/isa/philox.hpp: a seed drops the same elements on every processor.
#include "cuda/launch.hpp"
#include "cuda/step_graph.hpp"
#include "ops/dropout.hpp"

namespace pycnn {
namespace {

struct Block {
    unsigned words[4];
};

// Block `index` of Philox4x32-10: J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011.
__device__ Block philox(uint64_t index, uint64_t key) {
    constexpr int kRounds = 10;
    constexpr unsigned kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
    unsigned c0 = static_cast<unsigned>(index), c1 = static_cast<unsigned>(index >> 32), c2 = 0, c3 = 0;
    unsigned k0 = static_cast<unsigned>(key), k1 = static_cast<unsigned>(key >> 32);
#pragma unroll
    for (int round = 0; round < kRounds; ++round) {
        const unsigned upper0 = __umulhi(kMultiplier0, c0), lower0 = kMultiplier0 * c0;
        const unsigned upper1 = __umulhi(kMultiplier1, c2), lower1 = kMultiplier1 * c2;
        c0 = upper1 ^ c1 ^ k0;
        c1 = lower1;
        c2 = upper0 ^ c3 ^ k1;
        c3 = lower0;
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
    return {{c0, c1, c2, c3}};
}

// A select, not a product with 0 or 1: a dropped NaN or infinity is zero.
__device__ float where_kept(unsigned char keep, float x) { return keep ? x : 0.0f; }

// A thread computes a block of numbers and uses all four.
__global__ void dropout_kernel(int64_t count, uint64_t first_block, cuda::Varying<uint64_t> seed, unsigned threshold,
                               float scale, const float* x, float* y, uint8_t* kept) {
    const uint64_t key = seed.get();
    PYCNN_FOR_EACH_ELEMENT(block, (count + 3) / 4) {
        const Block numbers = philox(first_block + static_cast<uint64_t>(block), key);
        unsigned char keep[4];
#pragma unroll
        for (int i = 0; i < 4; ++i) keep[i] = numbers.words[i] >= threshold;
        const int64_t at = 4 * block;
        if (at + 4 <= count) {
            const float4 v = reinterpret_cast<const float4*>(x)[block];
            reinterpret_cast<float4*>(y)[block] =
                make_float4(where_kept(keep[0], scale * v.x), where_kept(keep[1], scale * v.y),
                            where_kept(keep[2], scale * v.z), where_kept(keep[3], scale * v.w));
            reinterpret_cast<uchar4*>(kept)[block] = make_uchar4(keep[0], keep[1], keep[2], keep[3]);
        } else {
#pragma unroll
            for (int i = 0; i < 3; ++i)
                if (at + i < count) {
                    y[at + i] = where_kept(keep[i], scale * x[at + i]);
                    kept[at + i] = keep[i];
                }
        }
    }
}

__global__ void dropout_backward_kernel(int64_t count, float scale, const float* dy, const uint8_t* kept, float* dx) {
    PYCNN_FOR_EACH_ELEMENT(i, count) dx[i] = where_kept(kept[i], scale * dy[i]);
}

}  // namespace

void dropout(int64_t count, uint64_t first_block, double p, uint64_t seed, const float* x, float* y, uint8_t* kept) {
    using namespace cuda;
    const DropoutScalars s = dropout_scalars(p, seed);
    launch(dropout_kernel, blocks_for((count + 3) / 4), kThreads, 0, current_stream(), count, first_block, Varying(s.seed),
           s.threshold, s.scale, x, y, kept);
}

void dropout_backward(int64_t count, double p, const float* dy, const uint8_t* kept, float* dx) {
    using namespace cuda;
    launch(dropout_backward_kernel, blocks_for(count), kThreads, 0, current_stream(), count, dropout_scale(p), dy, kept, dx);
}

}  // namespace pycnn
