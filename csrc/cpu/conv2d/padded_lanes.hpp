// Images of the batch in lanes, with the padding of a convolution with a step of 1 around them.
#pragma once

#include "cpu/conv2d/interleaved_images.hpp"

namespace pycnn {

// x interleaved, with as many zeros around its planes as filters reach: [block][channel][row][column][image].
struct PaddedLanes {
    int64_t block, blocks, height, width, size;  // images of a block, blocks, of planes, and floats of a block
    Workspace<float> images;
    const float* data;  // of `images`, or x where that is in lanes already: then nothing may be around it

    PaddedLanes(const KernelTable& table, const ConvShape& s, const float* x, bool in_lanes = false);
};

}  // namespace pycnn
