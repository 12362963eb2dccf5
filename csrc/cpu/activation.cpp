#include "ops/activation.hpp"

#include "cpu/chunks.hpp"
#include "cpu/dispatch.hpp"

namespace pycnn {
namespace {

constexpr double kTranscendentalWork = 20;  // an exponential and a division cost about twenty multiply-adds

// Multiply-adds for each number, forward or backward.
double work_of(ActivationKind kind) {
    switch (kind) {
        case ActivationKind::silu:
        case ActivationKind::elu:
            return kTranscendentalWork;
        case ActivationKind::softplus:
        case ActivationKind::mish:
        case ActivationKind::focal:
            return 3 * kTranscendentalWork;
        default:
            return 1;
    }
}

}  // namespace

void relu(int64_t count, const float* x, float* y) {
    const KernelTable& table = kernels();
    for_chunks(count, [&](int64_t i, int64_t n) { table.relu(n, x + i, y + i); });
}

void relu_backward(int64_t count, const float* dy, const float* y, float* dx) {
    const KernelTable& table = kernels();
    for_chunks(count, [&](int64_t i, int64_t n) { table.relu_backward(n, dy + i, y + i, dx + i); });
}

void leaky_relu(int64_t count, float slope, const float* x, float* y) {
    const KernelTable& table = kernels();
    for_chunks(count, [&](int64_t i, int64_t n) { table.leaky_relu(n, slope, x + i, y + i); });
}

void leaky_relu_backward(int64_t count, float slope, const float* dy, const float* x, float* dx) {
    const KernelTable& table = kernels();
    for_chunks(count, [&](int64_t i, int64_t n) { table.leaky_relu_backward(n, slope, dy + i, x + i, dx + i); });
}

void tanh(int64_t count, double amplitude, double slope, const float* x, float* y) {
    const KernelTable& table = kernels();
    const float a = static_cast<float>(amplitude), s = static_cast<float>(slope);
    for_chunks(count, [&](int64_t i, int64_t n) { table.tanh(n, a, s, x + i, y + i); }, kTranscendentalWork);
}

void tanh_backward(int64_t count, double amplitude, double slope, const float* dy, const float* y, float* dx) {
    const KernelTable& table = kernels();
    const float a = static_cast<float>(amplitude), ratio = static_cast<float>(slope / amplitude);
    for_chunks(count, [&](int64_t i, int64_t n) { table.tanh_backward(n, a, ratio, dy + i, y + i, dx + i); });
}

void sigmoid(int64_t count, const float* x, float* y) {
    const KernelTable& table = kernels();
    for_chunks(count, [&](int64_t i, int64_t n) { table.sigmoid(n, x + i, y + i); }, kTranscendentalWork);
}

void sigmoid_backward(int64_t count, const float* dy, const float* y, float* dx) {
    const KernelTable& table = kernels();
    for_chunks(count, [&](int64_t i, int64_t n) { table.sigmoid_backward(n, dy + i, y + i, dx + i); });
}

void gelu(int64_t count, GeluForm form, const float* x, float* y) {
    const auto kernel = form == GeluForm::exact ? kernels().gelu : kernels().gelu_tanh;
    for_chunks(count, [&](int64_t i, int64_t n) { kernel(n, x + i, y + i); }, 2 * kTranscendentalWork);
}

void gelu_backward(int64_t count, GeluForm form, const float* dy, const float* x, float* dx) {
    const auto kernel = form == GeluForm::exact ? kernels().gelu_backward : kernels().gelu_tanh_backward;
    for_chunks(count, [&](int64_t i, int64_t n) { kernel(n, dy + i, x + i, dx + i); }, 2 * kTranscendentalWork);
}

void activation(int64_t count, const Activation& f, const float* x, float* y) {
    const auto kernel = kernels().activation[static_cast<int>(f.kind)];
    for_chunks(count, [&](int64_t i, int64_t n) { kernel(n, f.a, f.b, x + i, y + i); }, work_of(f.kind));
}

void activation_backward(int64_t count, const Activation& f, const float* dy, const float* x, float* dx) {
    const auto kernel = kernels().activation_backward[static_cast<int>(f.kind)];
    for_chunks(count, [&](int64_t i, int64_t n) { kernel(n, f.a, f.b, dy + i, x + i, dx + i); }, work_of(f.kind));
}

}  // namespace pycnn
