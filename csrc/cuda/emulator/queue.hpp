// What streams are asked for, and when they do it: as late as a device may, which is when the host waits for it, or for something
// that waits for it. So what the host reads or frees too early shows.
#pragma once

#include <functional>

#include "cuda/emulator/cuda_emulated.hpp"

namespace pycnn::host {

using Work = std::function<cudaError_t()>;

// Work for the end of the stream's queue, or for the graph that the stream is captured in.
cudaError_t enqueue(cudaStream_t stream, Work work);

}  // namespace pycnn::host
