// Backward-weight by Winograd's tiles: at each position dU (C x K) = sum over tiles of V (tile x C), transposed, times Z (tile x K), with V the
// transformed inputs and Z the transformed gradients. This is what the three orders of the work have in common.
#pragma once

#include <vector>

#include "cpu/conv2d/winograd.hpp"
#include "cpu/conv2d/winograd_tiles.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/gemm.hpp"

namespace pycnn {

// The tiles of a chunk of strips, and how V, Z and dU lie.
struct WeightTiles {
    const ConvShape& shape;
    const KernelTable& table = kernels();
    const WinogradKernels& winograd;
    StripGrid grid;
    int64_t v_pitch, z_pitch;                    // of a tile
    int64_t chunk_strips, slots;                 // a strip has grid.longest() slots for its tiles
    int64_t v_position, z_position;              // of a chunk
    int64_t width, panels, u_pitch, u_position;  // of dU: [position][channel][filter]
    std::vector<int64_t> z_positions;            // the position of the gradients that multiply the inputs of each position
    Tiles channels;

    // A chunk's V and Z have at most `chunk_floats`, or are of one strip.
    WeightTiles(const ConvShape& s, int64_t chunk_floats);
    // Takes other strips for a chunk.
    void take(int64_t strips);

    int64_t v_floats() const { return whole_lines(winograd.v_positions * v_position); }
    int64_t z_floats() const { return whole_lines(winograd.m_positions * z_position); }
    int64_t u_floats() const { return whole_lines(winograd.u_positions * u_position); }
    // Multiply-adds of so many strips of a group.
    double products(int64_t strips) const;
};

// Transforms strips of a group, on one thread.
class StripTransforms {
public:
    // `pixels` has room for area_floats floats.
    StripTransforms(const WeightTiles& tiles, int64_t group, const float* dy, const float* x, float* pixels);
    static int64_t area_floats(const WeightTiles& tiles);

    // Strips [begin, end), to V and Z of a chunk from `slot` on.
    void transform(int64_t begin, int64_t end, int64_t slot, float* v, float* z);

private:
    const WeightTiles& tiles_;
    StripReader images_, gradients_;
};

// The products of the tiles of strips [begin, end), a chunk.
class ChunkProducts {
public:
    ChunkProducts(const WeightTiles& tiles, int64_t begin, int64_t end, const float* v, const float* z);

    // One position of dU: a tile of the channels, and the panel of filters from `column` on.
    void multiply(int64_t position, int64_t channel_tile, int64_t column, float* u, int64_t u_pitch, bool accumulate) const;

private:
    const WeightTiles& tiles_;
    const float *v_, *z_;
    std::vector<int64_t> v_offsets_, z_offsets_;  // of the tiles
};

// Whether slices of the strips, each worked on by one thread, suit the shape; computes dU of a group so.
bool suits_weight_slices(const WeightTiles& tiles);
void gradient_in_slices(const WeightTiles& tiles, int64_t group, const float* dy, const float* x, float* u);

}  // namespace pycnn
