// NumPy's arrays as views, and results as NumPy's arrays.
//
// Nothing is cast or copied. An array of another dtype is a TypeError; one that is not C-contiguous is a ValueError.
#pragma once

#include <cstring>
#include <memory>

#include "core/block_log.hpp"
#include "core/memory.hpp"
#include "core/recording.hpp"
#include "python/arguments.hpp"

namespace pycnn {

using Array = py::array;

inline bool is_array(py::handle object) { return py::isinstance<py::array>(object); }
inline size_t rank_of(py::handle array) { return static_cast<size_t>(py::cast<py::array>(array).ndim()); }

// T may be const (an input) or not (written in place). rank < 0: any.
template <class T>
View<T> view(const char* op, const char* name, py::handle object, int rank = -1) {
    if (!py::isinstance<py::array>(object)) fail_type(op, name, " must be a numpy.ndarray, got ", type_name(object));
    // The name of a class of Python's is its tp_name; asking for __name__ would take as long as all the other checks.
    if (std::strcmp(Py_TYPE(object.ptr())->tp_name, "MaskedArray") == 0)
        fail_type(op, name, " is a masked array, whose mask would be lost");
    const auto array = py::reinterpret_borrow<py::array>(object);
    static const py::handle wanted = py::dtype::of<std::remove_const_t<T>>().release();
    if (!array.dtype().is(wanted) && !array.dtype().equal(wanted))
        fail_type(op, name, " must be ", std::string(py::str(wanted)), ", got ", std::string(py::str(array.dtype())));
    View<T> result;
    result.shape.assign(array.shape(), array.shape() + array.ndim());
    if (rank >= 0 && array.ndim() != rank)
        fail_value(op, name, " must have ", rank, " dimension", rank == 1 ? "" : "s", ", got shape ", to_string(result.shape));
    constexpr int needed = int{py::array::c_style} | int{py::detail::npy_api::NPY_ARRAY_ALIGNED_};
    if ((array.flags() & needed) != needed)
        fail_value(op, name, " must be C-contiguous and aligned (numpy.ascontiguousarray makes a copy that is); its shape is ",
                   to_string(result.shape));
    if constexpr (std::is_const_v<T>) {
        result.data = static_cast<T*>(array.data());
    } else {
        if (!array.writeable()) fail_value(op, name, " is updated in place but is read-only");
        result.data = static_cast<T*>(const_cast<void*>(array.data()));
    }
    if (Recording* const recording = Recording::current()) {
        const auto use = std::is_const_v<T> ? Recording::Use::read : Recording::Use::changed;
        recording->note(result.data, array.nbytes(), result.shape, use);
    }
    return result;
}

// A block of a recording, which the capsule of an array gives back.
struct RecordedBlock {
    std::shared_ptr<RecordedBlocks> blocks;
    void* data;

    ~RecordedBlock() { blocks->give_back(data); }
};

// The owner of a new block of the recording.
inline py::capsule recorded_block(Recording& recording, size_t bytes, void*& data) {
    const auto& blocks = recording.blocks();
    std::unique_ptr<RecordedBlock> block(new RecordedBlock{blocks, blocks->take(bytes)});
    data = block->data;
    py::capsule owner(block.get(), [](void* block) { delete static_cast<RecordedBlock*>(block); });
    block.release();
    return owner;
}

// A block of the pool, of a step whose blocks are noted.
struct LoggedBlock {
    std::shared_ptr<BlockLog> log;
    size_t number;
    void* data;

    ~LoggedBlock() {
        pool_free(data);
        log->give_back(number);
    }
};

inline py::capsule logged_block(BlockLog& log, size_t bytes, void*& data) {
    std::unique_ptr<LoggedBlock> block(new LoggedBlock{log.shared_from_this(), log.take(bytes), pool_allocate(bytes)});
    data = block->data;
    py::capsule owner(block.get(), [](void* block) { delete static_cast<LoggedBlock*>(block); });
    block.release();
    return owner;
}

inline py::capsule pool_block(size_t bytes, void*& data) {
    if (BlockLog* const log = BlockLog::current()) return logged_block(*log, bytes, data);
    std::unique_ptr<void, decltype(&pool_free)> block(pool_allocate(bytes), pool_free);
    data = block.get();
    py::capsule owner(data, [](void* data) { pool_free(data); });
    block.release();
    return owner;
}

// A new array on a block of the pool, or of what this thread records; uninitialised. `data` receives its address.
template <class T>
Array new_array(const char* op, const Shape& shape, T*& data) {
    const int64_t count = element_count(op, shape);
    const size_t bytes = count * sizeof(T);
    Recording* const recording = Recording::current();
    const bool is_recorded = recording != nullptr && !recording->is_renewing();
    void* memory = nullptr;
    py::capsule owner;
    try {
        owner = is_recorded ? recorded_block(*recording, bytes, memory) : pool_block(bytes, memory);
    } catch (const OutOfMemory& e) {
        throw OutOfMemory(text('[', op, "] result of shape ", to_string(shape), ": ", e.what()));
    }
    if (is_recorded) recording->note(memory, bytes, shape, Recording::Use::made);
    data = static_cast<T*>(memory);
    return py::array_t<T>(shape, data, owner);
}

}  // namespace pycnn
