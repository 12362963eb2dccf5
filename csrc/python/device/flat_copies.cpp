#include "python/device/flat_copies.hpp"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include "python/device/device_array.hpp"
#include "python/release_gil.hpp"

namespace pycnn::cuda {
namespace {

namespace py = pybind11;

// A float32 array of NumPy in page-locked memory, which lives as long as any array that refers to it.
py::array pinned(int64_t count) {
    const auto bytes = static_cast<size_t>(element_count("pinned", {count})) * sizeof(float);
    auto memory = std::make_unique<PinnedMemory>(bytes);
    const void* data = memory->data();
    const py::capsule owner(memory.get(), [](void* p) { delete static_cast<PinnedMemory*>(p); });
    memory.release();
    return py::array(py::dtype::of<float>(), {count}, data, owner);
}

// Checks that `flat` has room for exactly the floats of `arrays`.
void check_flat(const char* op, const py::array& flat, const std::vector<DeviceArray>& arrays) {
    int64_t count = 0;
    for (const DeviceArray& a : arrays) {
        if (a.element != Element::float32) fail_type(op, "takes float32 arrays, got ", name_of(a.element));
        count += a.size();
    }
    if (!flat.dtype().equal(py::dtype::of<float>()))
        fail_type(op, "flat must be float32, got ", std::string(py::str(flat.dtype())));
    if (flat.ndim() != 1 || flat.size() != count || !(flat.flags() & py::array::c_style))
        fail_value(op, "flat must be C-contiguous with shape (", count, ",) like the arrays together, got shape ",
                   to_string(Shape(flat.shape(), flat.shape() + flat.ndim())),
                   flat.flags() & py::array::c_style ? "" : ", not contiguous");
}

void flatten_to_host(const std::vector<DeviceArray>& arrays, py::array flat) {
    check_flat("flatten_to_host", flat, arrays);
    if (!flat.writeable()) fail_value("flatten_to_host", "flat is read-only");
    auto* place = static_cast<char*>(flat.mutable_data());
    std::vector<Copy> copies;
    for (const DeviceArray& a : arrays) {
        copies.push_back({place, a.data(), a.bytes()});
        place += a.bytes();
    }
    const ReleaseGil release;
    copy_to_host(copies);
}

void unflatten_to_device(const py::array& flat, const std::vector<DeviceArray>& arrays) {
    check_flat("unflatten_to_device", flat, arrays);
    const auto* place = static_cast<const char*>(flat.data());
    std::vector<Copy> copies;
    for (const DeviceArray& a : arrays) {
        copies.push_back({a.data(), place, a.bytes()});
        place += a.bytes();
    }
    const ReleaseGil release;
    copy_to_device(copies);
}

}  // namespace

void register_flat_copies(py::module_& module) {
    module.def("pinned", pinned, py::arg("count"));
    module.def("flatten_to_host", flatten_to_host, py::arg("arrays"), py::arg("flat"));
    module.def("unflatten_to_device", unflatten_to_device, py::arg("flat"), py::arg("arrays"));
}

}  // namespace pycnn::cuda
