// Makes callers' text fit for a message.
#pragma once

#include <cstddef>
#include <string>

namespace pycnn {

// At most `most` bytes of the text, cut between characters, followed by "..." if something was left out.
std::string shortened(const std::string& text, size_t most);

// The text with escapes such as \x1b for characters that control a terminal, reverse the order of letters or break lines, and for
// bytes that are not UTF-8: the same characters as pycnn/_printable.py.
std::string printable(const std::string& text);

}  // namespace pycnn
