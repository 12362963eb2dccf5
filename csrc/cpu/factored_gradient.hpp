// Gradients of the weights of linear layers that are not computed before a step of an optimizer reads them. For a few samples the arrays
// that such a gradient is a product of are small: dw (outputs, inputs) = dy^T x, dy (N, outputs), x (N, inputs). Written out, dw is as
// large as the weights, and is written to memory and read again.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/gemm.hpp"

namespace pycnn {

struct FactoredGradient {
    int64_t N = 0, outputs = 0, inputs = 0;
    const float* dy = nullptr;
    const float* x = nullptr;
};

// Samples at most: longer sums are cut into blocks by `gemm`, whose order of additions is kept here.
constexpr int64_t kMostFactoredSamples = kShallowBlock;

// The packed factors, and the places in them that the micro-kernels read.
class FactorPanels {
public:
    // Columns of dw at a time. A task reads and writes runs of 4 KiB of the weights, which lie a row apart. A tile of 14 rows, 56 KiB,
    // and the panel of x beside it, 64 KiB for 16 samples, stay in L2.
    static constexpr int64_t kColumns = 1024;
    static constexpr int64_t kPitch = kColumns + 16;

    FactorPanels(const KernelTable& table, const FactoredGradient& gradient);

    int64_t tiles() const { return tiles_.count; }
    int64_t row(int64_t tile) const { return tiles_.begin(tile); }
    int64_t rows(int64_t tile) const { return tiles_.extent(tile); }
    // Writes dw of a tile's rows and of `columns` columns from `first` on, a multiple of kColumns, into rows of kPitch floats. The sums
    // are those of linear_backward_weight, term by term. Calls fetch(i) for each cache line of numbers i of dw on the way: a tile takes as
    // long to compute as what it updates takes to come from memory, so neither waits for the other.
    template <class F>
    void multiply_tile(int64_t tile, int64_t first, int64_t columns, float* dw, F&& fetch) const {
        constexpr int64_t kLine = 16;  // floats
        const VectorPlace* places = columns == last_columns_ ? last_places_ : places_.data();
        const float* dy = dy_.data() + row(tile) * depth_;
        const GemmKernel* const kernels = table_.gemm[rows(tile) - 1];
        for (int64_t j = 0, v = 0; j < columns; j += table_.nr, v += kNRVectors) {
            for (int64_t i = 0; i < rows(tile); ++i)
                for (int64_t c = j % kLine; c < table_.nr; c += kLine) fetch((row(tile) + i) * inputs_ + first + j + c);
            const int64_t vectors = std::min<int64_t>(kNRVectors, vectors_of(columns) - v);
            kernels[vectors - 1](depth_, dy, x_.data() + first * depth_, offsets_.data(), places + v, dw, kPitch, nullptr,
                                 false);
        }
    }

private:
    const KernelTable& table_;
    int64_t depth_, inputs_;
    Tiles tiles_;
    Workspace<float> dy_, x_;
    Workspace<int64_t> offsets_;
    Workspace<VectorPlace> places_;
    int64_t last_columns_;  // of the last panel
    VectorPlace* last_places_;

    int64_t vectors_of(int64_t columns) const { return (columns + table_.lanes - 1) / table_.lanes; }
};

// Calls use(dw, first, count) for runs of the gradient: numbers first, ..., first + count - 1, which lie at dw, in any order and by any
// thread, and some time before, fetch(i) for a number in each cache line. `work` is what is done for each number, in multiply-adds.
template <class Fetch, class Use>
void for_runs_of_product(const KernelTable& table, const FactoredGradient& g, double work, Fetch&& fetch, Use&& use) {
    // Four tiles of rows find the panel of x in L2: otherwise it would be read from L3 again for each.
    constexpr int64_t kTilesOfTask = 4, kColumns = FactorPanels::kColumns;
    const FactorPanels panels(table, g);
    const int64_t tasks = (panels.tiles() + kTilesOfTask - 1) / kTilesOfTask;
    const int team = team_size(tasks, static_cast<double>(g.outputs) * g.inputs * (work + g.N));
    const int64_t area = table.mr * FactorPanels::kPitch;
    const Workspace<float> areas(area * team);
    parallel_for(tasks, team, [&](int64_t task, int thread) {
        float* dw = areas.data() + area * thread;
        const int64_t begin = task * kTilesOfTask, end = std::min(begin + kTilesOfTask, panels.tiles());
        for (int64_t first = 0; first < g.inputs; first += kColumns) {
            const int64_t columns = std::min(kColumns, g.inputs - first);
            for (int64_t tile = begin; tile < end; ++tile) {
                panels.multiply_tile(tile, first, columns, dw, fetch);
                for (int64_t i = 0; i < panels.rows(tile); ++i)
                    use(dw + i * FactorPanels::kPitch, (panels.row(tile) + i) * g.inputs + first, columns);
            }
        }
    });
}

}  // namespace pycnn
