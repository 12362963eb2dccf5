// Arguments of the steps of a plan, as pycnn/inference/lower.py gives them.
#pragma once

#include <algorithm>
#include <optional>

#include "core/memory.hpp"
#include "cpu/nhwc/plan.hpp"
#include "cpu/nhwc/rows.hpp"
#include "python/views.hpp"

namespace pycnn {

// (offset, floats of an image, whether it passes). Places must lie in the memory of a run of the plan.
FlatRows to_rows(const InferencePlan& plan, const char* name, py::handle place);
FlatRows to_written_rows(const InferencePlan& plan, const char* name, py::handle place);

// (offset, channels, height, width, (top, bottom, left, right) of the border, floats of a pixel, whether they pass).
NhwcImages to_images(const InferencePlan& plan, const char* name, py::handle place);
// The same of images that a step goes over in whole vectors.
NhwcImages to_vectors(const InferencePlan& plan, const char* name, py::handle place);

Clamp to_clamp(py::handle lower, py::handle upper);

// An activation by its name: a kind of the op `activation`, or one that is an op of its own.
RowActivation::Function to_function(py::handle kind);

// Numbers of each channel or output, None for none where that is allowed; ValueError unless there are `count`.
std::optional<View<const float>> numbers_for(const char* name, py::handle array, int64_t count);

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
