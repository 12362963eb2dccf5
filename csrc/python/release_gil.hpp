// Python's lock, given back while C++ computes.
#pragma once

#include <cxxabi.h>
#include <pybind11/pybind11.h>
#include <unistd.h>

namespace pycnn {

// As pybind11::gil_scoped_release, for programs that end meanwhile. Python then ends each other thread that asks for its lock, before
// version 3.14 by unwinding the thread's stack, and a destructor that is unwound ends the process with std::terminate. Later versions
// let such a thread sleep until the process is gone; so does this.
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
