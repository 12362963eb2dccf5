#include "cuda/elementwise.hpp"
#include "ops/addition.hpp"

namespace pycnn {
namespace {

struct Sum {
    __device__ float operator()(float a, float b) const { return a + b; }
};

}  // namespace

void add(int64_t count, const float* a, const float* b, float* y) { cuda::map(count, Sum{}, y, a, b); }

}  // namespace pycnn
