#include "cpu/conv2d/algorithms.hpp"

#include <atomic>
#include <cstdlib>
#include <iterator>

#include "core/error.hpp"
#include "cpu/conv2d/batch_lanes.hpp"
#include "cpu/conv2d/depthwise.hpp"
#include "cpu/conv2d/filter_lanes.hpp"
#include "cpu/conv2d/full_width.hpp"
#include "cpu/conv2d/implicit_gemm.hpp"
#include "cpu/conv2d/winograd.hpp"

namespace pycnn {
namespace {

bool takes_full_width(ConvPass pass, const ConvShape& s) {
    return pass == ConvPass::backward_input ? is_full_width_backward_input(s) : is_full_width(s);
}

bool takes_depthwise(ConvPass, const ConvShape& s) { return is_depthwise(s); }
bool suits_depthwise(ConvPass, const ConvShape& s) { return prefers_depthwise(s); }

// Turning the outputs back to planes costs as much as a sum of about 30 terms; of dw nothing large is turned. For filters of 3 x 3
// and more batch lanes are as fast in dw where they suit (fewer taps: up to 1.6 times the time), and their bits are those of a
// convolution with pooling (cpu/conv2d/conv2d_pooled).
bool suits_filter_lanes(ConvPass pass, const ConvShape& s) {
    constexpr int64_t kLeastDepth = 100;
    const bool input = pass == ConvPass::backward_input;
    if (!fills_filter_lanes(input ? s.group_inputs() : s.group_outputs())) return false;
    const int64_t depth = input ? s.group_outputs() * s.R * s.S / (s.stride.h * s.stride.w) : s.group_inputs() * s.R * s.S;
    if (pass == ConvPass::backward_weight) return s.R * s.S < 9 || !suits_batch_lanes(pass, s);
    return depth >= kLeastDepth;
}

// Both loadings of the implicit GEMM's vectors; of a strided backward-input, the largest of its grids counts.
bool takes_direct(ConvPass pass, const ConvShape&) { return pass != ConvPass::backward_weight; }

bool suits_direct(ConvPass pass, const ConvShape& s) {
    if (pass == ConvPass::forward) return prefers_direct(s.group_outputs(), s.P, s.Q);
    return prefers_direct(s.group_inputs(), ceil_div(s.H, s.stride.h), ceil_div(s.W, s.stride.w));
}

bool always(ConvPass, const ConvShape&) { return true; }

struct Row {
    ConvAlgorithm algorithm;
    const char* name;
    bool (*takes)(ConvPass, const ConvShape&);  // can compute the pass
    bool (*suits)(ConvPass, const ConvShape&);  // is the best choice, unless an earlier row is
};

constexpr Row kTable[] = {
    {ConvAlgorithm::full_width, "full_width", takes_full_width, always},
    {ConvAlgorithm::depthwise, "depthwise", takes_depthwise, suits_depthwise},
    {ConvAlgorithm::winograd, "winograd", takes_winograd, suits_winograd},
    {ConvAlgorithm::filter_lanes, "filter_lanes", always, suits_filter_lanes},
    {ConvAlgorithm::batch_lanes, "batch_lanes", takes_batch_lanes, suits_batch_lanes},
    {ConvAlgorithm::direct, "direct", takes_direct, suits_direct},
    {ConvAlgorithm::gemm, "gemm", always, always},
};

const Row* find(const char* where, const std::string& name) {
    if (name.empty()) return nullptr;
    std::string names;
    for (const Row& row : kTable) {
        if (name == row.name) return &row;
        names += (names.empty() ? "" : ", ") + std::string(row.name);
    }
    fail_value(where, "'", name, "' is not an algorithm of convolution: ", names);
}

const Row* initial() {
    const char* name = std::getenv("PYCNN_CONV");
    return find("PYCNN_CONV", name ? name : "");
}

// The end of the table until it is asked for: see `current` in cpu/dispatch.cpp.
constinit std::atomic<const Row*> chosen{std::end(kTable)};

const Row* forced() {
    const Row* row = chosen.load(std::memory_order_relaxed);
    if (row != std::end(kTable)) return row;
    const Row* const found = initial();
    return chosen.compare_exchange_strong(row, found, std::memory_order_relaxed) ? found : row;
}

}  // namespace

ConvAlgorithm conv_algorithm(ConvPass pass, const ConvShape& s) {
    if (const Row* row = forced(); row != nullptr && row->takes(pass, s)) return row->algorithm;
    for (const Row& row : kTable)
        if (row.takes(pass, s) && row.suits(pass, s)) return row.algorithm;
    return ConvAlgorithm::gemm;
}

const char* name_of(ConvAlgorithm algorithm) {
    for (const Row& row : kTable)
        if (row.algorithm == algorithm) return row.name;
    return "";
}

std::vector<std::string> conv_algorithms() {
    std::vector<std::string> names;
    for (const Row& row : kTable) names.emplace_back(row.name);
    return names;
}

void force_conv_algorithm(const std::string& name) {
    chosen.store(find("force_conv_algorithm", name), std::memory_order_relaxed);
}

std::string forced_conv_algorithm() {
    const Row* row = forced();
    return row ? row->name : "";
}

}  // namespace pycnn
