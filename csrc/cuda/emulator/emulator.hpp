// Runs a kernel on the CPU: blocks over the threads of core/parallel, the CUDA threads of a block as fibers of one of them.
//
// It finds barriers that some threads of a block never reach, too much shared memory, reads of uninitialised shared memory
// (which starts as NaN), and results that depend on the order of threads. PYCNN_CUDA_EMULATED_ORDER sets that order: forward
// (the default), reverse or random.
#pragma once

#include <functional>
#include <string>

#include "cuda/emulator/cuda_emulated.hpp"

namespace pycnn::emulator {

enum class Order { forward, reverse, random };
void set_order(const std::string& name);  // ValueError for another word
std::string order();

using Body = std::function<void()>;  // what each CUDA thread does
void launch_grid(dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream, Body body);

}  // namespace pycnn::emulator
