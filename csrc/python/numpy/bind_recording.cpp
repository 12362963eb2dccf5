// Recorded steps, as pycnn/backends/recording.py uses them.
#include <pybind11/stl.h>

#include <cstring>
#include <memory>

#include "core/recording.hpp"
#include "python/numpy/runtime.hpp"
#include "python/release_gil.hpp"
#include "python/views.hpp"

namespace pycnn {
namespace {

py::array contiguous(const char* name, py::handle array) {
    if (!py::isinstance<py::array>(array)) fail_type("same_bytes", name, " must be a numpy.ndarray, got ", type_name(array));
    const auto found = py::reinterpret_borrow<py::array>(array);
    if ((found.flags() & py::array::c_style) == 0) fail_value("same_bytes", name, " must be C-contiguous");
    return found;
}

void allow_array(Recording& recording, const py::array& array) { recording.allow(array.data(), array.nbytes()); }

bool holds_array(const Recording& recording, const py::array& array) { return recording.holds(array.data(), array.nbytes()); }

// Whether two arrays hold the same bytes.
bool same_bytes(py::handle a_array, py::handle b_array) {
    const auto a = contiguous("a", a_array), b = contiguous("b", b_array);
    if (a.nbytes() != b.nbytes()) return false;
    ReleaseGil release;
    return std::memcmp(a.data(), b.data(), a.nbytes()) == 0;
}

// A recording that places its blocks as those of the log would have been placed best.
std::unique_ptr<Recording> recording_after(const BlockLog* log) {
    return log == nullptr ? std::make_unique<Recording>() : std::make_unique<Recording>(log->places());
}

size_t bytes_after(const BlockLog& log) {
    const auto places = log.places();
    return arena_bytes(places) + own_bytes(places);
}

double run_steps(Recording& recording, size_t first, size_t last) {
    ReleaseGil release;
    return recording.run(first, last);
}

// The name of each step, and the shapes of what it reads and writes.
py::list recorded_steps(const Recording& recording) {
    py::list steps;
    for (const Recording::Step& step : recording.steps()) steps.append(py::make_tuple(step.op, step.reads, step.writes));
    return steps;
}

}  // namespace

void register_recording(py::module_& module) {
    module.def("same_bytes", same_bytes, "a"_a, "b"_a);
    py::class_<BlockLog, std::shared_ptr<BlockLog>>(module, "BlockLog")
        .def(py::init<>())
        .def("start", &BlockLog::start)
        .def("stop", &BlockLog::stop)
        .def_property_readonly("memory", bytes_after);
    py::class_<Recording>(module, "Recording")
        .def(py::init(&recording_after), "log"_a = py::none())
        .def("allow", allow_array, "array"_a)
        .def("holds", holds_array, "array"_a)
        .def("start", &Recording::start)
        .def("stop", &Recording::stop)
        .def("start_renewal", &Recording::start_renewal, "first"_a)
        .def("end_renewal", &Recording::end_renewal)
        .def("clear", [](Recording& recording) { recording.blocks()->clear(); })
        .def("refuse",
             [](Recording& recording, const std::string& who, const std::string& why) { recording.refuse(who.c_str(), why); })
        .def("run", run_steps, "first"_a, "last"_a)
        .def("times", &Recording::times, "first"_a, "last"_a, py::call_guard<ReleaseGil>())
        .def_property_readonly("memory", [](const Recording& recording) { return recording.blocks()->bytes(); })
        .def_property_readonly("places", &Recording::places)
        .def_property_readonly("losses", &Recording::losses)
        .def_property_readonly("refusal", &Recording::refusal)
        .def_property_readonly("steps", recorded_steps);
}

}  // namespace pycnn
