#include "cuda/stream.hpp"

#include <mutex>
#include <set>

#include "core/error.hpp"
#if defined(PYCNN_CUDA_EMULATED)
#include "cuda/emulator/device_memory.hpp"
#endif

namespace pycnn::cuda {
namespace {

// Never destroyed: at the end of the process, arrays may outlive everything else.
struct Pools {
    std::mutex mutex;
    std::set<Stream*> streams;
    size_t cached = 0;  // bytes in free blocks
};
Pools& pools() {
    static Pools* const p = new Pools;
    return *p;
}

std::shared_ptr<Stream>& current() {
    // Never destroyed either. All threads without a stream of their own share it, so their work is in order.
    static const auto* const common = new std::shared_ptr<Stream>(std::make_shared<Stream>());
    thread_local std::shared_ptr<Stream> stream = *common;
    return stream;
}

}  // namespace

Stream::Stream() {
    check(cudaStreamCreateWithFlags(&handle_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    check(cudaEventCreateWithFlags(&done_, cudaEventDisableTiming), "cudaEventCreateWithFlags");
    const std::lock_guard lock(pools().mutex);
    pools().streams.insert(this);
}

// Errors are ignored here and below: at the end of the process the runtime may be gone.
Stream::~Stream() {
    {
        const std::lock_guard lock(pools().mutex);
        pools().streams.erase(this);
        for (const auto& [bytes, block] : free_) pools().cached -= bytes;
    }
    cudaStreamSynchronize(handle_);
    for (const auto& [bytes, block] : free_) cudaFree(block);
    cudaEventDestroy(done_);
    cudaStreamDestroy(handle_);
}

const std::shared_ptr<Stream>& Stream::current() { return cuda::current(); }

void Stream::switch_to(const std::shared_ptr<Stream>& stream) {
    if (stream == current()) return;
    refuse_while_capturing("another stream");
    check(stream->wait_for(*current()), "cudaStreamWaitEvent");
    cuda::current() = stream;
}

cudaError_t Stream::wait_for(const Stream& other) noexcept {
    const cudaError_t error = cudaEventRecord(other.done_, other.handle_);
    return error != cudaSuccess ? error : cudaStreamWaitEvent(handle_, other.done_, 0);
}

void* Stream::take(size_t bytes) {
    Pools& p = pools();
    const std::lock_guard lock(p.mutex);
    // Of exactly this size: a training loop requests the same sizes again and again.
    const auto found = free_.find(bytes);
    if (found == free_.end()) return nullptr;
    void* const block = found->second;
    free_.erase(found);
    p.cached -= bytes;
    return block;
}

void Stream::give_back(size_t bytes, void* block, const Stream& user) noexcept {
    if (this != &user && wait_for(user) != cudaSuccess) {
        cudaStreamSynchronize(user.handle_);
        cudaGetLastError();
    }
#if defined(PYCNN_CUDA_EMULATED)
    emulator::end_use(handle_, block, bytes);
#endif
    Pools& p = pools();
    const std::lock_guard lock(p.mutex);
    free_.emplace(bytes, block);
    p.cached += bytes;
}

cudaStream_t current_stream() { return Stream::current()->handle(); }

void refuse_while_capturing(const char* what) {
    if (Stream::current()->phase == Phase::capturing)
        throw std::runtime_error(text(what,
                                      " in the middle of a step that is being captured as a CUDA graph: it waits for the "
                                      "device, which runs nothing meanwhile"));
}

size_t cached_bytes() {
    const std::lock_guard lock(pools().mutex);
    return pools().cached;
}

void synchronize() {
    refuse_while_capturing("synchronize");
    // Not the whole device: CUDA does not allow that while another thread captures a step.
    const std::lock_guard lock(pools().mutex);
    for (const Stream* stream : pools().streams)
        if (stream->phase != Phase::capturing) check(cudaStreamSynchronize(stream->handle()), "cudaStreamSynchronize");
}

void trim() {
    synchronize();
    Pools& p = pools();
    const std::lock_guard lock(p.mutex);
    for (Stream* stream : p.streams) {
        if (stream->keeps_blocks) continue;
        for (const auto& [bytes, block] : stream->free_) {
            cudaFree(block);
            p.cached -= bytes;
        }
        stream->free_.clear();
    }
}

Timer::Timer() {
    check(cudaEventCreate(&begin_), "cudaEventCreate");
    check(cudaEventCreate(&end_), "cudaEventCreate");
}

Timer::~Timer() {
    cudaEventDestroy(begin_);
    cudaEventDestroy(end_);
}

void Timer::start() {
    refuse_while_capturing("a time");
    check(cudaEventRecord(begin_, current_stream()), "cudaEventRecord");
}

void Timer::stop() {
    refuse_while_capturing("a time");
    check(cudaEventRecord(end_, current_stream()), "cudaEventRecord");
}

float Timer::milliseconds() const {
    float result = 0;
    check(cudaEventSynchronize(end_), "cudaEventSynchronize");
    check(cudaEventElapsedTime(&result, begin_, end_), "cudaEventElapsedTime");
    return result;
}

}  // namespace pycnn::cuda
