// Work that is cut elsewhere already.
#pragma once

namespace pycnn {

// While one exists, its thread counts as the only one (`num_threads` is 1): the ops that it calls share nothing out.
class SerialScope {
public:
    SerialScope() { ++depth; }
    ~SerialScope() { --depth; }
    SerialScope(const SerialScope&) = delete;
    SerialScope& operator=(const SerialScope&) = delete;

    static bool is_open() { return depth > 0; }

private:
    static thread_local int depth;
};

}  // namespace pycnn
