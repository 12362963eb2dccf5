// Shares the channels of images out to the threads, in groups of neighbours: their planes lie side by side in memory. Sums over a channel
// come in slices of the images, which the shape alone decides, so the bits do not depend on the threads; slices are added in the order
// of the images.
#pragma once

#include <algorithm>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "core/shape.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {

// The arrays of an op that have the shape of the images, or null: what it reads, and what it writes.
struct ChannelArrays {
    const float* read[3];
    float* written[2];

    ChannelArrays moved(int64_t offset) const {
        ChannelArrays all = *this;
        for (auto& one : all.read)
            if (one) one += offset;
        for (auto& one : all.written)
            if (one) one += offset;
        return all;
    }
};

// How the work is cut, by the shape alone.
struct ChannelCut {
    // A group has 256 KiB of each array: the three of a backward pass stay in a cache of 1 MiB from the sums to the results, and with 32
    // images the planes of a group are 8 KiB in a row, which the processor fetches ahead. That counts for more than the cache: measured
    // with one thread, (32, 128, 16, 16) takes 0.97 ms backward with 64 KiB and three arrays to read, with two 0.82, with groups of 128 KiB
    // 0.61 and with these 0.55, as fast as two passes over the whole in the order of the memory.
    static constexpr int64_t kGroup = 65'536;
    // Small arrays are cut as well, so that threads end together; but short runs are fetched well only where some KiB lie in a row.
    static constexpr int64_t kSmallGroup = 4'096, kGroups = 16;
    // Few channels are cut by images as well, into slices of at least 64 KiB, for as many threads as a team has.
    static constexpr int64_t kTasks = 64, kSlice = 16'384;

    ChannelShape s;
    int64_t channels, groups;  // of a group, the last of which may have fewer; all groups
    int64_t images, slices;    // of a slice, likewise; slices of each group

    explicit ChannelCut(const ChannelShape& shape) : s(shape) {
        const int64_t values = std::max<int64_t>(s.values(), 1);
        const int64_t group = std::clamp(s.C * values / kGroups, kSmallGroup, kGroup);
        channels = std::clamp<int64_t>(group / values, 1, s.C);
        groups = ceil_div(s.C, channels);
        const int64_t wanted = std::min(ceil_div(kTasks, groups), std::max<int64_t>(values / kSlice, 1));
        images = std::max<int64_t>(ceil_div(s.N, wanted), 1);
        slices = std::max<int64_t>(ceil_div(s.N, images), 1);
    }

    int64_t first_channel(int64_t group) const { return group * channels; }
    int64_t count(int64_t group) const { return std::min(channels, s.C - group * channels); }
    // The runs of all images, and of one slice.
    ChannelRuns runs(int64_t group) const { return {count(group), s.N, s.plane, s.plane, s.C * s.plane}; }
    ChannelRuns runs(int64_t group, int64_t slice) const {
        ChannelRuns found = runs(group);
        found.images = std::min(images, s.N - slice * images);
        return found;
    }
    int64_t offset(int64_t slice) const { return slice * images * s.C * s.plane; }
};

inline double channel_work(const ChannelShape& s, double work) { return work * static_cast<double>(s.C * s.values()); }

// body(group, its arrays) for all groups. `work` is that of an element, in multiply-adds.
template <class F>
void for_groups(const ChannelCut& cut, double work, const ChannelArrays& arrays, F&& body) {
    parallel_for(cut.groups, team_size(cut.groups, channel_work(cut.s, work)),
                 [&](int64_t group, int) { body(group, arrays.moved(cut.first_channel(group) * cut.s.plane)); });
}

// body(group, slice, its arrays) for all slices of all groups.
template <class F>
void for_slices(const ChannelCut& cut, double work, const ChannelArrays& arrays, F&& body) {
    const int64_t tasks = cut.groups * cut.slices;
    parallel_for(tasks, team_size(tasks, channel_work(cut.s, work)), [&](int64_t task, int) {
        const int64_t group = task / cut.slices, slice = task % cut.slices;
        body(group, slice, arrays.moved(cut.first_channel(group) * cut.s.plane + cut.offset(slice)));
    });
}

struct ChannelSums {
    double first = 0, second = 0;
};

// For each group: sum(first channel, runs, arrays, double sums[2 * channels]) over its slices; finish(channel, sums, runs, arrays) for
// each of its channels, with the runs of all images; and apply(first channel, runs, arrays). A thread does all three for a group, which
// stays in its cache; if there are few groups, the threads share the slices.
template <class Sum, class Finish, class Apply>
void for_channels(const ChannelCut& cut, double work, const ChannelArrays& arrays, Sum&& sum, Finish&& finish, Apply&& apply) {
    const int64_t pairs = 2 * cut.channels, tasks = cut.groups * cut.slices;
    const Workspace<double> partial(pairs * tasks);
    const auto sum_slice = [&](int64_t group, int64_t slice, const ChannelArrays& at) {
        sum(cut.first_channel(group), cut.runs(group, slice), at, partial.data() + pairs * (group * cut.slices + slice));
    };
    const auto finish_group = [&](int64_t group, const ChannelArrays& at) {
        ChannelRuns one = cut.runs(group);
        one.channels = 1;
        for (int64_t c = 0; c < cut.count(group); ++c) {
            ChannelSums total;
            for (int64_t slice = 0; slice < cut.slices; ++slice) {
                const double* sums = partial.data() + pairs * (group * cut.slices + slice) + 2 * c;
                total.first += sums[0];
                total.second += sums[1];
            }
            finish(cut.first_channel(group) + c, total, one, at.moved(c * one.step));
        }
    };
    const int team = team_size(tasks, channel_work(cut.s, work));
    if (cut.slices == 1 ||
        cut.groups >= 4 * team)  // the last group of a thread keeps the others waiting for a fourth of the time
        return for_groups(cut, work, arrays, [&](int64_t group, const ChannelArrays& at) {
            for (int64_t slice = 0; slice < cut.slices; ++slice) sum_slice(group, slice, at.moved(cut.offset(slice)));
            finish_group(group, at);
            apply(cut.first_channel(group), cut.runs(group), at);
        });
    for_slices(cut, work, arrays, sum_slice);
    parallel_for(cut.groups, 1,
                 [&](int64_t group, int) { finish_group(group, arrays.moved(cut.first_channel(group) * cut.s.plane)); });
    for_slices(cut, work, arrays, [&](int64_t group, int64_t slice, const ChannelArrays& at) {
        apply(cut.first_channel(group), cut.runs(group, slice), at);
    });
}

// apply(first channel, runs, arrays) alone, in the order of the memory, but for short runs: their numbers are laid out once for all images.
template <class F>
void for_channels(const ChannelCut& cut, double work, const ChannelArrays& arrays, F&& apply) {
    if (cut.s.plane < ChannelRuns::kShort)
        return for_groups(cut, work, arrays, [&](int64_t group, const ChannelArrays& at) {
            apply(cut.first_channel(group), cut.runs(group), at);
        });
    const auto& [N, C, plane] = cut.s;
    const int64_t channels = std::clamp<int64_t>(ChannelCut::kGroup / plane, 1, C), groups = ceil_div(C, channels);
    parallel_for(N * groups, team_size(N * groups, channel_work(cut.s, work)), [&](int64_t task, int) {
        const ChannelShape& s = cut.s;
        const int64_t n = task / groups, c = task % groups * channels;
        apply(c, ChannelRuns{std::min(channels, s.C - c), 1, s.plane, s.plane, 0}, arrays.moved((n * s.C + c) * s.plane));
    });
}

}  // namespace pycnn
