// Stands in for libnccl.so.2: writes each call and its arguments to the file FAKE_NCCL_LOG, and fails in the one that FAKE_NCCL_FAILS
// names. The "sum" over n ranks is n times the numbers, as if all ranks had the same.
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    char internal[128];
} ncclUniqueId;

static int ranks;

static int call(const char* name, const char* format, ...) {
    FILE* log = fopen(getenv("FAKE_NCCL_LOG"), "a");
    va_list arguments;
    va_start(arguments, format);
    fprintf(log, "%s", name);
    vfprintf(log, format, arguments);
    fputc('\n', log);
    va_end(arguments);
    fclose(log);
    const char* fails = getenv("FAKE_NCCL_FAILS");
    return fails && strcmp(fails, name) == 0 ? 5 : 0;
}

int ncclGetVersion(int* version) {
    const char* said = getenv("FAKE_NCCL_VERSION");
    *version = said ? atoi(said) : 22703;
    return 0;
}

const char* ncclGetErrorString(int result) { return result == 5 ? "invalid usage" : "?"; }
const char* ncclGetLastError(void* communicator) { return communicator ? "?" : "Duplicate GPU\033 detected\n"; }

int ncclGetUniqueId(ncclUniqueId* id) {
    snprintf(id->internal, sizeof id->internal, "of process %d", (int)getpid());
    id->internal[127] = 'z';
    return call("ncclGetUniqueId", "");
}

int ncclCommInitRank(void** communicator, int size, ncclUniqueId id, int rank) {
    *communicator = &ranks;
    ranks = size;
    return call("ncclCommInitRank", " %d of %d, %.127s%c", rank, size, id.internal, id.internal[127]);
}

int ncclCommDestroy(void* communicator) { return call("ncclCommDestroy", " %d", communicator == &ranks); }
int ncclGroupStart(void) { return call("ncclGroupStart", ""); }
int ncclGroupEnd(void) { return call("ncclGroupEnd", ""); }

int ncclAllReduce(const void* from, void* to, size_t count, int type, int operation, void* communicator, void* stream) {
    const int result = call("ncclAllReduce", " %zu %zu %zu type %d operation %d communicator %d stream %zu", (size_t)from, (size_t)to,
                            count, type, operation, communicator == &ranks, (size_t)stream);
    for (size_t i = 0; result == 0 && i < count; ++i) ((float*)to)[i] = ranks * ((const float*)from)[i];
    return result;
}
