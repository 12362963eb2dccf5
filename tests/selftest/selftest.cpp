// Self-test of the kernels without Python: every op on the instruction set in use, against loops in double. Built for another
// processor, it runs in an emulator (tests/ops/cpu_only/test_neon.py). Prints the table's name and a line for each check, with the largest
// error as a share of what it may be; exits with 1 if a check fails.
#include <cstdio>

#include "check.hpp"
#include "cpu/dispatch.hpp"

int main() {
    std::printf("table %s compiled for %s\n", pycnn::kernels().name, pycnn::kernels().compiled_for());
    selftest::check_convolutions();
    selftest::check_layers();
    selftest::check_activations();
    selftest::check_optimizers();
    selftest::check_tiles();
    selftest::check_plans();
    std::printf("%d failed\n", selftest::failures());
    return selftest::failures() > 0 ? 1 : 0;
}
