#include "cuda/emulator/queue.hpp"

#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

using pycnn::emulator::Work;

struct EmulatedGraph {
    std::vector<Work> nodes;
};

struct EmulatedStream {
    std::deque<Work> queue;
    std::unique_ptr<EmulatedGraph> captured;  // null unless the stream is being captured
};

// A point of a stream. It is reached when all work that was enqueued before it is done.
struct Point {
    EmulatedStream* stream;
    bool reached = false;
    std::chrono::steady_clock::time_point time{};
};
struct EmulatedEvent {
    std::shared_ptr<Point> point;  // of the last record, or null
};

namespace {

// Longer queues run at once. Real devices take more, but no test of a single thread needs it.
constexpr size_t kLongestQueue = 1024;

// One lock for everything: kernels of two streams run one after the other, each on all threads.
std::recursive_mutex mutex;
std::set<EmulatedStream*> streams;
cudaError_t failure = cudaSuccess;  // of work, until somebody waits

void do_next(EmulatedStream& stream) {
    const Work work = std::move(stream.queue.front());
    stream.queue.pop_front();
    if (const cudaError_t error = work(); error != cudaSuccess) failure = error;
}

void reach(Point& point) {
    while (!point.reached) do_next(*point.stream);
}

cudaError_t finish(EmulatedStream& stream) {
    if (stream.captured) return cudaErrorStreamCaptureUnsupported;
    while (!stream.queue.empty()) do_next(stream);
    return std::exchange(failure, cudaSuccess);
}

}  // namespace

cudaError_t pycnn::emulator::enqueue(cudaStream_t stream, Work work) {
    const std::lock_guard lock(mutex);
    if (stream->captured) {
        stream->captured->nodes.push_back(std::move(work));
        return cudaSuccess;
    }
    stream->queue.push_back(std::move(work));
    return stream->queue.size() > kLongestQueue ? finish(*stream) : cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
    const std::lock_guard lock(mutex);
    streams.insert(*stream = new EmulatedStream);
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    const std::lock_guard lock(mutex);
    const cudaError_t error = finish(*stream);
    streams.erase(stream);
    delete stream;
    return error;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    const std::lock_guard lock(mutex);
    return finish(*stream);
}

cudaError_t cudaDeviceSynchronize() {
    const std::lock_guard lock(mutex);
    cudaError_t result = cudaSuccess;
    for (EmulatedStream* stream : streams)
        if (const cudaError_t error = finish(*stream); error != cudaSuccess) result = error;
    return result;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
    const std::lock_guard lock(mutex);
    if (!event->point) return cudaSuccess;
    return pycnn::emulator::enqueue(stream, [point = event->point] {
        reach(*point);
        return cudaSuccess;
    });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
    *event = new EmulatedEvent;
    return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, 0); }

cudaError_t cudaEventDestroy(cudaEvent_t event) {
    delete event;
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    const std::lock_guard lock(mutex);
    if (stream->captured) return cudaErrorStreamCaptureUnsupported;
    event->point = std::make_shared<Point>(Point{stream});
    return pycnn::emulator::enqueue(stream, [point = event->point] {
        point->reached = true;
        point->time = std::chrono::steady_clock::now();
        return cudaSuccess;
    });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    const std::lock_guard lock(mutex);
    if (event->point) reach(*event->point);
    return std::exchange(failure, cudaSuccess);
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
    const std::lock_guard lock(mutex);
    if (!begin->point || !end->point || !begin->point->reached || !end->point->reached) return cudaErrorInvalidValue;
    *milliseconds = std::chrono::duration<float, std::milli>(end->point->time - begin->point->time).count();
    return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
    const std::lock_guard lock(mutex);
    if (stream->captured) return cudaErrorStreamCaptureUnsupported;
    stream->captured = std::make_unique<EmulatedGraph>();
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
    const std::lock_guard lock(mutex);
    if (!stream->captured) return cudaErrorInvalidValue;
    *graph = stream->captured.release();
    return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* runnable, cudaGraph_t graph, unsigned long long) {
    *runnable = new EmulatedGraph(*graph);
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t runnable, cudaStream_t stream) {
    for (const Work& node : runnable->nodes)
        if (const cudaError_t error = pycnn::emulator::enqueue(stream, node); error != cudaSuccess) return error;
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    delete graph;
    return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t runnable) { return cudaGraphDestroy(runnable); }
