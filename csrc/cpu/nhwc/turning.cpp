#include "cpu/nhwc/turning.hpp"

#include "core/parallel.hpp"

namespace pycnn {
namespace {

// f(image, first row, rows) for parts of all images, about 16 K floats each.
template <class F>
void for_rows(const NhwcImages& images, int64_t count, F&& f) {
    const int64_t rows = std::clamp<int64_t>(16384 / (images.width * images.channels), 1, images.height);
    const int64_t parts = ceil_div(images.height, rows), tasks = count * parts;
    const double work = static_cast<double>(count * images.height * images.width) * images.channels;
    parallel_for(tasks, team_size(tasks, work), [&](int64_t task, int) {
        const int64_t first = task % parts * rows;
        f(task / parts, first, std::min(rows, images.height - first));
    });
}

// A row of a few channels to pixels without padding, which vectors would write in pieces.
void interleave(int64_t channels, int64_t width, const float* source, int64_t plane, float* target) {
    if (channels == 1) {
        std::copy_n(source, width, target);
        return;
    }
    for (int64_t c = 0; c < channels; ++c)
        for (int64_t w = 0; w < width; ++w) target[w * channels + c] = source[c * plane + w];
}

}  // namespace

void ToPixels::run(const PlanRun& run) const {
    const int64_t plane = y_.height * y_.width;
    for_rows(y_, run.images, [&](int64_t n, int64_t first, int64_t rows) {
        const float* image = x_.read(run) + n * x_.width;
        for (int64_t h = first; h < first + rows; ++h) {
            if (y_.pitch == y_.channels && y_.channels < table_.lanes) {
                interleave(y_.channels, y_.width, image + h * y_.width, plane, y_.pixel(run, n, h, 0));
            } else {
                table_.transpose(y_.channels, y_.width, image + h * y_.width, plane, y_.pixel(run, n, h, 0), y_.pitch);
            }
        }
        y_.clear_beside(run, n, first, rows);
    });
}

void ToPlanes::run(const PlanRun& run) const {
    const int64_t plane = x_.height * x_.width;
    for_rows(x_, run.images, [&](int64_t n, int64_t first, int64_t rows) {
        float* image = y_.place(run) + n * y_.width;
        for (int64_t h = first; h < first + rows; ++h)
            table_.transpose(x_.width, x_.channels, x_.pixel(run, n, h, 0), x_.pitch, image + h * x_.width, plane);
    });
}

}  // namespace pycnn
