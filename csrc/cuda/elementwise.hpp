// Functions of each element alone.
#pragma once

#include "cuda/launch.hpp"

namespace pycnn::cuda {

template <class F, class... Vectors>
__device__ float4 map_vector(const F& f, const Vectors&... v) {
    return make_float4(f(v.x...), f(v.y...), f(v.z...), f(v.w...));
}

// out[i] = f(in[i]...), four elements a load. Arrays begin at the start of a block of memory, so they are aligned to a vector.
template <class F, class... In>
__global__ void map_kernel(int64_t count, F f, float* out, const In*... in) {
    const int64_t vectors = count / 4;
    PYCNN_FOR_EACH_ELEMENT(v, vectors) {
        reinterpret_cast<float4*>(out)[v] = map_vector(f, reinterpret_cast<const float4*>(in)[v]...);
    }
    PYCNN_FOR_EACH_ELEMENT(i, count - 4 * vectors) out[4 * vectors + i] = f(in[4 * vectors + i]...);
}

// f is a functor with a __device__ operator() that takes as many floats as there are inputs.
template <class F, class... In>
void map(int64_t count, F f, float* out, const In*... in) {
    void (*const kernel)(int64_t, F, float*, const In*...) = map_kernel<F, In...>;
    launch(kernel, blocks_for((count + 3) / 4), kThreads, 0, current_stream(), count, f, out, in...);
}

}  // namespace pycnn::cuda
