// The helper threads of parallel regions.
//
// OpenMP creates them, so that OMP_PROC_BIND and OMP_PLACES mean what they say, in one parallel region that lasts as long as the
// process and belongs to a thread of ours. Within it they serve the regions that any threads lay out on desks (core/desk.hpp), and
// wait for the next one as core/waiting.hpp says, whatever the OpenMP runtime was told about waiting, and by whom it was loaded.
// The first region that wants helpers starts them; a forked child, which has none of its parent's threads, starts its own.
#pragma once

#include "core/desk.hpp"

namespace pycnn {

// The most threads of a region: 64, or four for each core. No larger team could be of any use.
int most_in_team();

// Runs a region on the calling thread and the helpers that are free while there is work; false, with nothing done, where as many
// threads as there are desks run theirs.
bool run_with_helpers(const Region& region);

}  // namespace pycnn
