// Kernels that come in tiles of several sizes, each size by itself: other checks meet the largest ones, and those of what is left over.
// Operands are whole numbers, whose sums are exact in any order.
#include <algorithm>

#include "check.hpp"
#include "core/shape.hpp"
#include "cpu/dispatch.hpp"

namespace selftest {
namespace {

using pycnn::kernels, pycnn::KernelTable;

Floats whole_numbers(int64_t count) {
    Floats numbers = random_numbers(count, -4, 4);
    for (float& number : numbers) number = std::round(number);
    return numbers;
}

std::string named(const char* kernel, int64_t rows, int64_t columns) {
    return std::string(kernel) + " of " + pycnn::to_string({rows, columns});
}

// C[i][j] += sum over k of term(a[i][k], b[j][k]).
template <class F>
void check_dot(const char* name, const pycnn::DotKernel (&tiles)[pycnn::kMaxDotTile][pycnn::kMaxDotTile], F term) {
    constexpr int64_t depth = 37;
    for (int64_t rows = 1; rows <= kernels().dot_rows; ++rows)
        for (int64_t columns = 1; columns <= kernels().dot_columns; ++columns) {
            const Floats a = whole_numbers(rows * depth), b = whole_numbers(columns * depth);
            Floats c = guarded(whole_numbers(rows * columns));
            Exacts exact;
            for (int64_t i = 0; i < rows; ++i)
                for (int64_t j = 0; j < columns; ++j) {
                    double sum = c[i * columns + j];
                    for (int64_t k = 0; k < depth; ++k) sum += term(a[i * depth + k], b[j * depth + k]);
                    exact.push_back({sum, 0});
                }
            tiles[rows - 1][columns - 1](depth, a.data(), depth, b.data(), depth, c.data(), columns);
            compare(named(name, rows, columns), c, exact);
        }
}

// Three runs of two pixels of NR images; the columns of B overlap.
void check_batch_reduce_dot() {
    const KernelTable& table = kernels();
    constexpr int64_t runs = 3;
    const int64_t length = 2 * table.nr, a_pitch = length + 3, b_pitch = length + 5;
    for (int64_t rows = 1; rows <= table.dot_rows; ++rows)
        for (int64_t columns = 1; columns <= table.dot_columns; ++columns) {
            const int64_t lda = runs * a_pitch;
            const Floats a = whole_numbers(rows * lda), b = whole_numbers(runs * b_pitch + 7 * columns);
            Floats c = guarded(whole_numbers(rows * columns));
            std::vector<int64_t> offsets;
            for (int64_t j = 0; j < columns; ++j) offsets.push_back(7 * j);
            Exacts exact;
            for (int64_t i = 0; i < rows; ++i)
                for (int64_t j = 0; j < columns; ++j) {
                    double sum = c[i * columns + j];
                    for (int64_t t = 0; t < runs; ++t)
                        for (int64_t k = 0; k < length; ++k)
                            sum += double{a[i * lda + t * a_pitch + k]} * b[offsets[j] + t * b_pitch + k];
                    exact.push_back({sum, 0});
                }
            table.batch_reduce_dot[rows - 1][columns - 1](runs, length, a.data(), lda, a_pitch, b.data(), offsets.data(),
                                                          b_pitch, c.data(), columns);
            compare(named("batch_reduce_dot", rows, columns), c, exact);
        }
}

// A tile of pixels or rows by vectors: A is broadcast number by number, B are vectors NR floats apart.
struct OuterProduct {
    static constexpr int64_t depth = 5, a_stride = 9;
    int64_t rows, columns;
    std::vector<int64_t> a_offsets, b_offsets;
    Floats a, b, bias, residual;

    OuterProduct(int64_t rows, int64_t columns)
        : rows(rows),
          columns(columns),
          a(whole_numbers(rows * a_stride)),
          b(whole_numbers(depth * kernels().nr)),
          bias(whole_numbers(std::max<int64_t>(rows, kernels().nr))),
          residual(whole_numbers(rows * columns)) {
        for (int64_t k = 0; k < depth; ++k) a_offsets.push_back(2 * k), b_offsets.push_back(k * kernels().nr);
    }
    double of(int64_t i, int64_t j) const {
        double sum = 0;
        for (int64_t k = 0; k < depth; ++k) sum += double{a[a_offsets[k] + i * a_stride]} * b[b_offsets[k] + j];
        return sum;
    }
};

void check_unpacked_gemm() {
    const KernelTable& table = kernels();
    for (int64_t rows = 1; rows <= table.mr; ++rows)
        for (int64_t vectors = 1; vectors <= pycnn::kNRVectors; ++vectors) {
            const OuterProduct p(rows, vectors * table.lanes);
            Floats c = guarded(rows * p.columns);
            Exacts exact;
            for (int64_t i = 0; i < rows; ++i)
                for (int64_t j = 0; j < p.columns; ++j) exact.push_back({p.bias[i] + 2 * p.of(i, j), 0});
            for (const bool accumulate : {false, true})
                table.unpacked_gemm[rows - 1][vectors - 1](p.depth, p.a.data(), p.a_offsets.data(), p.a_stride, p.b.data(),
                                                           p.b_offsets.data(), c.data(), p.columns, p.bias.data(), accumulate);
            compare(named("unpacked_gemm", rows, vectors), c, exact);
        }
}

// Two blocks of a sum: the second starts from the first one's, adds the residual and clamps.
void check_pixel_tile(const char* name, pycnn::PixelTileKernel tile, int64_t rows, int64_t columns) {
    constexpr float lower = -20, upper = 30;
    const OuterProduct p(rows, columns);
    Floats c = guarded(rows * columns);
    Exacts exact;
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j) {
            const double sum = p.bias[j] + 2 * p.of(i, j) + p.residual[i * columns + j];
            exact.push_back({std::clamp<double>(sum, lower, upper), 0});
        }
    const pycnn::PixelEnd end{p.residual.data(), columns, lower, upper};
    tile(p.depth, p.a.data(), p.a_offsets.data(), p.a_stride, p.b.data(), p.b.data(), 0, p.bias.data(), nullptr, c.data(),
         columns);
    tile(p.depth, p.a.data(), p.a_offsets.data(), p.a_stride, p.b.data(), p.b.data(), 4, nullptr, &end, c.data(), columns);
    compare(named(name, rows, columns), c, exact);
}

void check_pixel_tiles() {
    const KernelTable& table = kernels();
    for (int64_t vectors = 1; vectors <= pycnn::kNRVectors; ++vectors)
        for (int64_t rows = 1; rows <= table.tile_pixels[vectors - 1]; ++rows)
            check_pixel_tile("pixel_tile", table.pixel_tile[rows - 1][vectors - 1], rows, vectors * table.lanes);
    for (int64_t rows = 1; table.half_lanes > 0 && rows <= table.tile_pixels[0]; ++rows)
        check_pixel_tile("half_tile", table.half_tile[rows - 1], rows, table.half_lanes);
}

// A window of 2 x 2 outputs of each filter. Whole numbers are often equal: the first maximum wins.
void check_lane_windows() {
    const KernelTable& table = kernels();
    constexpr int64_t depth = 9;
    const int64_t lanes = table.lanes, row_pitch = 3 * table.nr;
    for (int64_t filters = 1; filters <= table.window_filters; ++filters) {
        const Floats w = whole_numbers(filters * depth), x = whole_numbers((depth + 5) * table.nr),
                     bias = whole_numbers(filters);
        std::vector<int64_t> offsets;
        for (int64_t k = 0; k < depth; ++k) offsets.push_back(k * table.nr);
        Exacts exact_y, exact_winners;
        for (int64_t i = 0; i < filters; ++i)
            for (int64_t lane = 0; lane < lanes; ++lane) {
                double best = 0, winner = 255;
                for (int64_t place = 0; place < 4; ++place) {
                    double sum = bias[i];
                    for (int64_t k = 0; k < depth; ++k)
                        sum += double{w[i * depth + k]} * x[offsets[k] + place / 2 * row_pitch + place % 2 * table.nr + lane];
                    if (sum > best) best = sum, winner = static_cast<double>(place);
                }
                exact_y.push_back({best, 0}), exact_winners.push_back({winner, 0});
            }
        Floats y = guarded(filters * lanes);
        std::vector<uint8_t> winners(filters * lanes);
        table.lane_windows[filters - 1](depth, w.data(), depth, x.data(), offsets.data(), row_pitch, bias.data(), y.data(),
                                        winners.data(), lanes, lanes);
        compare(named("lane_windows", filters, lanes), y, exact_y);
        compare(named("lane_windows winners", filters, lanes), guarded(Floats(winners.begin(), winners.end())), exact_winners);
    }
}

// What is used on some instruction sets alone, or by the bench.
void check_others() {
    const KernelTable& table = kernels();
    constexpr int64_t phases = 3, count = 41, pitch = 16;
    const Floats source = whole_numbers(phases * pitch + table.lanes);
    Floats joined = guarded(count);
    Exacts exact;
    for (int64_t i = 0; i < count; ++i) exact.push_back({source[i % phases * pitch + i / phases], 0});
    table.join_phases(phases, source.data(), pitch, count, joined.data());
    compare("join_phases", joined, exact);

    const Floats a = whole_numbers(count), b = whole_numbers(count);
    Floats added = guarded(count);
    for (int64_t i = 0; i < count; ++i) exact[i].value = double{a[i]} + b[i];
    table.add(count, a.data(), b.data(), added.data());
    compare("add", added, exact);

    const std::vector<uint8_t> bytes = {0, 1, 2, 127, 128, 254, 255, 7, 9};
    Floats floats(bytes.size());
    const int64_t done = table.affine_bytes(static_cast<int64_t>(bytes.size()), bytes.data(), 1 / 255.0, -0.25, floats.data());
    bool same = done >= 0 && done <= static_cast<int64_t>(bytes.size());
    for (int64_t i = 0; same && i < done; ++i)
        same = floats[i] == static_cast<float>(std::fma(static_cast<double>(bytes[i]), 1 / 255.0, -0.25));
    require("affine_bytes rounds once in double and once to float", same);

    float sink = 0;
    require("fma_rounds counts", table.fma_rounds(10, &sink) > 0);
}

}  // namespace

void check_tiles() {
    check_dot("dot", kernels().dot, [](double a, double b) { return a * b; });
    check_dot("distance", kernels().distance, [](double a, double b) { return (a - b) * (a - b); });
    check_batch_reduce_dot();
    check_unpacked_gemm();
    check_pixel_tiles();
    check_lane_windows();
    check_others();
}

}  // namespace selftest
