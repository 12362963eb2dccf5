// How many processors the system and the settings of OpenMP let this process use.
#pragma once

#include <string>

namespace pycnn {

// Processors in the affinity mask of the process's main thread, at least 1.
int affinity_count();

// Lets the calling thread run where the main thread may.
void take_affinity_of_process();

// The smallest quota of the control groups that the process is in, its own and all above it, in processors, rounded up; 0 where none
// sets one. Versions 1 and 2, wherever they are mounted. `root` is put in front of every path, for tests.
int cgroup_quota(const std::string& root = "");

// The positive number in a variable of OpenMP, but at most `most`. It may be a list, one number a nesting level: the first counts.
// OpenMP ignores what is no number, and so do we: then it is `most`.
int openmp_setting(const char* name, int most);

}  // namespace pycnn
