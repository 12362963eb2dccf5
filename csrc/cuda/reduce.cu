#include <algorithm>
#include <limits>

#include "core/error.hpp"
#include "core/long_sum.hpp"
#include "core/shape.hpp"
#include "cuda/block_sum.hpp"
#include "cuda/index.hpp"
#include "cuda/reduce.hpp"
#include "cuda/warp.hpp"

namespace pycnn::cuda {
namespace {

__global__ void add_slices_kernel(int64_t count, int64_t slices, const float* parts, float* result) {
    PYCNN_FOR_EACH_ELEMENT(i, count) {
        double sum = parts[i];  // adding a double takes no longer than reading the float
        for (int64_t s = 1; s < slices; ++s) sum += static_cast<double>(parts[s * count + i]);
        result[i] = static_cast<float>(sum);
    }
}

// The elements of a channel are numbered along its planes, image after image. A block adds a slice of them for `channels`
// neighbouring channels, a power of two. Thread t adds the elements of channel t % channels whose number is t / channels modulo
// kThreads / channels. Then halves are added until one sum for each channel remains.
__global__ void channel_totals_kernel(int channels, int64_t K, int64_t plane, Divider by_plane, int64_t count, int64_t slice,
                                      const float* x, float* sums) {
    const int t = static_cast<int>(threadIdx.x), step = kThreads / channels;
    const int64_t k = static_cast<int64_t>(blockIdx.x) * channels + t % channels;
    const int64_t begin = blockIdx.y * slice, end = min(begin + slice, count);
    LongSum of_thread;
    if (k < K) {
        const int64_t other_planes = (K - 1) * plane;  // between those of a channel
#pragma unroll 4
        for (int64_t i = begin + t / channels; i < end; i += step)
            of_thread.add(x[k * plane + i + by_plane.quotient(static_cast<int>(i)) * other_planes]);
    }
    const float sum = block_sum(of_thread.value(), channels);
    if (t < channels && k < K) sums[blockIdx.y * K + k] = sum;
}

}  // namespace

void add_slices(int64_t count, int64_t slices, const float* parts, float* result) {
    launch(add_slices_kernel, blocks_for(count), kThreads, 0, current_stream(), count, slices, parts, result);
}

// A warp reads 32 neighbouring floats: of one channel if its planes are that long, else of several, such as 32 channels for the
// gradient of a linear layer. There are about 256 blocks, two or more for each processor of most devices. But a slice has at
// least 32 elements for each thread: four loads in flight at a time make 8 latencies of memory, some 3 us, as long as launching
// add_slices.
void channel_totals(const char* op, int64_t N, int64_t K, int64_t plane, const float* x, float* sums) {
    if (N * plane > std::numeric_limits<int>::max())  // beyond the range of Divider
        fail_value(op, "channels of 2^31 elements and more are too large for CUDA, got ", N, " x ", plane);
    int channels = kWarp;
    while (channels > 1 && kWarp / channels * 2 <= plane) channels /= 2;
    const int64_t count = N * plane, columns = ceil_div(K, channels), least = int64_t{kThreads} / channels * 32;
    const int64_t slices = std::clamp<int64_t>(256 / columns, 1, std::max<int64_t>(count / least, 1));
    const Workspace<float> parts(slices > 1 ? slices * K : 0);
    launch(channel_totals_kernel, dim3(static_cast<unsigned>(columns), static_cast<unsigned>(slices)), kThreads, 0,
           current_stream(), channels, K, plane, Divider(plane), count, ceil_div(count, slices), x,
           slices > 1 ? parts.data() : sums);
    if (slices > 1) add_slices(K, slices, parts.data(), sums);
}

}  // namespace pycnn::cuda
