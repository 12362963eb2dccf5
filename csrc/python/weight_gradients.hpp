// Where an op writes the gradients of a weight and its bias: new arrays, or those that the caller gives.
#pragma once

#include <initializer_list>
#include <utility>
#include <vector>

#include "python/overlap.hpp"
#include "python/views.hpp"
#include "run_op.hpp"

namespace pycnn {

// Checks an array that receives a result of this shape. None gives an empty view.
inline View<float> place_of_result(const char* op, const char* name, py::handle array, const Shape& shape) {
    if (array.is_none()) return {};
    auto place = view<float>(op, name, array);
    if (place.shape != shape) fail_value(op, name, " must have shape ", to_string(shape), ", got ", to_string(place.shape));
    return place;
}

class WeightGradients {
public:
    float *dw = nullptr, *db = nullptr;  // undefined until the op has written them

    // `out` is None or a tuple of two, each an array or None; `read` are the arrays that the op reads.
    WeightGradients(const char* op, py::handle out, const Shape& weight_shape, const Shape& bias_shape,
                    std::initializer_list<Place> read) {
        if (!out.is_none()) take(op, out, weight_shape, bias_shape, read);
        if (!weight_) weight_ = new_array(op, weight_shape, dw);
        if (!bias_) bias_ = new_array(op, bias_shape, db);
    }

    // The arrays of dw and db. An array that the caller gave is returned as the same object.
    const py::object& weight() const { return weight_; }
    const py::object& bias() const { return bias_; }

    // Both, filled by compute(dw, db).
    template <class F>
    py::tuple filled(const char* op, F compute) const {
        run_op(op, [compute = std::move(compute), dw = dw, db = db] { compute(dw, db); });
        return py::make_tuple(weight_, bias_);
    }

private:
    py::object weight_, bias_;

    void take(const char* op, py::handle out, const Shape& weight_shape, const Shape& bias_shape, std::vector<Place> places) {
        if (!py::isinstance<py::tuple>(out))
            fail_type(op, "out must be None or a tuple (weight gradient, bias gradient), got ", type_name(out));
        const auto given = py::reinterpret_borrow<py::tuple>(out);
        if (given.size() != 2)
            fail_value(op, "out must hold a weight gradient and a bias gradient, arrays or None, got ", given.size(),
                       " entries");
        const py::object weight = given[0], bias = given[1];
        const char *weight_name = "out weight gradient", *bias_name = "out bias gradient";
        const auto of_weight = place_of_result(op, weight_name, weight, weight_shape);
        const auto of_bias = place_of_result(op, bias_name, bias, bias_shape);
        places.emplace_back(weight_name, of_weight);
        places.emplace_back(bias_name, of_bias);
        check_apart(op, places);
        if (!weight.is_none()) weight_ = weight, dw = of_weight.data;
        if (!bias.is_none()) bias_ = bias, db = of_bias.data;
    }
};

}  // namespace pycnn
