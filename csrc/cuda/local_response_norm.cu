// Local response normalisation: each thread sums the whole window of its element, as on the CPU. Neighbouring threads have
// neighbouring pixels, and the cache holds the rows of a window.
#include "cuda/launch.hpp"
#include "ops/local_response_norm.hpp"

namespace pycnn {
namespace {

// scale^-beta
struct ThreeQuarters {
    __device__ float operator()(float scale) const {
        const float root = sqrtf(scale);
        return 1.0f / (root * sqrtf(root));
    }
};

struct AnyPower {
    float beta;
    __device__ float operator()(float scale) const { return expf(-beta * logf(scale)); }
};

// Channels c - before .. c + after that exist, as offsets in channels from c.
struct Reach {
    int64_t first, last;

    __device__ Reach(int64_t c, int64_t channels, int64_t before, int64_t after)
        : first(c < before ? -c : -before), last(c + after < channels ? after : channels - 1 - c) {}
};

template <class Power>
__global__ void forward_kernel(int64_t count, LrnWindow g, Power power, const float* x, float* y, float* scale) {
    PYCNN_FOR_EACH_ELEMENT(i, count) {
        const Reach reach(i / g.pixels % g.C, g.C, g.before, g.after);
        float sum = 0.0f;
        for (int64_t j = reach.first; j <= reach.last; ++j) {
            const float v = x[i + j * g.pixels];
            sum += v * v;
        }
        const float s = g.k + g.alpha * sum;
        scale[i] = s;
        y[i] = x[i] * power(s);
    }
}

__global__ void quotients_kernel(int64_t count, const float* dy, const float* y, const float* scale, float* quotients) {
    PYCNN_FOR_EACH_ELEMENT(i, count) quotients[i] = dy[i] * y[i] / scale[i];
}

// The channels whose windows hold channel c are c - after .. c + before.
template <class Power>
__global__ void backward_kernel(int64_t count, LrnWindow g, Power power, const float* dy, const float* x, const float* scale,
                                const float* quotients, float* dx) {
    PYCNN_FOR_EACH_ELEMENT(i, count) {
        const Reach reach(i / g.pixels % g.C, g.C, g.after, g.before);
        float sum = 0.0f;
        for (int64_t j = reach.first; j <= reach.last; ++j) sum += quotients[i + j * g.pixels];
        dx[i] = dy[i] * power(scale[i]) - g.slope * x[i] * sum;
    }
}

}  // namespace

void local_response_norm(const LrnShape& s, const float* x, float* y, float* scale) {
    using namespace cuda;
    const LrnWindow g = window_of(s);
    const int64_t count = s.N * s.C * s.pixels;
    const auto run = [&]<class Power>(Power power) {
        launch(forward_kernel<Power>, blocks_for(count), kThreads, 0, current_stream(), count, g, power, x, y, scale);
    };
    if (g.beta == 0.75f) {
        run(ThreeQuarters{});
    } else {
        run(AnyPower{g.beta});
    }
}

void local_response_norm_backward(const LrnShape& s, const float* dy, const float* x, const float* y, const float* scale,
                                  float* dx) {
    using namespace cuda;
    const LrnWindow g = window_of(s);
    const int64_t count = s.N * s.C * s.pixels;
    const Workspace<float> quotients(count);
    launch(quotients_kernel, blocks_for(count), kThreads, 0, current_stream(), count, dy, y, scale, quotients.data());
    const auto run = [&]<class Power>(Power power) {
        launch(backward_kernel<Power>, blocks_for(count), kThreads, 0, current_stream(), count, g, power, dy, x, scale,
               quotients.data(), dx);
    };
    if (g.beta == 0.75f) {
        run(ThreeQuarters{});
    } else {
        run(AnyPower{g.beta});
    }
}

}  // namespace pycnn
