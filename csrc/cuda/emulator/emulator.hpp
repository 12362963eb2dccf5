// Runs a kernel on the CPU: blocks over the threads of core/parallel, the CUDA threads of a block as fibers of one of them.
//
// What it finds: a barrier that not all threads of a block reach, too much shared memory, reads of shared memory that nobody has
// written (it starts as NaN), and results that depend on the order in which threads run: PYCNN_CUDA_EMULATED_ORDER is forward (the
// default), reverse or random.
#pragma once

#include <functional>
#include <string>

#include "cuda/emulator/cuda_emulated.hpp"

namespace pycnn::host {

enum class Order { forward, reverse, random };
void set_order(const std::string& name);  // ValueError for another word
std::string order();

using Body = std::function<void()>;  // what each CUDA thread does
void launch_grid(dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream, Body body);

}  // namespace pycnn::host
