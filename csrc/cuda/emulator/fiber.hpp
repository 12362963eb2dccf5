// A fiber is a function with a stack of its own, which can be suspended and resumed. The CUDA threads of a block are fibers of
// one CPU thread (emulator.cpp), so that a barrier is a switch and not a wait.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace pycnn::emulator {

// Where a fiber was suspended: its stack pointer. The registers that a function must preserve are saved on its stack.
struct Context {
    void* stack_pointer = nullptr;
#if defined(__SANITIZE_ADDRESS__)
    void* fake_stack = nullptr;
    const void* bottom = nullptr;
    size_t size = 0;
#endif
};

// Suspends `from` and resumes `to`. `for_good` says that nobody will switch back.
void switch_context(Context& from, Context& to, bool for_good = false);

// Makes `context` begin with entry() on this stack at the first switch to it; entry must never return.
void prepare_context(Context& context, char* stack, size_t size, void (*entry)());

// entry() calls this first; `from` is the fiber that was suspended for it.
void fiber_entered(Context& from);

}  // namespace pycnn::emulator
