#include "cuda/emulator/fiber.hpp"

#include <cstring>

#if !defined(__x86_64__)
#include <ucontext.h>

#include <memory>
#endif

namespace pycnn::emulator {

#if defined(__x86_64__)

// System V AMD64 ABI: a function must preserve rbx, rbp, r12 to r15, and the control words of the floating-point units, which
// no kernel changes. The last jump is not a `ret`: the processor would predict a return to the latest call, which is in another
// fiber (measured: five times slower).
extern "C" void pycnn_switch_stacks(void** from, void* to);
asm(R"(
    .text
    .type pycnn_switch_stacks, @function
pycnn_switch_stacks:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    popq %rcx
    jmpq *%rcx
    .size pycnn_switch_stacks, .-pycnn_switch_stacks
)");

namespace {
constexpr int kSavedRegisters = 6;
}

void prepare_context(Context& context, char* stack, size_t size, void (*entry)()) {
    // At a function's entry the stack pointer is 8 below a multiple of 16: the place of the return address.
    auto top = reinterpret_cast<uintptr_t>(stack + size) / 16 * 16 - 8;
    void** frame = reinterpret_cast<void**>(top) - (kSavedRegisters + 1);
    std::memset(frame, 0, kSavedRegisters * sizeof *frame);
    frame[kSavedRegisters] = reinterpret_cast<void*>(entry);
    context.stack_pointer = frame;
#if defined(__SANITIZE_ADDRESS__)
    context.fake_stack = nullptr;
    context.bottom = stack;
    context.size = size;
#endif
}

namespace {
void switch_stacks(Context& from, Context& to) { pycnn_switch_stacks(&from.stack_pointer, to.stack_pointer); }
}  // namespace

#else

// Elsewhere the C library switches. It also saves the signal mask, by two system calls, and takes ten times as long.
void prepare_context(Context& context, char* stack, size_t size, void (*entry)()) {
    auto* place = static_cast<ucontext_t*>(context.stack_pointer);
    if (!place) context.stack_pointer = place = new ucontext_t;  // lives as long as its fiber's thread
    getcontext(place);
    place->uc_stack.ss_sp = stack;
    place->uc_stack.ss_size = size;
    place->uc_link = nullptr;
    makecontext(place, entry, 0);
#if defined(__SANITIZE_ADDRESS__)
    context.fake_stack = nullptr;
    context.bottom = stack;
    context.size = size;
#endif
}

namespace {
void switch_stacks(Context& from, Context& to) {
    if (!from.stack_pointer) from.stack_pointer = new ucontext_t;
    swapcontext(static_cast<ucontext_t*>(from.stack_pointer), static_cast<ucontext_t*>(to.stack_pointer));
}
}  // namespace

#endif

// AddressSanitizer must know the stack that is left at each switch, its fake frames, and the stack that is entered.
void switch_context(Context& from, Context& to, [[maybe_unused]] bool for_good) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(for_good ? nullptr : &from.fake_stack, to.bottom, to.size);
    switch_stacks(from, to);
    __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#else
    switch_stacks(from, to);
#endif
}

void fiber_entered([[maybe_unused]] Context& from) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(nullptr, &from.bottom, &from.size);
#endif
}

}  // namespace pycnn::emulator
