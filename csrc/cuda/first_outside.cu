#include "cuda/first_outside.hpp"
#include "cuda/launch.hpp"

namespace pycnn::cuda {
namespace {

// `most` becomes the count of numbers from the first wrong one to the end of the array; it stays 0 if there is none.
__global__ void first_outside_kernel(int64_t count, const int64_t* numbers, int64_t last, bool any_ignored, int64_t ignored,
                                     long long* most) {
    PYCNN_FOR_EACH_ELEMENT(i, count) {
        const int64_t number = numbers[i];
        const bool outside = number < 0 || number > last;
        if (outside && !(any_ignored && number == ignored)) atomicMax(most, static_cast<long long>(count - i));
    }
}

}  // namespace

int64_t first_outside(int64_t count, const int64_t* numbers, int64_t last, std::optional<int64_t> ignored) {
    if (count == 0) return 0;
    const Workspace<long long> most(1);
    fill_zeros(most.data(), sizeof(long long));
    launch(first_outside_kernel, blocks_for(count), kThreads, 0, current_stream(), count, numbers, last, ignored.has_value(),
           ignored.value_or(0), most.data());
    long long left = 0;
    copy_to_host(&left, most.data(), sizeof left);
    return count - left;
}

int64_t number_at(const int64_t* numbers, int64_t position) {
    int64_t number = 0;
    copy_to_host(&number, numbers + position, sizeof number);
    return number;
}

}  // namespace pycnn::cuda
