#include <optional>

#include "ops/embedding.hpp"
#include "python/results.hpp"

namespace pycnn {
namespace {

Array bind_embedding(py::handle weight_array, py::handle index_array) {
    const char* op = "embedding";
    const auto weight = view<const float>(op, "weight", weight_array, 2);
    const auto index = view<const int64_t>(op, "index", index_array);
    const int64_t D = weight.shape[1];
    if (weight.size() == 0) fail_value(op, "weight needs a row and a column, its shape is ", to_string(weight.shape));
    check_numbers_now([=, V = weight.shape[0]] { check_row_numbers(op, index.shape, index.data, V); });
    Shape shape = index.shape;
    shape.push_back(D);
    return filled(op, shape, [=](float* y) { embedding(index.size(), D, weight.data, index.data, y); });
}

py::tuple bind_embedding_backward(py::handle dy_array, py::handle index_array, py::handle padding_number) {
    const char* op = "embedding_backward";
    const auto dy = view<const float>(op, "dy", dy_array);
    const auto index = view<const int64_t>(op, "index", index_array);
    Shape expected = index.shape;
    expected.push_back(dy.shape.empty() ? 0 : dy.shape.back());
    if (dy.shape != expected || expected.back() == 0)
        fail_value(op, "dy must have the shape of index and one more dimension, not empty (dy: ", to_string(dy.shape),
                   ", index: ", to_string(index.shape), ")");
    const int64_t D = expected.back(), padding = padding_number.is_none() ? -1 : to_int(op, "padding_idx", padding_number);
    if (!padding_number.is_none() && padding < 0) fail_value(op, "padding_idx must be at least 0, got ", padding);
    check_row_numbers(op, index.shape, index.data, std::nullopt);

    refuse_recording(op, "gives as many rows as there are different words, which the next batch changes");
    RowGroups groups;
    {
        ReleaseGil release;
        groups = group_rows(index.size(), index.data, padding);
    }
    const auto count = static_cast<int64_t>(groups.rows.size());
    return filled_tuple<int64_t, float>(op, {Shape{count}, Shape{count, D}},
                                        [groups = std::move(groups), D, dy = dy.data](int64_t* rows, float* values) {
                                            embedding_backward(groups, D, dy, rows, values);
                                        });
}

}  // namespace

void register_embedding(py::module_& module) {
    module.def("embedding", bind_embedding, "weight"_a, "index"_a);
    module.def("embedding_backward", bind_embedding_backward, "dy"_a, "index"_a, "padding_idx"_a = py::none());
}

}  // namespace pycnn
