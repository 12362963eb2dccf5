#include "cpu/conv2d/winograd_weight_tiles.hpp"

#include <algorithm>
#include <span>

namespace pycnn {
namespace {

constexpr int64_t kLongestStrip = 32;

Planes images_of(const ConvShape& s, int64_t group, const float* x) {
    const int64_t inputs = s.group_inputs();
    return {x + group * inputs * s.H * s.W, inputs, s.H, s.W, s.C * s.H * s.W, s.pad.top, s.pad.left};
}

Planes gradients_of(const ConvShape& s, int64_t group, const float* dy) {
    const int64_t outputs = s.group_outputs();
    return {dy + group * outputs * s.P * s.Q, outputs, s.P, s.Q, s.K * s.P * s.Q, 0, 0};
}

int64_t image_area(const WeightTiles& tiles) {
    return whole_lines(
        StripReader::area_floats(tiles.grid.longest(), tiles.winograd.window, tiles.winograd.step, tiles.v_pitch));
}

int64_t gradient_area(const WeightTiles& tiles) {
    return whole_lines(StripReader::area_floats(tiles.grid.longest(), tiles.winograd.tile, tiles.winograd.tile, tiles.z_pitch));
}

}  // namespace

WeightTiles::WeightTiles(const ConvShape& s, int64_t chunk_floats)
    : shape(s),
      winograd(winograd_of(ConvPass::backward_weight, s)),
      grid(s.N, s.P, s.Q, winograd.tile, kLongestStrip),
      v_pitch(channel_pitch(s.group_inputs())),
      z_pitch(channel_pitch(s.group_outputs())),
      width(kNRVectors * table.lanes),
      panels(ceil_div(s.group_outputs(), width)),
      u_pitch(panels * width),
      u_position(s.group_inputs() * u_pitch + whole_lines(1)),
      z_positions(winograd.u_positions),
      channels(s.group_inputs(), table.mr) {
    for (const WinogradProduct& product : std::span(winograd.products, winograd.product_count))
        std::fill_n(z_positions.begin() + product.u, product.terms, product.m);
    const int64_t tile_floats = winograd.v_positions * v_pitch + winograd.m_positions * z_pitch;
    take(std::clamp<int64_t>(chunk_floats / tile_floats / grid.longest(), 1, grid.strips()));
}

void WeightTiles::take(int64_t strips) {
    chunk_strips = strips;
    slots = strips * grid.longest();
    v_position = slots * v_pitch;
    z_position = slots * z_pitch;
}

double WeightTiles::products(int64_t strips) const {
    return static_cast<double>(strips * grid.longest() * winograd.u_positions) * shape.group_inputs() * shape.group_outputs();
}

StripTransforms::StripTransforms(const WeightTiles& tiles, int64_t group, const float* dy, const float* x, float* pixels)
    : tiles_(tiles),
      images_(tiles.table, images_of(tiles.shape, group, x), tiles.winograd.window, tiles.winograd.step, tiles.v_pitch, pixels),
      gradients_(tiles.table, gradients_of(tiles.shape, group, dy), tiles.winograd.tile, tiles.winograd.tile, tiles.z_pitch,
                 pixels + image_area(tiles)) {}

int64_t StripTransforms::area_floats(const WeightTiles& tiles) { return image_area(tiles) + gradient_area(tiles); }

void StripTransforms::transform(int64_t begin, int64_t end, int64_t slot, float* v, float* z) {
    const WinogradKernels& winograd = tiles_.winograd;
    const int64_t lanes = tiles_.table.lanes, longest = tiles_.grid.longest();
    const int64_t v_vectors = ceil_div(tiles_.shape.group_inputs(), lanes);
    const int64_t z_vectors = ceil_div(tiles_.shape.group_outputs(), lanes);
    const float* rows[kMostWinogradInput];
    for (int64_t i = begin; i < end; ++i) {
        const Strip strip = tiles_.grid.strip(i);
        images_.read(strip, rows);
        winograd.input(strip.tiles, v_vectors, tiles_.v_pitch, rows, v + (slot + (i - begin) * longest) * tiles_.v_pitch,
                       tiles_.v_position);
    }
    for (int64_t i = begin; i < end; ++i) {
        const Strip strip = tiles_.grid.strip(i);
        gradients_.read(strip, rows);
        winograd.gradient(strip.tiles, z_vectors, tiles_.z_pitch, rows, z + (slot + (i - begin) * longest) * tiles_.z_pitch,
                          tiles_.z_position);
    }
}

ChunkProducts::ChunkProducts(const WeightTiles& tiles, int64_t begin, int64_t end, const float* v, const float* z)
    : tiles_(tiles), v_(v), z_(z) {
    for (int64_t i = begin; i < end; ++i)
        for (int64_t tile = 0; tile < tiles.grid.strip(i).tiles; ++tile) {
            const int64_t slot = (i - begin) * tiles.grid.longest() + tile;
            v_offsets_.push_back(slot * tiles.v_pitch);
            z_offsets_.push_back(slot * tiles.z_pitch);
        }
}

void ChunkProducts::multiply(int64_t position, int64_t channel_tile, int64_t column, float* u, int64_t u_pitch,
                             bool accumulate) const {
    const int64_t filters = std::min(tiles_.width, tiles_.shape.group_outputs() - column);
    tiles_.table.unpacked_gemm[tiles_.channels.extent(channel_tile) - 1][ceil_div(filters, tiles_.table.lanes) - 1](
        static_cast<int64_t>(v_offsets_.size()), v_ + position * tiles_.v_position + tiles_.channels.begin(channel_tile),
        v_offsets_.data(), 1, z_ + tiles_.z_positions[position] * tiles_.z_position + column, z_offsets_.data(), u, u_pitch,
        nullptr, accumulate);
}

}  // namespace pycnn
