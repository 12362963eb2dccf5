// Chooses the kernel table at run time, by what this build contains and what the CPU and operating system support.
#pragma once

#include <string>
#include <vector>

#include "cpu/kernel_table.hpp"

namespace pycnn {

// The table in use. The first call honours PYCNN_ISA=name, else takes the default: the last available entry.
const KernelTable& kernels();

// The names of the tables that this machine can run, plainest first.
std::vector<std::string> available_isas();

// ValueError for a name that is unknown or that this machine cannot run; the message lists those it can.
void set_isa(const std::string& name);

}  // namespace pycnn
