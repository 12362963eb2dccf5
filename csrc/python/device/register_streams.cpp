#include "python/device/register_streams.hpp"

#include <pybind11/functional.h>

#include "core/error.hpp"
#include "cuda/step_graph.hpp"
#include "cuda/stream.hpp"
#include "python/release_gil.hpp"

namespace pycnn::cuda {
namespace {

namespace py = pybind11;

// The streams that were current outside of the `with` blocks that this thread is in.
std::vector<std::shared_ptr<Stream>>& outer_streams() {
    thread_local std::vector<std::shared_ptr<Stream>> streams;
    return streams;
}

void enter(const std::shared_ptr<Stream>& stream) {
    outer_streams().push_back(Stream::current());
    Stream::switch_to(stream);
}

void leave(Stream&, const py::args&) {
    if (outer_streams().empty()) fail_value("Stream", "left without having been entered");
    const auto stream = outer_streams().back();
    outer_streams().pop_back();
    Stream::switch_to(stream);
}

uintptr_t handle_of(const Stream& stream) { return reinterpret_cast<uintptr_t>(stream.handle()); }

}  // namespace

void register_streams(py::module_& module) {
    py::class_<Stream, std::shared_ptr<Stream>>(module, "Stream", py::module_local())
        .def(py::init<>())
        .def("__enter__",
             [](const std::shared_ptr<Stream>& stream) {
                 enter(stream);
                 return stream;
             })
        .def("__exit__", leave)
        .def_property_readonly("handle", handle_of);

    py::class_<Timer>(module, "Timer", py::module_local())
        .def(py::init<>())
        .def("start", &Timer::start)
        .def("stop", &Timer::stop)
        .def("milliseconds", &Timer::milliseconds, py::call_guard<ReleaseGil>());

    py::class_<StepGraph>(module, "StepGraph", py::module_local())
        .def(py::init<>())
        .def_property_readonly("stream", &StepGraph::stream)
        .def("__enter__", &StepGraph::begin_capture)
        .def("__exit__",
             [](StepGraph& graph, const py::object& error, const py::object&, const py::object&) {
                 if (!error.is_none()) return graph.abandon();
                 try {
                     ReleaseGil release;  // making a graph executable takes long
                     graph.end_capture();
                 } catch (...) {
                     graph.abandon();
                     throw;
                 }
             })
        .def("replay", &StepGraph::replay, py::call_guard<ReleaseGil>());

    module.def("on_replay", [](const py::function& call) {
        py::object result;
        on_replay([&] { result = call(); },
                  [call] {
                      const py::gil_scoped_acquire acquire;
                      call();
                  });
        return result;
    });
    module.def("after_replay", after_replay);
}

}  // namespace pycnn::cuda
