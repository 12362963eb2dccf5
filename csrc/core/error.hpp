// Errors are standard exceptions, raised outside of parallel regions, that pybind11 maps to Python's:
// std::invalid_argument -> ValueError, TypeError below -> TypeError, std::bad_alloc (OutOfMemory below) -> MemoryError.
#pragma once

#include <new>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace pycnn {

struct TypeError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class OutOfMemory : public std::bad_alloc {
public:
    explicit OutOfMemory(std::string message) : message_(std::move(message)) {}
    const char* what() const noexcept override { return message_.c_str(); }

private:
    std::string message_;
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
