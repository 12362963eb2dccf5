#include "cpu/conv2d/band_copy.hpp"

#include <algorithm>

namespace pycnn {

BandCopy::BandCopy(const Correlation& p, int64_t channels, int64_t band_rows, int64_t band_columns) {
    const auto [low_h, high_h] = std::minmax_element(p.dh.begin(), p.dh.end());
    const auto [low_w, high_w] = std::minmax_element(p.dw.begin(), p.dw.end());
    first_h = *low_h;
    first_w = *low_w;
    rows = (band_rows - 1) * p.step_h + *high_h - *low_h + 1;
    pitch = ceil_div((band_columns - 1) * p.step_w + *high_w - *low_w + 1, p.step_w);
    line = p.step_w * pitch;
    plane = rows * line;
    row_step = p.step_h * line;
    for (int64_t c = 0; c < channels; ++c)
        for (int64_t h : p.dh)
            for (int64_t w : p.dw)
                offsets.push_back(c * plane + (h - first_h) * line + (w - first_w) % p.step_w * pitch +
                                  (w - first_w) / p.step_w);
}

void BandCopy::fill(const Correlation& p, const KernelTable& table, const Band& band, const float* planes, int64_t channels,
                    float* copy) const {
    if (p.step_w == 1 && plane == p.height * p.width && pitch == p.width && band.i0 * p.step_h + first_h == 0 &&
        band.j0 + first_w == 0) {
        std::copy_n(planes, channels * plane, copy);
        return;
    }
    const PaddedCopy shape{p.height, p.width, band.i0 * p.step_h + first_h, band.j0 * p.step_w + first_w, rows,
                           p.step_w, pitch};
    for (int64_t c = 0; c < channels; ++c) table.pad_plane(shape, planes + c * p.height * p.width, copy + c * plane);
}

int64_t BandCopy::cut(const Band& band, int64_t image, int64_t first, int64_t count, Segment* segments) const {
    int64_t n = 0;
    for (int64_t done = 0; done < count; ++n) {
        const int64_t row = (first + done) / band.columns, j = (first + done) % band.columns;
        const int64_t length = std::min(band.columns - j, count - done);
        segments[n] = {row / band.rows * image + row % band.rows * row_step + j, done, length};
        done += length;
    }
    return n;
}

}  // namespace pycnn
