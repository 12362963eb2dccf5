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
const std::vector<Isa>& isas() {
    static const std::vector<Isa> list = {
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
    return list;
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

std::atomic<const KernelTable*>& current() {
    static std::atomic<const KernelTable*> table{initial_table()};
    return table;
}

}  // namespace

const KernelTable& kernels() { return *current().load(std::memory_order_relaxed); }

std::vector<std::string> available_isas() {
    std::vector<std::string> names;
    for (const Isa& isa : isas())
        if (isa.supported) names.emplace_back(isa.table->name);
    return names;
}

void set_isa(const std::string& name) { current() = find("set_isa", name); }

}  // namespace pycnn
