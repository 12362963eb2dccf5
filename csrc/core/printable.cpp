#include "core/printable.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <iterator>

namespace pycnn {
namespace {

struct Range {
    uint32_t first, last;
};

constexpr Range kHidden[] = {{0x00, 0x1f},     {0x7f, 0x9f},     {0x61c, 0x61c},   {0x200e, 0x200f}, {0x2028, 0x202e},
                             {0x2066, 0x2069}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xfffe, 0xffff}, {0xe0000, 0xe007f}};

bool is_hidden(uint32_t code) {
    return std::any_of(std::begin(kHidden), std::end(kHidden),
                       [code](const Range& r) { return r.first <= code && code <= r.last; });
}

bool continues(char byte) { return (byte & 0xC0) == 0x80; }

struct Character {
    uint32_t code;
    size_t bytes;  // 0 if it is not a UTF-8 character
};

Character character_at(const std::string& text, size_t at) {
    constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};  // by bytes: smaller code points need fewer bytes
    const auto first = static_cast<unsigned char>(text[at]);
    if (first < 0x80) return {first, 1};
    const size_t bytes = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC0 || first >= 0xF8 || at + bytes > text.size()) return {0, 0};
    uint32_t code = first & (0x7Fu >> bytes);
    for (size_t i = 1; i < bytes; ++i) {
        if (!continues(text[at + i])) return {0, 0};
        code = code << 6 | (text[at + i] & 0x3Fu);
    }
    const bool half_of_pair = code >= 0xD800 && code <= 0xDFFF;
    if (code < kLeast[bytes] || code > 0x10FFFF || half_of_pair) return {0, 0};
    return {code, bytes};
}

std::string escape(uint32_t code) {
    if (code == '\t') return "\\t";
    if (code == '\n') return "\\n";
    if (code == '\r') return "\\r";
    char digits[16];
    std::snprintf(digits, sizeof digits, code < 0x100 ? "\\x%02x" : code < 0x10000 ? "\\u%04x" : "\\U%08x", code);
    return digits;
}

}  // namespace

std::string shortened(const std::string& text, size_t most) {
    if (text.size() <= most) return text;
    size_t end = most;
    while (end > 0 && continues(text[end])) --end;
    return text.substr(0, end) + "...";
}

std::string printable(const std::string& text) {
    std::string shown;
    for (size_t i = 0; i < text.size();) {
        const Character character = character_at(text, i);
        if (character.bytes == 0) {
            shown += escape(static_cast<unsigned char>(text[i++]));
            continue;
        }
        shown += is_hidden(character.code) ? escape(character.code) : text.substr(i, character.bytes);
        i += character.bytes;
    }
    return shown;
}

}  // namespace pycnn
