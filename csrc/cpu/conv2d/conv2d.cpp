// Convolution and its gradients: taps that meet only padding are left out, then the table's choice computes what is left.
#include "ops/conv2d.hpp"

#include <algorithm>

#include "core/memory.hpp"
#include "cpu/conv2d/algorithms.hpp"
#include "ops/activation.hpp"
#include "ops/visible_taps.hpp"

namespace pycnn {

void conv2d(const ConvShape& s, const float* x, const float* w, const float* b, float* y) {
    if (const VisiblePart part(s); !part.is_whole(s)) {
        const Workspace<float> visible(part.shape.weights());
        part.extract(s, w, visible.data());
        return conv2d(part.shape, x, visible.data(), b, y);
    }
    conv_algorithm(ConvPass::forward, s).forward(s, x, w, b, y);
}

void conv2d_relu(const ConvShape& s, const float* x, const float* w, const float* b, float* y) {
    conv2d(s, x, w, b, y);
    relu(s.N * s.K * s.P * s.Q, y, y);
}

void conv2d_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b) {
    if (const VisiblePart part(s); !part.is_whole(s)) {
        const Workspace<float> visible(part.shape.weights());
        part.extract(s, w, visible.data());
        return conv2d_backward_input(part.shape, dy, visible.data(), dx, b);
    }
    conv_algorithm(ConvPass::backward_input, s).backward_input(s, dy, w, dx, b);
}

void conv2d_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db) {
    if (s.N == 0) {
        std::fill_n(dw, s.weights(), 0.0f);
        std::fill_n(db, s.K, 0.0f);
        return;
    }
    if (const VisiblePart part(s); !part.is_whole(s)) {
        const Workspace<float> visible(part.shape.weights());
        conv2d_backward_weight(part.shape, dy, x, visible.data(), db);
        std::fill_n(dw, s.weights(), 0.0f);
        return part.insert(s, visible.data(), dw);
    }
    conv_algorithm(ConvPass::backward_weight, s).backward_weight(s, dy, x, dw, db);
}

}  // namespace pycnn
