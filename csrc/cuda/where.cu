// A choice between two arrays.
#include "cuda/array_functions.hpp"
#include "cuda/launch.hpp"

namespace pycnn::cuda {
namespace {

template <class T>
__global__ void where_kernel(Places<3> places, const bool* condition, Argument<T> a, Argument<T> b, T* y) {
    PYCNN_FOR_EACH_ELEMENT(i, places.count) {
        const Places<3>::Offsets place = places.at(i);
        y[i] = condition[place.of[0]] ? a.at(place.of[1]) : b.at(place.of[2]);
    }
}

}  // namespace

template <class T>
void where(const Places<3>& places, const bool* condition, Argument<T> a, Argument<T> b, T* y) {
    launch(where_kernel<T>, blocks_for(places.count), kThreads, 0, current_stream(), places, condition, a, b, y);
}

template void where(const Places<3>&, const bool*, Argument<float>, Argument<float>, float*);
template void where(const Places<3>&, const bool*, Argument<int32_t>, Argument<int32_t>, int32_t*);
template void where(const Places<3>&, const bool*, Argument<int64_t>, Argument<int64_t>, int64_t*);
template void where(const Places<3>&, const bool*, Argument<uint8_t>, Argument<uint8_t>, uint8_t*);
template void where(const Places<3>&, const bool*, Argument<bool>, Argument<bool>, bool*);

}  // namespace pycnn::cuda
