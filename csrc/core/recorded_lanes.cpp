// Arrays of a recorded step that stay in the layout of the ops between which they lie.
#include <algorithm>
#include <memory>
#include <vector>

#include "core/recording.hpp"

namespace pycnn {

std::shared_ptr<const bool> Recording::offer_lanes(const void* data, int64_t images) {
    const auto begin = reinterpret_cast<uintptr_t>(data);
    for (Note& note : notes_)
        if (note.range.begin == begin && !note.in_lanes) {
            note.images = images;
            note.in_lanes = std::make_shared<bool>(false);
            return note.in_lanes;
        }
    return nullptr;
}

// Whether all uses of an array, from where it is made to where its block is used again, offer lanes of the same images. Where it is not
// used again, somebody may still hold the array.
bool Recording::can_keep_lanes(size_t made) const {
    const Note& array = uses_[made];
    if (array.use != Use::made || !array.in_lanes) return false;
    for (size_t i = made + 1; i < uses_.size(); ++i) {
        const Note& other = uses_[i];
        if (other.range.end <= array.range.begin || array.range.end <= other.range.begin) continue;
        if (other.use == Use::made) return true;
        const bool same = other.range.begin == array.range.begin && other.range.end == array.range.end;
        if (!same || !other.in_lanes || other.images != array.images) return false;
    }
    return !blocks_->is_alive(reinterpret_cast<const void*>(array.range.begin));
}

void Recording::keep_lanes() {
    for (size_t made = 0; made < uses_.size(); ++made) {
        if (!can_keep_lanes(made)) continue;
        const Range range = uses_[made].range;
        for (size_t i = made; i < uses_.size(); ++i) {
            const Note& use = uses_[i];
            if (i > made && use.use == Use::made && use.range.begin < range.end && range.begin < use.range.end) break;
            if (use.in_lanes && use.range.begin == range.begin) *use.in_lanes = true;
        }
    }
    for (Step& step : steps_) step.reads = step.writes = "";
    for (const Note& use : uses_) {
        Step& step = steps_[use.step];
        std::string& list = use.use == Use::read ? step.reads : step.writes;
        list += (list.empty() ? "" : " ") + use.shape + (use.in_lanes && *use.in_lanes ? " in lanes" : "");
    }
}

}  // namespace pycnn
