// Batches of pixels, which data sets keep as bytes.
#include "cpu/pixel_rows.hpp"
#include "ops/embedding.hpp"
#include "python/numpy/runtime.hpp"
#include "python/views.hpp"

namespace pycnn {
namespace {

void bind_pixel_rows(py::handle pixels_array, py::handle index_array, py::handle tables_array, py::handle lines_array,
                     py::handle out_array) {
    const char* op = "pixel_rows";
    const auto pixels = view<const uint8_t>(op, "pixels", pixels_array, 3);
    const auto index = view<const int64_t>(op, "index", index_array, 1);
    const auto tables = view<const float>(op, "tables", tables_array, 2);
    const auto lines = view<const double>(op, "lines", lines_array, 2);
    const auto out = view<float>(op, "out", out_array, 3);
    const int64_t C = pixels.shape[1], P = pixels.shape[2], channels = tables.shape[0];
    if (channels != 1 && channels != C) fail_value(op, "tables must be for 1 or ", C, " channels, are for ", channels);
    check_same_shape(op, "tables", tables.shape, "the bytes of each channel", Shape{channels, 256});
    check_same_shape(op, "lines", lines.shape, "scale and shift of each channel", Shape{channels, 2});
    check_same_shape(op, "out", out.shape, "the rows of pixels", Shape{index.size(), C, P});
    check_row_numbers(op, index.shape, index.data, pixels.shape[0]);
    ReleaseGil release;
    pixel_rows(C, P, pixels.data, PixelValues{channels, tables.data, lines.data}, index.size(), index.data, out.data);
}

}  // namespace

void register_pixel_rows(py::module_& module) {
    module.def("pixel_rows", bind_pixel_rows, "pixels"_a, "index"_a, "tables"_a, "lines"_a, "out"_a);
}

}  // namespace pycnn
