// Recorded steps, as pycnn/backends/recording.py uses them.
#include <pybind11/stl.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/recording.hpp"
#include "python/numpy/array_view.hpp"
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

// A function of Python's that a step of the recording calls, and lets go of with Python's lock.
class RepeatedCall {
public:
    explicit RepeatedCall(py::function function)
        : function_(new py::function(std::move(function)), [](py::function* one) {
              const py::gil_scoped_acquire lock;
              delete one;
          }) {}
    template <class Result>
    Result result() const {
        const py::gil_scoped_acquire lock;
        return (*function_)().cast<Result>();
    }

private:
    std::shared_ptr<py::function> function_;
};

// The array without its memory's owner: what is recorded must not keep blocks from later ops.
py::array borrowed(const py::array& array) {
    const std::vector<py::ssize_t> shape(array.shape(), array.shape() + array.ndim());
    const std::vector<py::ssize_t> strides(array.strides(), array.strides() + array.ndim());
    return py::array(array.dtype(), shape, strides, array.data(), py::none());
}

void note_array(Recording& recording, const py::array& array, Recording::Use use) {
    const Shape shape(array.shape(), array.shape() + array.ndim());
    // The range of bytes from the first to the last number: the array may be a view with any positive strides.
    size_t bytes = array.size() == 0 ? 0 : array.itemsize();
    for (py::ssize_t axis = 0; bytes > 0 && axis < array.ndim(); ++axis) {
        if (array.strides(axis) < 0) return recording.refuse("numpy", "reads an array backwards");
        bytes += static_cast<size_t>((array.shape(axis) - 1) * array.strides(axis));
    }
    recording.note(array.data(), bytes, shape, use);
}

// A call of Python's that reads arrays, and writes into those of `made` and `changed`. It has run already.
void add_call(Recording& recording, const std::string& op, py::function call, const std::vector<py::array>& reads,
              const std::vector<py::array>& made, const std::vector<py::array>& changed) {
    for (const auto& array : reads) note_array(recording, array, Recording::Use::read);
    for (const auto& array : made) note_array(recording, array, Recording::Use::made);
    for (const auto& array : changed) note_array(recording, array, Recording::Use::changed);
    const RepeatedCall kept(std::move(call));
    recording.add(op, [kept] { kept.result<py::object>(); });
}

// A call of Python's whose result is the loss.
void add_loss(Recording& recording, const std::string& op, py::function call, const std::vector<py::array>& reads) {
    for (const auto& array : reads) note_array(recording, array, Recording::Use::read);
    const RepeatedCall kept(std::move(call));
    recording.add(op, [kept, place = recording.new_loss()] { *place = kept.result<double>(); });
}

// An array for a result of Python's: of a block of the recording, if this thread records.
py::array recordable(const Shape& shape, const py::dtype& dtype) {
    char* data = nullptr;
    Shape bytes = shape;
    bytes.push_back(dtype.itemsize());
    const auto memory = new_array("recordable", bytes, data);
    if (Recording* const recording = Recording::current()) recording->forget_notes();
    return py::array(dtype, std::vector<py::ssize_t>(shape.begin(), shape.end()), data, memory);
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
    module.def("borrowed", borrowed, "array"_a);
    module.def("recordable", recordable, "shape"_a, "dtype"_a);
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
        .def("pause", &Recording::pause)
        .def("keep_lanes", &Recording::keep_lanes)
        .def("start_renewal", &Recording::start_renewal, "first"_a)
        .def("end_renewal", &Recording::end_renewal)
        .def("clear", [](Recording& recording) { recording.blocks()->clear(); })
        .def("refuse",
             [](Recording& recording, const std::string& who, const std::string& why) { recording.refuse(who.c_str(), why); })
        .def("add_call", add_call, "op"_a, "call"_a, "reads"_a, "made"_a, "changed"_a)
        .def("add_loss", add_loss, "op"_a, "call"_a, "reads"_a)
        .def("run", run_steps, "first"_a, "last"_a)
        .def("times", &Recording::times, "first"_a, "last"_a, py::call_guard<ReleaseGil>())
        .def_property_readonly("memory", [](const Recording& recording) { return recording.blocks()->bytes(); })
        .def_property_readonly("places", &Recording::places)
        .def_property_readonly("losses", &Recording::losses)
        .def_property_readonly("refusal", &Recording::refusal)
        .def_property_readonly("steps", recorded_steps);
}

}  // namespace pycnn
