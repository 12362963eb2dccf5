#include "cpu/factored_gradient.hpp"

namespace pycnn {
FactorPanels::FactorPanels(const KernelTable& table, const FactoredGradient& g)
    : table_(table),
      depth_(g.N),
      inputs_(g.inputs),
      tiles_(g.outputs, table.mr),
      dy_(g.N * g.outputs),
      x_(packed_floats(table, g.N, g.inputs)),
      offsets_(g.N),
      places_(2 * vectors_of(kColumns)),
      last_columns_(g.inputs % kColumns),
      last_places_(places_.data() + vectors_of(kColumns)) {
    packed_offsets(table, depth_, offsets_.data());
    packed_places(table, depth_, kColumns, places_.data());
    packed_places(table, depth_, last_columns_, last_places_);
    pack_a(tiles_, {g.dy, 1, g.outputs}, 0, depth_, dy_.data());
    // A panel holds a multiple of the columns that a tile of x has, so its place is that of its first column.
    parallel_ranges(g.inputs, kColumns, static_cast<double>(depth_), [&](int64_t begin, int64_t end) {
        pack_b(table, {g.x, g.inputs, false}, 0, depth_, begin, end - begin, x_.data() + begin * depth_);
    });
}

}  // namespace pycnn
