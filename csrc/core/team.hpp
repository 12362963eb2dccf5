// The helper threads of parallel regions.
//
// OpenMP creates them, so that OMP_PROC_BIND and OMP_PLACES take effect, in one parallel region that belongs to a background thread
// and lasts as long as the process. In it they serve the regions that any threads lay out on desks (core/desk.hpp), and wait for the next
// one as core/waiting.hpp describes, regardless of the OpenMP runtime's settings for waiting and of who loaded it.
// The first region that wants helpers starts them; a forked child, which has none of its parent's threads, starts its own.
#pragma once

#include "core/desk.hpp"

namespace pycnn {

// The most threads of a region: 64, or four per core. A larger team would be of no use.
int most_in_team();

// Runs a region on the calling thread and on helpers that are free while there is work; returns false, with nothing done, if all
// desks are taken by other threads.
bool run_with_helpers(const Region& region);

// Whether the helpers of such a team look for work at this moment: they come to a region without being woken.
bool helpers_are_awake(int team);

// While one lives, the regions of this thread follow each other closely, with no Python in between.
class CloseRegions {
public:
    CloseRegions() : before_(here) { here = true; }
    CloseRegions(const CloseRegions&) = delete;
    CloseRegions& operator=(const CloseRegions&) = delete;
    ~CloseRegions() { here = before_; }
    static bool are_here() { return here; }

private:
    static inline constinit thread_local bool here = false;
    const bool before_;
};

}  // namespace pycnn
