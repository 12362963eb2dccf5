#include "python/device/dlpack.hpp"

namespace pycnn::cuda {
namespace {

// The structures of DLPack's C interface, version 0.8.
struct DLDevice {
    int32_t type, id;
};
struct DLDataType {
    uint8_t code, bits;
    uint16_t lanes;
};
struct DLTensor {
    void* data;
    DLDevice device;
    int32_t ndim;
    DLDataType dtype;
    int64_t* shape;
    int64_t* strides;  // null: C-contiguous
    uint64_t byte_offset;
};
struct DLManagedTensor {
    DLTensor tensor;
    void* context;
    void (*deleter)(DLManagedTensor*);
};

#if defined(PYCNN_CUDA_EMULATED)
constexpr int32_t kDevice = 1;
#else
constexpr int32_t kDevice = 2;
#endif

DLDataType type_of(Element element) {
    constexpr uint8_t kInt = 0, kUnsigned = 1, kFloat = 2, kBool = 6;
    const auto bits = static_cast<uint8_t>(8 * size_of(element));
    switch (element) {
        case Element::float32:
            return {kFloat, bits, 1};
        case Element::uint8:
            return {kUnsigned, bits, 1};
        case Element::boolean:
            return {kBool, bits, 1};
        case Element::int32:
        case Element::int64:
            break;
    }
    return {kInt, bits, 1};
}

// What the consumer holds: its view, and the array, which owns memory and shape.
struct Loan {
    DeviceArray array;
    DLManagedTensor managed;
};

}  // namespace

pybind11::capsule to_dlpack(const DeviceArray& array) {
    refuse_while_capturing("a DLPack capsule");
    void* data = array.data();
    // The consumer may read on a stream of its own.
    check(cudaStreamSynchronize(current_stream()), "cudaStreamSynchronize");
    auto* loan = new Loan{array, {}};
    loan->managed.tensor = {
        data, {kDevice, 0}, static_cast<int32_t>(array.shape.size()), type_of(array.element), loan->array.shape.data(), nullptr,
        0};
    loan->managed.context = loan;
    loan->managed.deleter = [](DLManagedTensor* managed) { delete static_cast<Loan*>(managed->context); };
    // A consumer that takes over the tensor renames the capsule and calls the deleter itself.
    return pybind11::reinterpret_steal<pybind11::capsule>(PyCapsule_New(&loan->managed, "dltensor", [](PyObject* capsule) {
        if (!PyCapsule_IsValid(capsule, "dltensor")) return;
        auto* managed = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule, "dltensor"));
        managed->deleter(managed);
    }));
}

pybind11::tuple dlpack_device() { return pybind11::make_tuple(kDevice, 0); }

}  // namespace pycnn::cuda
