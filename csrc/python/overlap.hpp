// Ops that write into their arguments: those must not share memory with others.
#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include "python/arguments.hpp"

namespace pycnn {

// Where an array of a call lies, and whether the op writes into it. A view without data lies nowhere.
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

// ValueError if an array that the op writes into shares memory with another one of the call.
void check_apart(const char* op, const std::vector<Place>& arrays);

}  // namespace pycnn
