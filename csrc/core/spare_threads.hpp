// The number of threads that the system would still create.
#pragma once

namespace pycnn {

// At most `count`. OpenMP runtimes end the process if they cannot create a thread. Therefore this many, plus two that the program may
// need meanwhile, are created as a trial and end at once.
int spare_threads(int count);

}  // namespace pycnn
