// Releases Python's lock while C++ computes.
#pragma once

#include <cxxabi.h>
#include <pybind11/pybind11.h>
#include <unistd.h>

namespace pycnn {

// Like pybind11::gil_scoped_release, but safe if the program ends meanwhile. Python then stops every other thread that requests
// its lock. Before version 3.14 it unwinds the thread's stack, and unwinding through a destructor ends the process with
// std::terminate. Later versions let such a thread sleep until the process is gone; so does this.
class ReleaseGil {
public:
    ReleaseGil() : state_(PyEval_SaveThread()) {}
    ReleaseGil(const ReleaseGil&) = delete;
    ReleaseGil& operator=(const ReleaseGil&) = delete;
    ~ReleaseGil() {
        try {
            PyEval_RestoreThread(state_);
        } catch (const abi::__forced_unwind&) {
            for (;;) pause();
        }
    }

private:
    PyThreadState* state_;
};

}  // namespace pycnn
