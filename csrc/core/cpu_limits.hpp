// The number of processors that the system and OpenMP's settings let this process use.
#pragma once

#include <string>

namespace pycnn {

// Processors in the affinity mask of the process's main thread, at least 1.
int affinity_count();

// Gives the calling thread the affinity of the main thread.
void take_affinity_of_process();

// The smallest quota of the process's control group and all groups above it, in processors, rounded up; 0 if none sets one. Versions
// 1 and 2, wherever they are mounted. `root` is prepended to every path, for tests.
int cgroup_quota(const std::string& root = "");

// The positive number in an OpenMP variable, but at most `most`. If it is a list, one number per nesting level, the first counts.
// Like OpenMP, we ignore anything that is not a number: the result is then `most`.
int openmp_setting(const char* name, int most);

}  // namespace pycnn
