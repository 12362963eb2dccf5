// Errors are standard exceptions, raised outside of parallel regions, that pybind11 maps to Python's:
// std::invalid_argument -> ValueError, TypeError below -> TypeError, std::bad_alloc (OutOfMemory below) -> MemoryError.
#pragma once

#include <new>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "core/printable.hpp"

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

// Every message starts with the op's name in brackets. Strings may come from the caller (words, shapes, class names) and have any
// length and content; so they are cut, and characters that act on a terminal are escaped.
template <class... Parts>
std::string message(const char* op, const Parts&... parts) {
    constexpr size_t kMost = 256;
    const auto cut = [](const auto& part) -> decltype(auto) {
        if constexpr (std::is_same_v<std::decay_t<decltype(part)>, std::string>) {
            return shortened(part, kMost);
        } else {
            return (part);
        }
    };
    return printable(text('[', op, "] ", cut(parts)...));
}

template <class... Parts>
[[noreturn]] void fail_value(const char* op, const Parts&... parts) {
    throw std::invalid_argument(message(op, parts...));
}

template <class... Parts>
[[noreturn]] void fail_type(const char* op, const Parts&... parts) {
    throw TypeError(message(op, parts...));
}

}  // namespace pycnn
