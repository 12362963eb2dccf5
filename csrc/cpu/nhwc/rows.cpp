#include "cpu/nhwc/rows.hpp"

#include "core/parallel.hpp"

namespace pycnn {
namespace {

// f(image, row) for all rows of the outputs, whose borders are cleared; `work` multiply-adds for each float.
template <class F>
void for_output_rows(const NhwcImages& y, const PlanRun& run, double work, F&& f) {
    const int64_t rows = run.images * y.height, share = ceil_div(rows, static_cast<int64_t>(num_threads()));
    const int64_t grain = std::clamp<int64_t>(16384 / (y.width * y.pitch), 1, std::max<int64_t>(share, 1));
    parallel_ranges(rows, grain, work * static_cast<double>(y.width * y.pitch), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
            f(row / y.height, row % y.height);
            y.clear_beside(run, row / y.height, row % y.height, 1);
        }
    });
}

int64_t vectors_of(const NhwcImages& images, const KernelTable& table) { return ceil_div(images.channels, table.lanes); }

Workspace<float> padded(int64_t count, int64_t room, const float* numbers) {
    Workspace<float> copy(room);
    std::fill_n(copy.data(), room, 0.0f);
    if (numbers != nullptr) std::copy_n(numbers, count, copy.data());
    return copy;
}

// The taps of a window that lie in [0, size): how many, and where the first one does.
struct Extent {
    int64_t first, taps;
};
Extent inside(int64_t start, int64_t taps, int64_t dilation, int64_t size) {
    const int64_t skipped = start < 0 ? ceil_div(-start, dilation) : 0;
    const int64_t end = start >= size ? 0 : std::min(taps, ceil_div(size - start, dilation));
    return {start + skipped * dilation, std::max<int64_t>(end - skipped, 0)};
}

}  // namespace

DepthwiseConvolution::DepthwiseConvolution(const Shape& p, const float* w, const float* bias)
    : p_(p), filters_(p.R * p.S * p.x.pitch), bias_(padded(p.x.channels, p.x.pitch, bias)) {
    std::fill_n(filters_.data(), p.R * p.S * p.x.pitch, 0.0f);
    for (int64_t c = 0; c < p.x.channels; ++c)
        for (int64_t tap = 0; tap < p.R * p.S; ++tap) filters_.data()[tap * p.x.pitch + c] = w[c * p.R * p.S + tap];
    const int64_t reach = (p.S - 1) * p.dilation.w - p.pad.left;  // of a window beyond its pixel
    const int64_t whole = p.x.width > reach ? (p.x.width - 1 - reach) / p.stride.w + 1 : 0;
    begin_ = std::min(ceil_div(p.pad.left, p.stride.w), p.y.width);
    end_ = std::clamp(whole, begin_, p.y.width);
    for (int64_t q = 0; q < begin_; ++q) edges_.push_back(taps_of_column(q));
    for (int64_t q = end_; q < p.y.width; ++q) edges_.push_back(taps_of_column(q));
    edges_.push_back(taps_of_column(begin_));
}

DepthwiseConvolution::Taps DepthwiseConvolution::taps_of_column(int64_t q) const {
    const int64_t left = q * p_.stride.w - p_.pad.left;
    const Extent columns = inside(left, p_.S, p_.dilation.w, p_.x.width);
    const int64_t first = (columns.first - left) / p_.dilation.w;
    Taps taps{columns.taps, {}, {}};
    for (int64_t r = 0; r < p_.R; ++r)
        for (int64_t s = first; s < first + columns.taps; ++s) {
            taps.x_offsets.push_back(r * p_.dilation.h * p_.x.line() + s * p_.dilation.w * p_.x.pitch);
            taps.w_offsets.push_back((r * p_.S + s) * p_.x.pitch);
        }
    return taps;
}

// Pixels whose windows lie inside from left to right are computed together, the others one by one.
void DepthwiseConvolution::run_row(const PlanRun& run, int64_t image, int64_t i) const {
    const int64_t vectors = vectors_of(p_.x, table_), step = p_.stride.w * p_.x.pitch;
    const int64_t top = i * p_.stride.h - p_.pad.top;
    const Extent rows = inside(top, p_.R, p_.dilation.h, p_.x.height);
    const int64_t skipped = (rows.first - top) / p_.dilation.h;  // rows of taps above the image
    const float* x = p_.x.pixel(run, image, top, -p_.pad.left);
    float* y = p_.y.pixel(run, image, i, 0);
    const float* residual = p_.residual ? p_.residual->pixel(run, image, i, 0) : nullptr;
    const auto compute = [&](int64_t q, int64_t pixels, const Taps& taps) {
        const int64_t first = skipped * taps.of_row;
        const PixelTaps list{rows.taps * taps.of_row, taps.x_offsets.data() + first, taps.w_offsets.data() + first,
                             filters_.data(), bias_.data()};
        const int64_t pitch = residual ? p_.residual->pitch : 0;
        const PixelEnd end{residual ? residual + q * pitch : nullptr, pitch, p_.clamp.lower, p_.clamp.upper};
        table_.pixel_depthwise(pixels, vectors, list, x + q * step, step, end, y + q * p_.y.pitch, p_.y.pitch);
    };
    for (int64_t q = 0; q < begin_; ++q) compute(q, 1, edges_[q]);
    if (begin_ < end_) compute(begin_, end_ - begin_, edges_.back());
    for (int64_t q = end_; q < p_.y.width; ++q) compute(q, 1, edges_[begin_ + q - end_]);
}

void DepthwiseConvolution::run(const PlanRun& run) const {
    for_output_rows(p_.y, run, static_cast<double>(p_.R * p_.S), [&](int64_t n, int64_t i) { run_row(run, n, i); });
}

void Pooling::run(const PlanRun& run) const {
    const PoolShape& s = shape_;
    const int64_t vectors = vectors_of(x_, table_);
    for_output_rows(y_, run, static_cast<double>(s.kernel.h * s.kernel.w), [&](int64_t n, int64_t p) {
        const Extent rows = inside(p * s.stride.h - s.pad.h, s.kernel.h, s.dilation.h, s.H);
        for (int64_t q = 0; q < s.Q;) {
            const Extent columns = inside(q * s.stride.w - s.pad.w, s.kernel.w, s.dilation.w, s.W);
            const PixelWindow window{rows.taps, s.dilation.h * x_.line(), columns.taps, s.dilation.w * x_.pitch};
            const float* first = x_.pixel(run, n, rows.first, columns.first);
            float* target = y_.pixel(run, n, p, q);
            // As many windows as lie inside from here on are computed together.
            const int64_t whole = (s.W + s.pad.w - s.kernel.w) / s.stride.w + 1;
            const int64_t pixels = kind_ == Kind::largest && columns.taps == s.kernel.w ? std::max<int64_t>(whole - q, 1) : 1;
            if (kind_ == Kind::largest) {
                table_.pixel_max(std::min(pixels, s.Q - q), vectors, window, first, s.stride.w * x_.pitch, target, y_.pitch);
            } else {
                table_.pixel_mean(vectors, window, average_divisor(s, rule_, p, q), first, target);
            }
            q += pixels;
        }
    });
}

void AreaMeans::run(const PlanRun& run) const {
    const double area = static_cast<double>(x_.height * x_.width) / static_cast<double>(y_.height * y_.width);
    for_output_rows(y_, run, area, [&](int64_t n, int64_t p) {
        const int64_t top = p * x_.height / y_.height, bottom = ceil_div((p + 1) * x_.height, y_.height);
        for (int64_t q = 0; q < y_.width; ++q) {
            const int64_t left = q * x_.width / y_.width, right = ceil_div((q + 1) * x_.width, y_.width);
            const PixelWindow window{bottom - top, x_.line(), right - left, x_.pitch};
            table_.pixel_mean(vectors_of(x_, table_), window, static_cast<float>((bottom - top) * (right - left)),
                              x_.pixel(run, n, top, left), y_.pixel(run, n, p, q));
        }
    });
}

void Sum::run(const PlanRun& run) const {
    for_output_rows(y_, run, 1, [&](int64_t n, int64_t h) {
        table_.clamp(y_.width * y_.pitch, a_.pixel(run, n, h, 0), b_ ? b_->pixel(run, n, h, 0) : nullptr, clamp_.lower,
                     clamp_.upper, y_.pixel(run, n, h, 0));
    });
}

void ChannelCopy::run(const PlanRun& run) const {
    for_output_rows(y_, run, 1, [&](int64_t n, int64_t h) {
        for (int64_t w = 0; w < y_.width; ++w)
            std::copy_n(x_.pixel(run, n, h, w), x_.channels, y_.pixel(run, n, h, w) + first_);
    });
}

ChannelScale::ChannelScale(const NhwcImages& x, const NhwcImages& y, const float* scale, const float* shift, Clamp clamp)
    : x_(x), y_(y), scale_(padded(x.channels, x.pitch, scale)), shift_(padded(x.channels, x.pitch, shift)), clamp_(clamp) {}

ChannelScale::ChannelScale(const NhwcImages& x, const NhwcImages& scale, const NhwcImages& y, Clamp clamp)
    : x_(x), y_(y), pixel_(scale), scale_(0), shift_(0), clamp_(clamp) {}

void ChannelScale::run(const PlanRun& run) const {
    for_output_rows(y_, run, 1, [&](int64_t n, int64_t h) {
        const float* scale = pixel_ ? pixel_->pixel(run, n, 0, 0) : scale_.data();
        table_.pixel_affine(y_.width, vectors_of(x_, table_), x_.pixel(run, n, h, 0), x_.pitch, scale,
                            pixel_ ? nullptr : shift_.data(), clamp_.lower, clamp_.upper, y_.pixel(run, n, h, 0), y_.pitch);
    });
}

void LocalResponseNorm::run(const PlanRun& run) const {
    constexpr double kPowerWork = 30;  // two square roots and a division, or log and exp, in multiply-adds
    for_output_rows(y_, run, kPowerWork + static_cast<double>(window_.before + window_.after), [&](int64_t n, int64_t h) {
        table_.pixel_lrn(window_, y_.width, x_.pixel(run, n, h, 0), x_.pitch, y_.pixel(run, n, h, 0), y_.pitch);
    });
}

void RowActivation::run(const PlanRun& run) const {
    constexpr double kWork = 20;  // an exponential and a division cost about twenty multiply-adds
    for_output_rows(x_, run, kWork, [&](int64_t n, int64_t h) {
        float* row = x_.pixel(run, n, h, 0);
        f_(table_, x_.width * x_.pitch, a_, b_, row, row);
    });
}

}  // namespace pycnn
