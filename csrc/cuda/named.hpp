// Functions by their names.
#pragma once

#include <string_view>

namespace pycnn::cuda {

template <class Function>
struct Named {
    std::string_view name;
    Function function;
};

// The function of this name in a table, or null.
template <class Function, size_t n>
Function find(const Named<Function> (&table)[n], std::string_view name) {
    for (const Named<Function>& row : table)
        if (row.name == name) return row.function;
    return nullptr;
}

}  // namespace pycnn::cuda
