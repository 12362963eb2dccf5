#include "cpu/nhwc/convolution.hpp"

#include "cpu/dispatch.hpp"
#include "cpu/gemm.hpp"
#include "cpu/nhwc/packed_filters.hpp"

namespace pycnn {
namespace {

// Pixels of a band at least, where there are as many: a panel of filters that is read for them does 2 * 24 multiply-adds a float.
constexpr int64_t kBandPixels = 24;

}  // namespace

// How the outputs are shared out: bands of rows of an image, or of the whole batch where pixels are dense; and parts of the panels.
struct DirectConvolution::Cut {
    int64_t images, height, width;  // of the outputs: the batch may be one long row
    int64_t bands, parts;

    Cut(const DirectConvolution& c, int64_t batch, bool whole) : images(batch), height(c.p_.y.height), width(c.p_.y.width) {
        const NhwcConvolution& p = c.p_;
        const bool one_tap = p.R == 1 && p.S == 1 && p.stride.h == 1 && p.stride.w == 1;
        const bool dense = p.x.is_dense() && p.y.is_dense() && (!p.residual || p.residual->is_dense());
        int64_t most = 0;
        if (whole && one_tap && dense) {
            // Rows of any length may be cut: rows of kBandPixels and more, so that all tiles are full.
            const int64_t pixels = images * height * width;
            const int64_t rows = std::max<int64_t>(pixels / (4 * kBandPixels), 1);
            images = 1, height = rows, width = ceil_div(pixels, rows);
            total = pixels;
            most = height;
        } else {
            total = 0;
            most = std::max<int64_t>(height * width / kBandPixels, 1);
        }
        // A band's input stays in L2, beside a block of filters.
        const int64_t line = p.stride.h * p.x.line();
        const int64_t fitting = std::max<int64_t>(kPanelFloats / (total ? width * p.x.pitch : line), 1);
        bands = std::clamp<int64_t>(ceil_div(height, fitting), 1, height);
        const int64_t wanted = kTasksPerThread * num_threads();
        // Each band reads all filters, each part all pixels: what is larger is read once, if there are panels enough.
        const int64_t filters = p.groups * c.panels_ * c.depth_ * c.width_;
        const bool in_parts = images == 1 && filters > height * width * p.x.pitch && bands * p.groups * c.panels_ >= wanted;
        if (images * bands < wanted && !in_parts) bands = std::clamp(ceil_div(wanted, images), bands, std::min(most, height));
        parts = balanced_parts(std::clamp<int64_t>(ceil_div(wanted, images * bands), 1, c.panels_), images * bands * p.groups,
                               c.vectors_);
    }

    int64_t total;  // pixels, if they are one long row
    int64_t tasks(int64_t groups) const { return images * bands * groups * parts; }
};

DirectConvolution::DirectConvolution(const NhwcConvolution& p, const float* w, const float* bias)
    : p_(p),
      width_(table_.nr),
      panels_(ceil_div(p.y.channels / p.groups, width_)),
      vectors_(ceil_div(p.y.channels / p.groups, table_.lanes)),
      depth_(p.x.channels / p.groups * p.R * p.S),
      filters_(p.groups * panels_ * depth_ * width_),
      bias_(p.groups * panels_ * width_) {
    const int64_t inputs = p.x.channels / p.groups, outputs = p.y.channels / p.groups, taps = p.R * p.S;
    std::fill_n(filters_.data(), p.groups * panels_ * depth_ * width_, 0.0f);
    std::fill_n(bias_.data(), p.groups * panels_ * width_, 0.0f);
    for (int64_t k = 0; k < p.y.channels; ++k) {
        const int64_t column = k / outputs * panels_ * width_ + k % outputs;
        if (bias != nullptr) bias_.data()[column] = bias[k];
        float* panel = filters_.data() + column / width_ * depth_ * width_ + column % width_;
        for (int64_t tap = 0; tap < taps; ++tap)
            for (int64_t c = 0; c < inputs; ++c) panel[(tap * inputs + c) * width_] = w[(k * inputs + c) * taps + tap];
    }
    for (int64_t r = 0; r < p.R; ++r)
        for (int64_t s = 0; s < p.S; ++s)
            for (int64_t c = 0; c < inputs; ++c)
                offsets_.push_back(r * p.dilation.h * p.x.line() + s * p.dilation.w * p.x.pitch + c);
}

// Block by block of the sum, so that a panel's block stays in L1 while the band's tiles pass.
void DirectConvolution::compute(const PlanRun& run, const Cut& cut, int64_t image, int64_t band, int64_t part) const {
    const int64_t g = part / cut.parts, inputs = p_.x.channels / p_.groups, outputs = p_.y.channels / p_.groups;
    const Tiles rows(cut.height, ceil_div(cut.height, cut.bands));
    if (band >= rows.count) return;
    const int64_t first_row = rows.begin(band), last_row = first_row + rows.extent(band), lanes = table_.lanes;
    const int64_t first = part % cut.parts * vectors_ / cut.parts, last = (part % cut.parts + 1) * vectors_ / cut.parts;
    const Tiles blocks(depth_, kKC);
    const auto filters_of = [&](int64_t block, int64_t vector) {
        const int64_t panel = vector * lanes / width_, column = vector * lanes % width_;
        return filters_.data() + ((g * panels_ + panel) * depth_ + blocks.begin(block)) * width_ + column;
    };
    for (int64_t block = 0; block < blocks.count; ++block)
        for (int64_t vector = first, vectors = 0; vector < last; vector += vectors) {
            // Up to the end of a panel, or of the part.
            vectors = std::min((vector * lanes / width_ + 1) * width_ / lanes, last) - vector;
            const int64_t column = vector * lanes, filter = g * outputs + column;
            const bool half = vectors == 1 && outputs - column <= table_.half_lanes;
            const float* filters = filters_of(block, vector);
            const float* bias = block == 0 ? bias_.data() + g * panels_ * width_ + column : nullptr;
            const float* next = nullptr;
            if (vector + vectors < last) {
                next = filters_of(block, vector + vectors);
            } else if (block + 1 < blocks.count) {
                next = filters_of(block + 1, first);
            }
            const int64_t tiles_of_row = Tiles(cut.width, table_.tile_pixels[vectors - 1]).count;
            const Fetching fetching(next, filters, blocks.extent(block), width_, tiles_of_row * (last_row - first_row));
            for (int64_t i = first_row; i < last_row; ++i) {
                const int64_t pixels = cut.total ? std::min(cut.width, cut.total - i * cut.width) : cut.width;
                const Tiles tiles(std::max<int64_t>(pixels, 0), table_.tile_pixels[vectors - 1]);
                const float* source = cut.total ? p_.x.pixel(run, 0, 0, i * cut.width)
                                                : p_.x.pixel(run, image, i * p_.stride.h - p_.pad.top, -p_.pad.left);
                float* target = cut.total ? p_.y.pixel(run, 0, 0, i * cut.width) : p_.y.pixel(run, image, i, 0);
                const float* residual = nullptr;
                if (p_.residual)
                    residual = cut.total ? p_.residual->pixel(run, 0, 0, i * cut.width) : p_.residual->pixel(run, image, i, 0);
                for (int64_t t = 0; t < tiles.count; ++t) {
                    const int64_t j = tiles.begin(t), tile = (i - first_row) * tiles_of_row + t;
                    const PixelEnd end{residual ? residual + j * p_.residual->pitch + filter : nullptr,
                                       residual ? p_.residual->pitch : 0, p_.clamp.lower, p_.clamp.upper};
                    const PixelTileKernel kernel =
                        half ? table_.half_tile[tiles.extent(t) - 1] : table_.pixel_tile[tiles.extent(t) - 1][vectors - 1];
                    kernel(blocks.extent(block), source + j * p_.stride.w * p_.x.pitch + g * inputs,
                           offsets_.data() + blocks.begin(block), p_.stride.w * p_.x.pitch, filters, fetching.begin(tile),
                           fetching.step_of(tile), bias, block + 1 == blocks.count ? &end : nullptr,
                           target + j * p_.y.pitch + filter, p_.y.pitch);
                }
            }
        }
    if (part == 0 && !cut.total) p_.y.clear_beside(run, image, first_row, last_row - first_row);
}

void DirectConvolution::run_image(const PlanRun& run, int64_t image) const {
    const Cut cut(*this, 1, false);
    for (int64_t band = 0; band < cut.bands; ++band)
        for (int64_t part = 0; part < p_.groups * cut.parts; ++part) compute(run, cut, image, band, part);
}

void DirectConvolution::run(const PlanRun& run) const {
    const Cut cut(*this, run.images, true);
    const int64_t parts = p_.groups * cut.parts, tasks = cut.tasks(p_.groups);
    const double work = static_cast<double>(run.images * p_.y.height * p_.y.width) * p_.y.channels * depth_;
    parallel_for(tasks, team_size(tasks, work), [&](int64_t task, int) {
        compute(run, cut, task / parts / cut.bands, task / parts % cut.bands, task % parts);
    });
}

}  // namespace pycnn
