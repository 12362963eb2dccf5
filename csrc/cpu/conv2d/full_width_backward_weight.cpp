#include <algorithm>
#include <vector>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/conv2d/full_width.hpp"
#include "cpu/conv2d/full_width_rows.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/gemm.hpp"
#include "cpu/long_products.hpp"

namespace pycnn {
namespace {

// Groups of images of about this many windows are one sum in registers: 8 tiles of 13 filters, 13 x 256 x 4 B = 13 KiB each,
// pass over a panel of 256 x 32 x 4 B = 32 KiB.
constexpr int64_t kGroupWindows = 256;

// Columns of dw that one task takes: a multiple of the vectors of any instruction set; 900 columns are 8 tasks.
constexpr int64_t kTaskColumns = 128;

}  // namespace

// dw[., c] (K x R W) = sum over images of dy[n] (K x P) times the patches (P x R W), whose rows are loaded where they lie.
// Tasks own columns of dw and add the images up in order. Vectors may read beyond a patch, and behind the last image there is
// nothing to read: it is copied.
void conv2d_full_width_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db) {
    if (is_linear(s)) return linear_backward_weight(linear_shape(s), dy, x, dw, db);
    const KernelTable& table = kernels();
    const FullWidthRows rows(s);
    const Tiles tiles(s.K, table.mr);
    const int64_t patch = s.R * s.S, image_floats = s.C * s.H * s.W;
    const int64_t group = std::max<int64_t>(kGroupWindows / s.P, 1), copied = rows.padded ? s.N : 1;
    const int64_t in_place = s.N - copied, step = s.stride.h * s.W;

    // A: for each group of images, or part of the windows of one, tiles of filters, each [image, window][filter].
    struct Group {
        int64_t first, images, window, windows;

        int64_t size() const { return images * windows; }
        int64_t begin(const ConvShape& s) const { return (first * s.P + window) * s.K; }  // in A
    };
    std::vector<Group> groups;
    const Tiles parts(s.P, kProductRun);
    for (int64_t n = 0; n < s.N;) {
        const int64_t end = n < in_place ? in_place : s.N, images = std::min(group, end - n);
        for (int64_t i = 0; i < parts.count; ++i) groups.push_back({n, images, parts.begin(i), parts.extent(i)});
        n += images;
    }
    const Workspace<float> gradients(s.N * s.P * s.K);
    parallel_ranges(static_cast<int64_t>(groups.size()), 1, static_cast<double>(group * s.P * s.K),
                    [&](int64_t begin, int64_t end) {
                        for (int64_t g = begin; g < end; ++g) {
                            const Group& part = groups[g];
                            float* next = gradients.data() + part.begin(s);
                            for (int64_t t = 0; t < tiles.count; ++t)
                                for (int64_t n = part.first; n < part.first + part.images; ++n)
                                    for (int64_t p = part.window; p < part.window + part.windows; ++p)
                                        for (int64_t k = tiles.begin(t); k < tiles.begin(t + 1); ++k)
                                            *next++ = dy[(n * s.K + k) * s.P + p];
                        }
                    });

    const int64_t copy_floats = s.C * rows.plane;
    const Workspace<float> copies(copied * copy_floats + table.lanes);
    std::fill_n(copies.data() + copied * copy_floats, table.lanes, 0.0f);
    parallel_ranges(copied, 1, static_cast<double>(copy_floats), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
            rows.copy(table, s.C, x + (in_place + i) * image_floats, copies.data() + i * copy_floats);
    });

    // Where the windows of a group start, in images that are used in place and in copies.
    std::vector<int64_t> offsets_in_place, offsets_copied;
    for (int64_t n = 0; n < group; ++n)
        for (int64_t p = 0; p < s.P; ++p) {
            offsets_in_place.push_back(n * image_floats + p * step);
            offsets_copied.push_back(n * copy_floats + p * step);
        }

    const int64_t column_tasks = ceil_div(patch, kTaskColumns), tasks = s.C * column_tasks;
    const int team = team_size(tasks, s.N * s.P * s.weights());
    const LongSumAreas totals(static_cast<int64_t>(groups.size()), s.K * kTaskColumns, team);
    parallel_for(tasks, team, [&](int64_t task, int thread) {
        const int64_t c = task / column_tasks, first = task % column_tasks * kTaskColumns;
        const int64_t last = std::min(first + kTaskColumns, patch);
        LongSums sums(dw + c * patch + first, s.K, last - first, s.C * patch, totals.of(thread));
        for (const Group& part : groups) {
            const bool copy = part.first >= in_place;
            const float* source = (copy ? copies.data() + (part.first - in_place) * copy_floats + c * rows.plane
                                        : rows.inside(x + part.first * image_floats) + c * rows.image_plane) +
                                  part.window * step;
            sums.expect();
            const int64_t* offsets = (copy ? offsets_copied : offsets_in_place).data();
            for (int64_t j = first; j < last; j += table.nr) {
                VectorPlace places[kNRVectors];
                const int64_t columns = std::min<int64_t>(table.nr, last - j);
                const int64_t vectors = packed_places(table, 0, columns, places);
                multiply(table, tiles, {0, tiles.count}, gradients.data() + part.begin(s),
                         {part.size(), source + j, offsets, places, vectors}, dw + c * patch + j, s.C * patch, nullptr,
                         part.first + part.window > 0);
            }
        }
        sums.finish();
    });
    sum_windows(table, s, dy, db);
}

}  // namespace pycnn
