// Threads, instruction sets, memory and the measured peak.
#include <pybind11/stl.h>

#include <chrono>
#include <vector>

#include "core/cpu_limits.hpp"
#include "core/memory_guard.hpp"
#include "core/parallel.hpp"
#include "cpu/dispatch.hpp"
#include "python/numpy/runtime.hpp"
#include "python/views.hpp"

namespace pycnn {
namespace {

// GFLOP/s of multiply-adds on registers alone, on `threads` threads for about `seconds`.
double fma_peak(int threads, double seconds) {
    if (threads < 1 || threads > kMostThreads || !(seconds > 0 && seconds <= 60))
        fail_value("fma_peak", "needs 1 to ", kMostThreads, " threads and at most 60 seconds");
    using Clock = std::chrono::steady_clock;
    const KernelTable& table = kernels();
    std::vector<double> gflops(threads);
    // Each thread is timed alone, and the rates are added: otherwise a slow thread would keep the others waiting.
    parallel_for(threads, threads, [&](int64_t task, int) {
        float sink = 0;
        int64_t done = 0;
        const auto start = Clock::now();
        double elapsed = 0;
        while (elapsed < seconds) {
            done += table.fma_rounds(100'000, &sink);
            elapsed = std::chrono::duration<double>(Clock::now() - start).count();
        }
        gflops[task] = 2e-9 * static_cast<double>(done) / elapsed;
    });
    double total = 0;
    for (double rate : gflops) total += rate;
    return total;
}

void bind_set_num_threads(py::handle count) {
    const char* op = "set_num_threads";
    const int64_t n = to_int(op, "n", count);
    if (n < 1 || n > kMostThreads) fail_value(op, "n must be between 1 and ", kMostThreads, ", got ", n);
    set_num_threads(static_cast<int>(n));
}

}  // namespace

void register_runtime(py::module_& module) {
    module.def("get_num_threads", num_threads);
    module.def("set_num_threads", bind_set_num_threads, "n"_a);
    module.def("cgroup_quota", cgroup_quota, "root"_a);
    module.def("isa", [] { return kernels().name; });
    module.def("simd_lanes", [] { return kernels().lanes; });
    module.def("kernel_isa", [] { return kernels().compiled_for(); });
    module.def("isa_available", [] { return py::tuple(py::cast(available_isas())); });
    module.def("set_isa", set_isa, "name"_a);
    module.def("cached_bytes", pool_cached_bytes);
    module.def("used_bytes", pool_used_bytes);
    module.def("most_used_bytes", pool_most_used_bytes);
    module.def("forget_most_used", pool_forget_most_used);
    module.def("trim_cache", pool_trim);
    module.def("poison_memory", [](py::handle on) { pool_poison(to_flag("poison_memory", "on", on)); }, "on"_a);
    module.def("damaged_blocks", pool_damaged_blocks);
    module.def("fma_peak", fma_peak, "threads"_a, "seconds"_a, py::call_guard<ReleaseGil>());
    module.attr("version") = PYCNN_VERSION;
    module.attr("compiler") = PYCNN_COMPILER;
    module.attr("build_type") = PYCNN_BUILD_TYPE;
}

}  // namespace pycnn
