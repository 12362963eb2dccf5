// What work_steps.py asks of Valgrind's callgrind: to count from here to there. Elsewhere the requests do nothing.
#include <valgrind/callgrind.h>

extern "C" {

void start_counting() {
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
}

// Counts that no dump has written go to the next one, so the dump comes first.
void stop_counting(const char* name) {
    CALLGRIND_DUMP_STATS_AT(name);
    CALLGRIND_STOP_INSTRUMENTATION;
}
}
