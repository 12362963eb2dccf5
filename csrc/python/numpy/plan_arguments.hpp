// Arguments of the steps of a plan, as pycnn/inference/lower.py gives them.
#pragma once

#include <algorithm>

#include "core/memory.hpp"
#include "cpu/nhwc/rows.hpp"
#include "python/views.hpp"

namespace pycnn {

// (offset, floats of an image, whether it passes).
FlatRows to_rows(py::handle place);

// (offset, channels, height, width, (top, bottom, left, right) of the border, floats of a pixel, whether they pass).
NhwcImages to_images(py::handle place);

Clamp to_clamp(py::handle lower, py::handle upper);

// An activation by its name: a kind of the op `activation`, or one that is an op of its own.
RowActivation::Function to_function(py::handle kind);

// A copy of an array.
class Kept {
public:
    explicit Kept(const View<const float>& array) : numbers_(array.size()) {
        std::copy_n(array.data, array.size(), numbers_.data());
    }
    const float* data() const { return numbers_.data(); }

private:
    const Workspace<float> numbers_;
};

}  // namespace pycnn
