// The work of streams. It is done as late as a device may do it: when the host waits for it, or for other work that waits for
// it. So data that the host reads or frees too early show.
#pragma once

#include <functional>

#include "cuda/emulator/cuda_emulated.hpp"

namespace pycnn::emulator {

using Work = std::function<cudaError_t()>;

// Appends work to the stream's queue, or to the graph that captures the stream.
cudaError_t enqueue(cudaStream_t stream, Work work);

}  // namespace pycnn::emulator
