// A fiber: a function with a stack of its own that can be left in the middle and entered again. CUDA threads of a block are fibers
// of one CPU thread (emulator.cpp), so that a barrier is a switch and not a wait.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace pycnn::host {

// The place that was left: the stack pointer, below which the registers lie that a function must keep.
struct Context {
    void* stack_pointer = nullptr;
#if defined(__SANITIZE_ADDRESS__)
    void* fake_stack = nullptr;
    const void* bottom = nullptr;
    size_t size = 0;
#endif
};

// Leaves `from` for `to`, until somebody switches back; `for_good` if nobody will.
void switch_context(Context& from, Context& to, bool for_good = false);

// Makes `context` begin with entry() on this stack at the first switch to it; entry must never return.
void prepare_context(Context& context, char* stack, size_t size, void (*entry)());

// The first thing in entry(): `from` is where it was entered from.
void fiber_entered(Context& from);

}  // namespace pycnn::host
