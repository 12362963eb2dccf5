// The kinds of numbers that arrays on the device have.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pycnn::cuda {

enum class Element { float32, int32, int64, uint8, boolean };

template <class T>
constexpr Element element_of();
template <>
constexpr Element element_of<float>() {
    return Element::float32;
}
template <>
constexpr Element element_of<int32_t>() {
    return Element::int32;
}
template <>
constexpr Element element_of<int64_t>() {
    return Element::int64;
}
template <>
constexpr Element element_of<uint8_t>() {
    return Element::uint8;
}
template <>
constexpr Element element_of<bool>() {
    return Element::boolean;
}

// f(T{}) for the T of an element.
template <class F>
decltype(auto) with_type(Element element, const F& f) {
    switch (element) {
        case Element::int32:
            return f(int32_t{});
        case Element::int64:
            return f(int64_t{});
        case Element::uint8:
            return f(uint8_t{});
        case Element::boolean:
            return f(bool{});
        case Element::float32:
            break;
    }
    return f(float{});
}

inline size_t size_of(Element element) {
    return with_type(element, [](auto number) { return sizeof number; });
}

}  // namespace pycnn::cuda
