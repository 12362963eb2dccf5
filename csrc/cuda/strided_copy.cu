// Copies between arrays of other strides: transposes, repeated axes, and parts of arrays.
#include "cuda/array_functions.hpp"
#include "cuda/launch.hpp"

namespace pycnn::cuda {
namespace {

template <class Bytes>
__global__ void copy_strided_kernel(Places<2> places, const Bytes* source, Bytes* target) {
    PYCNN_FOR_EACH_ELEMENT(i, places.count) {
        const Places<2>::Offsets place = places.at(i);
        target[place.of[0]] = source[place.of[1]];
    }
}

template <class Bytes>
void copy(const Places<2>& places, const void* source, void* target) {
    launch(copy_strided_kernel<Bytes>, blocks_for(places.count), kThreads, 0, current_stream(), places,
           static_cast<const Bytes*>(source), static_cast<Bytes*>(target));
}

}  // namespace

void copy_strided(const Places<2>& places, Element element, const void* source, void* target) {
    switch (size_of(element)) {
        case 1:
            return copy<uint8_t>(places, source, target);
        case 4:
            return copy<uint32_t>(places, source, target);
        default:
            return copy<uint64_t>(places, source, target);
    }
}

}  // namespace pycnn::cuda
