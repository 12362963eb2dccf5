// What the losses of class scores share: the weights of the classes, and what the mean divides by.
#pragma once

#include "ops/softmax_cross_entropy.hpp"

namespace pycnn {

double class_weight(const CrossEntropy& s, int64_t label);

// The weights of the targets that count.
double mean_divisor(const CrossEntropy& s, const int64_t* target);

}  // namespace pycnn
