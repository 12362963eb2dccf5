// What the parts of the batch-lanes convolution share. Images are interleaved in blocks: lane n is image n, so element e of a block's
// images is then `block_images` floats at e * block_images. Where the last block is not full, the missing images are zeros.
#pragma once

#include <algorithm>

#include "core/memory.hpp"
#include "core/shape.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {

// Images of a block: the two vectors of a tile.
inline int64_t block_images(const KernelTable& table) { return table.nr; }

// Moves `elements` neighbouring floats of each image of a block; images are `image_pitch` floats apart.
struct Block {
    int64_t size, first, images;

    Block(int64_t size, int64_t index, int64_t N) : size(size), first(index * size), images(std::min(size, N - first)) {}

    void load(const KernelTable& table, int64_t elements, const float* source, int64_t image_pitch, float* target) const {
        if (images < size) std::fill_n(target, elements * size, 0.0f);
        table.transpose(images, elements, source + first * image_pitch, image_pitch, target, size);
    }
    void store(const KernelTable& table, int64_t elements, const float* source, float* target, int64_t image_pitch) const {
        table.transpose(elements, images, source, size, target + first * image_pitch, image_pitch);
    }
};

// N images of some planes of `plane` pixels, interleaved: [block][plane][pixel][image].
Workspace<float> interleaved_images(const KernelTable& table, int64_t N, int64_t planes, int64_t plane, const float* x);

// The gradient of a convolution's output, interleaved, from that of what ReLU and max pooling have left of it.
Workspace<float> interleaved_gradient(const KernelTable& table, const PooledConvShape& s, const float* dy,
                                      const uint8_t* winners);

// The gradients of ops/conv2d.hpp from a dy that is interleaved.
void backward_input_of_interleaved(const ConvShape& s, const float* interleaved_dy, const float* w, float* dx, const float* b);
void backward_weight_of_interleaved(const ConvShape& s, const float* interleaved_dy, const float* x, float* dw, float* db);

}  // namespace pycnn
