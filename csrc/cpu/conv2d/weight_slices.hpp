// The gradients of a convolution's filters and biases, a copy for each slice of the batch, so that slices can be worked on side
// by side; the copies are added in order, which makes the bits independent of the threads.
#pragma once

#include "core/long_sum.hpp"
#include "core/memory.hpp"
#include "core/shape.hpp"

namespace pycnn {

class WeightSlices {
public:
    // How many copies are at most worth their memory, 32 MiB.
    static int64_t most(const ConvShape& s);

    // Slice 0 of the weights is dw itself. The contents of all slices are as they were, or undefined; all sums for db are zero.
    WeightSlices(const ConvShape& s, int64_t count, float* dw, float* db);

    float* dw(int64_t slice) const { return slice == 0 ? dw_ : copies_.data() + (slice - 1) * weights_; }
    LongSum* db(int64_t slice) const { return biases_.data() + slice * filters_; }

    // Sets the weights of all slices to zero.
    void clear() const;

    // Adds all slices up to dw and db.
    void add_up() const;

private:
    int64_t count_, weights_, filters_;
    float *dw_, *db_;
    Workspace<float> copies_;
    Workspace<LongSum> biases_;
};

}  // namespace pycnn
