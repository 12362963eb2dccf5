// Checks for ops that write into their arguments, which must not share memory with other arguments.
#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include "python/arguments.hpp"

namespace pycnn {

// The memory of an argument, and whether the op writes into it. A view without data has no memory.
struct Place {
    const char* name;
    const Shape* shape;
    uintptr_t begin, end;
    bool written;

    template <class T>
    Place(const char* name, const View<T>& view)
        : name(name),
          shape(&view.shape),
          begin(reinterpret_cast<uintptr_t>(view.data)),
          end(begin + (view.data == nullptr ? 0 : view.size() * sizeof(T))),
          written(!std::is_const_v<T>) {}
};

// ValueError if an array that the op writes into shares memory with another argument.
void check_apart(const char* op, const std::vector<Place>& arrays);

}  // namespace pycnn
