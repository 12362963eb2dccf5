#include "cpu/nhwc/packed_linear.hpp"

#include <numeric>

#include "cpu/gemm.hpp"
#include "cpu/nhwc/packed_filters.hpp"

namespace pycnn {
namespace {

// Rows of a band at least: four tiles of 14, which read a panel from L2 after the first.
constexpr int64_t kBandRows = 56;

}  // namespace

PackedLinear::PackedLinear(const FlatRows& x, const FlatRows& y, const float* w, const float* bias, Clamp clamp)
    : x_(x),
      y_(y),
      clamp_(clamp),
      width_(table_.nr),
      panels_(ceil_div(y.width, width_)),
      filters_(panels_ * x.width * width_),
      bias_(panels_ * width_),
      offsets_(x.width) {
    std::iota(offsets_.begin(), offsets_.end(), 0);
    std::fill_n(bias_.data(), panels_ * width_, 0.0f);
    if (bias != nullptr) std::copy_n(bias, y.width, bias_.data());
    std::fill_n(filters_.data() + (panels_ - 1) * x.width * width_, x.width * width_, 0.0f);
    for (int64_t first = 0; first < y.width; first += width_)
        for (int64_t k = first; k < std::min(first + width_, y.width); ++k)
            for (int64_t c = 0; c < x.width; ++c)
                filters_.data()[(first * x.width + c * width_) + k - first] = w[k * x.width + c];
}

// Panel by panel, tile by tile of the rows. The kernel writes whole vectors: outputs that end within one are copied.
void PackedLinear::compute(const PlanRun& run, Range rows, Range vectors) const {
    const int64_t lanes = table_.lanes, of_panel = width_ / lanes;
    const auto filters_of = [&](int64_t vector) {
        return filters_.data() + vector / of_panel * width_ * x_.width + vector % of_panel * lanes;
    };
    const PixelEnd end{nullptr, 0, clamp_.lower, clamp_.upper};
    for (int64_t vector = vectors.begin, count = 0; vector < vectors.end; vector += count) {
        count = std::min((vector / of_panel + 1) * of_panel, vectors.end) - vector;  // up to the end of a panel, or of the part
        const int64_t column = vector * lanes, columns = std::min(count * lanes, y_.width - column);
        const Tiles tiles(rows.end - rows.begin, table_.tile_pixels[count - 1]);
        const float* next = vector + count < vectors.end ? filters_of(vector + count) : nullptr;
        const Fetching fetching(next, filters_of(vector), x_.width, width_, tiles.count);
        for (int64_t t = 0; t < tiles.count; ++t) {
            const int64_t first = rows.begin + tiles.begin(t);
            float whole[kMaxTilePixels * kNRVectors * whole_lines(1)];  // a line is as long as the longest vector
            float* target = y_.place(run) + first * y_.width + column;
            const bool ends_within = columns < count * lanes;
            table_.pixel_tile[tiles.extent(t) - 1][count - 1](x_.width, x_.read(run) + first * x_.width, offsets_.data(),
                                                              x_.width, filters_of(vector), fetching.begin(t),
                                                              fetching.step_of(t), bias_.data() + column, &end,
                                                              ends_within ? whole : target, ends_within ? width_ : y_.width);
            for (int64_t i = 0; ends_within && i < tiles.extent(t); ++i)
                std::copy_n(whole + i * width_, columns, target + i * y_.width);
        }
    }
}

void PackedLinear::run(const PlanRun& run) const {
    const int64_t vectors = ceil_div(y_.width, static_cast<int64_t>(table_.lanes)), wanted = kTasksPerThread * num_threads();
    // A band reads all weights: rows are cut only where there are few of these.
    const int64_t bands = panels_ >= wanted ? 1 : std::min(ceil_div(run.images, kBandRows), wanted);
    const int64_t parts = balanced_parts(std::clamp<int64_t>(ceil_div(wanted, bands), 1, panels_), bands, vectors);
    const double work = static_cast<double>(run.images) * static_cast<double>(x_.width * y_.width);
    parallel_for(bands * parts, team_size(bands * parts, work), [&](int64_t task, int) {
        const int64_t part = task / bands, band = task % bands;
        compute(run, {band * run.images / bands, (band + 1) * run.images / bands},
                {part * vectors / parts, (part + 1) * vectors / parts});
    });
}

}  // namespace pycnn
