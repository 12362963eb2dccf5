// Optimizer steps of many parameters by one call, as pycnn/backends/joined_steps.py has them.
#include <algorithm>
#include <vector>

#include "cpu/joined_updates.hpp"
#include "cpu/linear_backward_bias.hpp"
#include "python/numpy/run_op.hpp"
#include "python/numpy/runtime.hpp"
#include "python/optim_arguments.hpp"
#include "python/overlap.hpp"
#include "python/results.hpp"

namespace pycnn {
namespace {

// Whether two places share memory of which one is written. `places` is sorted.
bool any_shared(std::vector<Place>& places) {
    std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) { return a.begin < b.begin; });
    uintptr_t end = 0, written_end = 0;
    for (const Place& one : places) {
        if (one.begin == one.end) continue;
        if (one.begin < (one.written ? end : written_end)) return true;
        end = std::max(end, one.end);
        if (one.written) written_end = std::max(written_end, one.end);
    }
    return false;
}

// The arrays of one call. If parameters share memory, as where the gradient of one is another one, the call takes them one by
// one, in their order, as a call for each would do.
struct Joined {
    std::vector<UpdatedArrays> arrays;
    bool are_apart = true;

    template <class F>
    void update(F&& steps) const {
        if (are_apart) return steps(arrays);
        for (const UpdatedArrays& one : arrays) steps({one});
    }
};

// The rows dy and x of a gradient that is not computed yet; `views` keeps what places point to.
FactoredGradient to_factored(const char* op, const py::tuple& factors, const View<float>& w,
                             std::vector<View<const float>>& views, std::vector<Place>& places) {
    const auto& dy = views.emplace_back(view<const float>(op, "dy", factors[0], 2));
    const auto& x = views.emplace_back(view<const float>(op, "x", factors[1], 2));
    if (dy.shape[0] != x.shape[0] || dy.shape[0] < 1 || dy.shape[0] > kMostFactoredSamples)
        fail_value(op, "dy and x need equally many rows, 1 to ", kMostFactoredSamples, ", got ", dy.shape[0], " and ",
                   x.shape[0]);
    check_same_shape(op, "grad", {dy.shape[1], x.shape[1]}, "w", w.shape);
    places.emplace_back("dy", dy);
    places.emplace_back("x", x);
    return {dy.shape[0], dy.shape[1], x.shape[1], dy.data, x.data};
}

// Takes the arrays of a parameter from (w, grad, ...): add(w, grad, rest, places) returns them, checked. In the place of grad may be
// (dy, x), its factors.
template <class F>
Joined to_joined(const char* op, const py::list& entries, F&& state) {
    Joined joined;
    std::vector<Place> places;
    std::vector<View<float>> written;  // places point to shapes
    std::vector<View<const float>> read;
    written.reserve(3 * entries.size());
    read.reserve(2 * entries.size());
    for (const py::handle entry : entries) {
        const auto items = py::cast<py::tuple>(entry);
        const auto& w = written.emplace_back(view<float>(op, "w", items[0]));
        std::vector<Place> own{{"w", w}};
        UpdatedArrays arrays{w.size(), w.data, nullptr, nullptr, nullptr, {}};
        if (py::isinstance<py::tuple>(items[1])) {
            arrays.factored = to_factored(op, items[1], w, read, own);
        } else {
            const auto& grad = read.emplace_back(view<const float>(op, "grad", items[1]));
            check_same_shape(op, "grad", grad.shape, "w", w.shape);
            own.emplace_back("grad", grad);
            arrays.grad = grad.data;
        }
        const auto add = [&](const char* name, View<float> one) {
            written.push_back(std::move(one));
            own.emplace_back(name, written.back());
            return written.back().data;
        };
        state(arrays, items, w, add);
        check_apart(op, own);
        joined.arrays.push_back(arrays);
        places.insert(places.end(), own.begin(), own.end());
    }
    joined.are_apart = !any_shared(places);
    return joined;
}

// The numbers come first: where they are only renewed, no array is looked at.
bool is_renewing() { return Recording::current() != nullptr && Recording::current()->is_renewing(); }

void bind_sgd_steps(const py::list& entries, py::handle lr, py::handle momentum, py::handle dampening, py::handle weight_decay,
                    py::handle nesterov, py::handle first) {
    const char* op = "sgd_step";
    const SgdScalars settings = to_sgd_scalars(op, lr, momentum, dampening, weight_decay, nesterov, first);
    const Changing scalars(settings);
    if (is_renewing()) return;
    const Joined joined =
        to_joined(op, entries, [&](UpdatedArrays& arrays, const py::tuple& items, const View<float>& w, const auto& add) {
            arrays.velocity_or_m = add("velocity", to_velocity(op, items[2], settings.momentum, w));
        });
    run_op(op, [=] { joined.update([&](const std::vector<UpdatedArrays>& arrays) { sgd_steps(arrays, *scalars); }); });
}

void bind_adam_steps(const py::list& entries, py::handle step, py::handle lr, py::handle betas, py::handle eps,
                     py::handle weight_decay, py::handle decoupled) {
    const char* op = "adam_step";
    const Changing scalars(to_adam_scalars(op, step, lr, betas, eps, weight_decay, decoupled));
    if (is_renewing()) return;
    const Joined joined =
        to_joined(op, entries, [&](UpdatedArrays& arrays, const py::tuple& items, const View<float>& w, const auto& add) {
            arrays.velocity_or_m = add("m", state_view(op, "m", items[2], w));
            arrays.v = add("v", state_view(op, "v", items[3], w));
        });
    run_op(op, [=] { joined.update([&](const std::vector<UpdatedArrays>& arrays) { adam_steps(arrays, *scalars); }); });
}

// What linear_backward_weight(dy, x) leaves where the gradient of the weights is put off: copies of dy and x, and db.
py::tuple bind_linear_weight_factors(py::handle dy_array, py::handle x_array) {
    const char* op = "linear_weight_factors";
    const auto dy = view<const float>(op, "dy", dy_array, 2);
    const auto x = view<const float>(op, "x", x_array, 2);
    if (dy.shape[0] != x.shape[0])
        fail_value(op, "dy has ", dy.shape[0], " rows, x has ", x.shape[0], " (dy: ", to_string(dy.shape),
                   ", x: ", to_string(x.shape), ")");
    const LinearShape s{x.shape[0], x.shape[1], dy.shape[1]};
    return filled_tuple<float, float, float>(op, {dy.shape, x.shape, {s.outputs}},
                                             [=](float* dy_copy, float* x_copy, float* db) {
                                                 std::copy_n(dy.data, dy.size(), dy_copy);
                                                 std::copy_n(x.data, x.size(), x_copy);
                                                 linear_backward_bias(s, dy.data, db);
                                             });
}

}  // namespace

void register_joined_updates(py::module_& module) {
    module.def("linear_weight_factors", bind_linear_weight_factors, "dy"_a, "x"_a);
    module.def("sgd_steps", bind_sgd_steps, "entries"_a, "lr"_a, "momentum"_a, "dampening"_a, "weight_decay"_a, "nesterov"_a,
               "first"_a);
    module.def("adam_steps", bind_adam_steps, "entries"_a, "step"_a, "lr"_a, "betas"_a, "eps"_a, "weight_decay"_a,
               "decoupled"_a);
}

}  // namespace pycnn
