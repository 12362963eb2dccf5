// Where a plan keeps images whose channels lie side by side (NHWC), and how a run of the plan finds them.
#pragma once

#include <algorithm>

#include "core/memory.hpp"
#include "core/shape.hpp"
#include "cpu/dispatch.hpp"

namespace pycnn {

// A run of a plan, or of some of its steps for some of its images. Buffers are kept for all images of the run, or pass: those have room for
// the images at hand alone.
struct PlanRun {
    int64_t images;      // to compute
    int64_t first, all;  // the first of them, of all images of the run
    const float* x;      // the input of the plan for all images, [image][channel][row][column]
    float* y;            // its output
    float *kept, *passing;

    // Where a buffer begins whose images have `floats` each.
    float* place(int64_t offset, int64_t floats, bool passes) const {
        return passes ? passing + offset * images : kept + offset * all + first * floats;
    }
};

// A buffer of flat rows, one for each image: the plan's input or output, or a part of the run's memory.
struct FlatRows {
    static constexpr int64_t kInput = -1, kOutput = -2;

    int64_t offset;  // floats for one image; or kInput, kOutput
    int64_t width;   // floats of an image
    bool passes = false;

    const float* read(const PlanRun& run) const { return offset == kInput ? run.x + run.first * width : place(run); }
    float* place(const PlanRun& run) const {
        return offset == kOutput ? run.y + run.first * width : run.place(offset, width, passes);
    }
};

// A buffer of images, [row][column][channel]. Rows and columns of a border, of zeros, let a convolution read beyond the image. A pixel has
// `pitch` floats, whole vectors; what lies behind its channels is undefined. Images that direct convolutions alone read, number by number,
// may have pixels of their channels alone.
struct NhwcImages {
    int64_t offset;
    int64_t channels, height, width;
    Padding border;
    int64_t pitch;
    bool passes = false;

    int64_t line() const { return (border.left + width + border.right) * pitch; }
    int64_t image() const { return whole_lines((border.top + height + border.bottom) * line()); }
    float* pixel(const PlanRun& run, int64_t n, int64_t h, int64_t w) const {
        const int64_t floats = image();
        return run.place(offset, floats, passes) + n * floats + (border.top + h) * line() + (border.left + w) * pitch;
    }
    // Whether pixels follow each other without a gap, over all images.
    bool is_dense() const {
        return border.top + border.bottom + border.left + border.right == 0 && image() == height * width * pitch;
    }

    // Writes the zeros beside the given rows, and above the first and below the last row of the image. Whoever writes rows calls this:
    // the memory has held other things before.
    void clear_beside(const PlanRun& run, int64_t n, int64_t first, int64_t rows) const {
        if (first == 0) std::fill_n(pixel(run, n, -border.top, -border.left), border.top * line(), 0.0f);
        for (int64_t h = first; h < first + rows; ++h) {
            std::fill_n(pixel(run, n, h, -border.left), border.left * pitch, 0.0f);
            std::fill_n(pixel(run, n, h, width), border.right * pitch, 0.0f);
        }
        if (first + rows == height) std::fill_n(pixel(run, n, height, -border.left), border.bottom * line(), 0.0f);
    }
};

// One call of a plan. It keeps to the instruction set that it was made for, which decides how pixels and filters lie.
class PlanStep {
public:
    virtual ~PlanStep() = default;
    virtual void run(const PlanRun& run) const = 0;

protected:
    const KernelTable& table_ = kernels();
};

// What a step does to its results last.
struct Clamp {
    float lower, upper;
};

}  // namespace pycnn
