#include "cpu/dispatch.hpp"

#include <atomic>
#include <cstdlib>

#include "core/error.hpp"

namespace pycnn {

#if defined(__x86_64__)
extern const KernelTable kernels_baseline, kernels_avx2, kernels_avx512;
#elif defined(__aarch64__)
extern const KernelTable kernels_neon;
#else
extern const KernelTable kernels_baseline;
#endif

namespace {

struct Isa {
    const KernelTable* table;
    bool supported;
};

// Plainest first. __builtin_cpu_supports also asks whether the operating system saves the wide registers.
std::vector<Isa> isas() {
    return {
#if defined(__x86_64__)
        {&kernels_baseline, true},
        {&kernels_avx2, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")},
        {&kernels_avx512, __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                              __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")},
#elif defined(__aarch64__)
        {&kernels_neon, true},
#else
        {&kernels_baseline, true},
#endif
    };
}

const KernelTable* find(const char* where, const std::string& name) {
    for (const Isa& isa : isas())
        if (isa.supported && name == isa.table->name) return isa.table;
    std::string names;
    for (const std::string& known : available_isas()) names += (names.empty() ? "" : ", ") + known;
    fail_value(where, "'", name, "' is not an instruction set that this build and machine can run: ", names);
}

const KernelTable* initial_table() {
    if (const char* forced = std::getenv("PYCNN_ISA"); forced != nullptr && *forced != '\0') return find("PYCNN_ISA", forced);
    return find("isa", available_isas().back());
}

// Null until first needed. Two threads that both find null choose the same table, and a fork in between leaves nothing locked.
constinit std::atomic<const KernelTable*> current{nullptr};

}  // namespace

const KernelTable& kernels() {
    const KernelTable* table = current.load(std::memory_order_relaxed);
    if (table != nullptr) return *table;
    const KernelTable* const found = initial_table();
    return current.compare_exchange_strong(table, found, std::memory_order_relaxed) ? *found : *table;
}

std::vector<std::string> available_isas() {
    std::vector<std::string> names;
    for (const Isa& isa : isas())
        if (isa.supported) names.emplace_back(isa.table->name);
    return names;
}

void set_isa(const std::string& name) { current.store(find("set_isa", name), std::memory_order_relaxed); }

}  // namespace pycnn
