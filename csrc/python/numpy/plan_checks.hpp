// What the steps of a plan take for granted, checked when they are added: that their places lie in the memory of a run, and that shapes
// fit each other. Each function raises ValueError with both facts.
#pragma once

#include <optional>
#include <string>

#include "cpu/nhwc/plan.hpp"
#include "ops/pool2d.hpp"

namespace pycnn {

inline constexpr char kInferencePlan[] = "InferencePlan";  // for errors

// Sizes of a plan are not negative.
void check_sizes(const PlanSizes& sizes);

// Rows lie in the arena, or are the whole output of the plan or, unless they are written, its input.
void check_rows(const PlanSizes& sizes, const char* name, const FlatRows& rows, bool is_written);
// Images lie in the arena with their borders.
void check_images_lie_in(const PlanSizes& sizes, const char* name, const NhwcImages& images);
// Pixels are whole vectors, as all steps want but direct convolutions of images that they read number by number.
void check_whole_vectors(const char* name, const NhwcImages& images);

void check_row_width(const char* name, const FlatRows& rows, int64_t wanted);
// Rows and columns, or also channels, of two images are the same.
void check_same_size(const char* name, const NhwcImages& images, const char* other_name, const NhwcImages& other);
void check_same_images(const char* name, const NhwcImages& images, const char* other_name, const NhwcImages& other);

// The algorithm can compute the convolution, and no window leaves x with its border.
void check_convolution(const std::string& algorithm, const ConvShape& s, const NhwcImages& x, const NhwcImages& y,
                       const std::optional<NhwcImages>& residual);
// Each window begins within the image.
void check_pooling(const PoolShape& s, const NhwcImages& x, const NhwcImages& y);

}  // namespace pycnn
