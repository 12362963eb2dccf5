// Errors are standard exceptions, raised outside of parallel regions, that pybind11 maps to Python's:
// std::invalid_argument -> ValueError, TypeError below -> TypeError, std::bad_alloc -> MemoryError.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace pycnn {

struct TypeError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Joins its arguments into one string with operator<<.
template <class... Parts>
std::string text(const Parts&... parts) {
    std::ostringstream out;
    (out << ... << parts);
    return out.str();
}

// Every message starts with the op's name in brackets.
template <class... Parts>
[[noreturn]] void fail_value(const char* op, const Parts&... parts) {
    throw std::invalid_argument(text('[', op, "] ", parts...));
}

template <class... Parts>
[[noreturn]] void fail_type(const char* op, const Parts&... parts) {
    throw TypeError(text('[', op, "] ", parts...));
}

}  // namespace pycnn
