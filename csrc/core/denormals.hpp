// The floating-point mode of kernels, the same on every thread: denormal numbers count as zero, results round to nearest, and
// nothing traps. Arithmetic that must have NumPy's bits keeps denormal numbers.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace pycnn {

// Sets the mode of the calling thread for its own lifetime. It replaces the previous mode as a whole: a helper inherits the mode of the
// thread that created it, which may differ from its callers' mode.
template <bool Flush>
class DenormalMode {
#if defined(__x86_64__)
public:
    DenormalMode() : saved_(_mm_getcsr()) { _mm_setcsr(kMasked | (Flush ? kFlushToZero | kDenormalsAreZero : 0)); }
    ~DenormalMode() { _mm_setcsr(saved_); }

private:
    static constexpr unsigned kMasked = 0x1f80, kFlushToZero = 0x8000, kDenormalsAreZero = 0x40;
    unsigned saved_;
#elif defined(__aarch64__)
public:
    DenormalMode() {
        asm volatile("mrs %0, fpcr" : "=r"(saved_));
        asm volatile("msr fpcr, %0" ::"r"(Flush ? kFlushToZero : uint64_t{0}));
    }
    ~DenormalMode() { asm volatile("msr fpcr, %0" ::"r"(saved_)); }

private:
    static constexpr uint64_t kFlushToZero = uint64_t{1} << 24;
    uint64_t saved_;
#endif
};

using FlushDenormals = DenormalMode<true>;
using KeepDenormals = DenormalMode<false>;

}  // namespace pycnn
