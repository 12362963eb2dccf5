#include "python/overlap.hpp"

#include <algorithm>

namespace pycnn {

void check_apart(const char* op, const std::vector<Place>& arrays) {
    for (const Place& one : arrays)
        for (const Place& other : arrays) {
            const bool share = std::max(one.begin, other.begin) < std::min(one.end, other.end);
            if (&one == &other || !share || !one.written) continue;
            fail_value(op, one.name, " is changed in place and shares memory with ", other.name,
                       ": each needs an array of its own (", one.name, ": ", to_string(*one.shape), ", ", other.name, ": ",
                       to_string(*other.shape), ")");
        }
}

}  // namespace pycnn
