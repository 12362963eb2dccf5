// Text of callers, made fit for a message.
#pragma once

#include <cstddef>
#include <string>

namespace pycnn {

// At most `most` bytes of the text, cut between characters, with "..." behind where something is left out.
std::string shortened(const std::string& text, size_t most);

// The text with escapes such as \x1b for what a terminal obeys, what turns the order of letters around, what breaks lines, and what is
// no UTF-8: the same characters as pycnn/_printable.py.
std::string printable(const std::string& text);

}  // namespace pycnn
