// How many threads the system would still create.
#pragma once

namespace pycnn {

// At most `count`. OpenMP runtimes end the process where they cannot create a thread, so this many, and two more that other threads
// of the program may need meanwhile, are created to see, and end at once.
int spare_threads(int count);

}  // namespace pycnn
