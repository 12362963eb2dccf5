#include "cpu/conv2d/algorithms.hpp"

#include <atomic>
#include <cstdlib>
#include <iterator>

#include "core/error.hpp"
#include "cpu/conv2d/batch_lanes.hpp"
#include "cpu/conv2d/depthwise.hpp"
#include "cpu/conv2d/filter_lanes.hpp"
#include "cpu/conv2d/full_width.hpp"
#include "cpu/conv2d/gemm.hpp"
#include "cpu/conv2d/gemm_unpacked.hpp"
#include "cpu/conv2d/patch_rows.hpp"
#include "cpu/conv2d/winograd.hpp"
#include "cpu/conv2d/winograd_rows.hpp"

namespace pycnn {
namespace {

bool always(ConvPass, const ConvShape&) { return true; }

// The most special first. The last takes and suits everything.
constexpr ConvAlgorithm kTable[] = {
    {"winograd_rows", takes_winograd_rows, suits_winograd_rows, conv2d_winograd_rows, conv2d_winograd_rows_backward_input,
     conv2d_winograd_rows_backward_weight, SumOrder::own, Rounding::more},
    {"full_width", takes_full_width, always, conv2d_full_width, conv2d_full_width_backward_input,
     conv2d_full_width_backward_weight, SumOrder::own, Rounding::plain},
    {"depthwise", takes_depthwise, suits_depthwise, conv2d_depthwise, conv2d_depthwise_backward_input,
     conv2d_depthwise_backward_weight, SumOrder::own, Rounding::plain},
    {"winograd", takes_winograd, suits_winograd, conv2d_winograd, conv2d_winograd_backward_input,
     conv2d_winograd_backward_weight, SumOrder::own, Rounding::more},
    {"patch_rows", takes_patch_rows, suits_patch_rows, conv2d_patch_rows, conv2d_patch_rows_backward_input,
     conv2d_patch_rows_backward_weight, SumOrder::own, Rounding::plain},
    {"filter_lanes", always, suits_filter_lanes, conv2d_filter_lanes, conv2d_filter_lanes_backward_input,
     conv2d_filter_lanes_backward_weight, SumOrder::plain, Rounding::plain},
    {"batch_lanes", takes_batch_lanes, suits_batch_lanes, conv2d_batch_lanes, conv2d_batch_lanes_backward_input,
     conv2d_batch_lanes_backward_weight, SumOrder::plain, Rounding::plain},
    {"gemm_unpacked", takes_gemm_unpacked, suits_gemm_unpacked, conv2d_gemm_unpacked, conv2d_gemm_unpacked_backward_input,
     nullptr, SumOrder::plain, Rounding::plain},
    {"gemm", always, always, conv2d_gemm, conv2d_gemm_backward_input, conv2d_gemm_backward_weight, SumOrder::plain,
     Rounding::plain},
};

// Names that algorithms had before, still accepted.
constexpr struct {
    const char *former, *name;
} kAliases[] = {{"direct", "gemm_unpacked"}};

const ConvAlgorithm* find(const char* where, std::string name) {
    if (name.empty()) return nullptr;
    for (const auto& alias : kAliases)
        if (name == alias.former) name = alias.name;
    std::string names;
    for (const ConvAlgorithm& row : kTable) {
        if (name == row.name) return &row;
        names += (names.empty() ? "" : ", ") + std::string(row.name);
    }
    fail_value(where, "'", name, "' is not an algorithm of convolution: ", names);
}

constexpr char kFast[] = "fast", kAccurate[] = "accurate";

std::string asked() {
    const char* name = std::getenv("PYCNN_CONV");
    return name ? name : "";
}

const ConvAlgorithm* initial() {
    const std::string name = asked();
    return name == kFast || name == kAccurate ? nullptr : find("PYCNN_CONV", name);
}

// The end of the table until it is asked for: see `current` in cpu/dispatch.cpp.
constinit std::atomic<const ConvAlgorithm*> chosen{std::end(kTable)};

const ConvAlgorithm* forced() {
    const ConvAlgorithm* row = chosen.load(std::memory_order_relaxed);
    if (row != std::end(kTable)) return row;
    const ConvAlgorithm* const found = initial();
    return chosen.compare_exchange_strong(row, found, std::memory_order_relaxed) ? found : row;
}

// Which algorithms the table may choose: unknown until it is asked for.
enum class Mode { unknown, fast, accurate };
constinit std::atomic<Mode> mode{Mode::unknown};

bool is_accurate() {
    Mode now = mode.load(std::memory_order_relaxed);
    if (now == Mode::unknown) {
        const Mode first = asked() == kAccurate ? Mode::accurate : Mode::fast;
        if (mode.compare_exchange_strong(now, first, std::memory_order_relaxed)) now = first;
    }
    return now == Mode::accurate;
}

}  // namespace

const ConvAlgorithm& conv_algorithm(ConvPass pass, const ConvShape& s) {
    if (const ConvAlgorithm* row = forced(); row != nullptr && row->takes(pass, s)) return *row;
    const ConvAlgorithm* row = std::begin(kTable);
    const bool accurate = is_accurate();
    while (!row->takes(pass, s) || !row->suits(pass, s) || (accurate && row->rounding != Rounding::plain)) ++row;
    return *row;
}

std::vector<std::string> conv_algorithms() {
    std::vector<std::string> names;
    for (const ConvAlgorithm& row : kTable) names.emplace_back(row.name);
    return names;
}

void force_conv_algorithm(const std::string& name) {
    chosen.store(find("force_conv_algorithm", name), std::memory_order_relaxed);
}

std::string forced_conv_algorithm() {
    const ConvAlgorithm* row = forced();
    return row ? row->name : "";
}

void set_convolution(const std::string& name) {
    if (name != kFast && name != kAccurate)
        fail_value("set_convolution", "mode must be 'fast' or 'accurate', got '", name, "'");
    mode.store(name == kAccurate ? Mode::accurate : Mode::fast, std::memory_order_relaxed);
}

std::string get_convolution() { return is_accurate() ? kAccurate : kFast; }

}  // namespace pycnn
