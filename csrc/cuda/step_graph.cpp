#include "cuda/step_graph.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <exception>

#include "core/error.hpp"

namespace pycnn::cuda {
namespace {

// At most 48 bytes for each parameter and dropout layer of a step: enough for 1,365 of them.
constexpr size_t kArgumentBytes = 64 * 1024, kArgumentAlignment = 16;

thread_local StepGraph* graph_of_this_thread = nullptr;  // while its stream captures or refreshes

bool is_capturing() { return Stream::current()->phase == Phase::capturing; }

}  // namespace

StepGraph::StepGraph() : stream_(std::make_shared<Stream>()), host_arguments_(kArgumentBytes) {}

StepGraph::~StepGraph() {
    abandon();
    cudaStreamSynchronize(stream_->handle());  // a replay reads the arguments
    cudaGetLastError();
}

void StepGraph::begin_capture() {
    if (graph_of_this_thread || runnable_ || Stream::current() != stream_)
        fail_value("StepGraph", "captures one step, once, on its own stream");
    if (!device_arguments_) device_arguments_ = std::make_unique<Memory>(kArgumentBytes);
    // Relaxed: new arrays may allocate device memory meanwhile.
    check(cudaStreamBeginCapture(stream_->handle(), cudaStreamCaptureModeRelaxed), "cudaStreamBeginCapture");
    stream_->phase = Phase::capturing;
    stream_->keeps_blocks = true;
    graph_of_this_thread = this;
    const cudaError_t error = cudaMemcpyAsync(device_arguments_->data(), host_arguments_.data(), kArgumentBytes,
                                              cudaMemcpyHostToDevice, stream_->handle());
    if (error != cudaSuccess) abandon();
    check(error, "cudaMemcpyAsync", "the arguments of a step");
}

void StepGraph::end_capture() {
    cudaGraph_t graph = nullptr;
    graph_of_this_thread = nullptr;
    stream_->phase = Phase::running;
    check(cudaStreamEndCapture(stream_->handle(), &graph), "cudaStreamEndCapture");
    const cudaError_t error = cudaGraphInstantiate(&runnable_, graph, 0);
    if (error != cudaSuccess) runnable_ = nullptr;
    cudaGraphDestroy(graph);
    check(error, "cudaGraphInstantiate");
    is_new_ = true;
}

void StepGraph::abandon() noexcept {
    if (graph_of_this_thread == this) {
        cudaGraph_t graph = nullptr;
        graph_of_this_thread = nullptr;
        stream_->phase = Phase::running;
        if (cudaStreamEndCapture(stream_->handle(), &graph) == cudaSuccess) cudaGraphDestroy(graph);
        cudaGetLastError();
    }
    if (runnable_) cudaGraphExecDestroy(runnable_);
    runnable_ = nullptr;
    refresh_.clear(), before_.clear(), after_.clear();
    loss_ = nullptr;
    arguments_ = 0;
    varies_ = false;
    stream_->keeps_blocks = false;
    for (const Stream::Block& block : stream_->held_back) block.owner->give_back(block.bytes, block.data, *stream_);
    stream_->held_back.clear();
}

double StepGraph::replay() {
    if (!runnable_ || Stream::current() != stream_)
        fail_value("StepGraph", "replays a step that it has captured, on its own stream");
    for (const Look& before : before_) before.look();
    if (!is_new_) refresh_arguments();
    check(cudaGraphLaunch(runnable_, stream_->handle()), "cudaGraphLaunch");
    is_new_ = false;
    std::exception_ptr failure;  // the first one: the other results have been computed all the same
    for (const auto& look : after_) {
        try {
            look();
        } catch (...) {
            if (!failure) failure = std::current_exception();
        }
    }
    if (failure) std::rethrow_exception(failure);
    return loss_ ? loss_() : std::nan("");
}

void StepGraph::refresh_arguments() {
    // The last replay must have read the old ones. It has long done so if the host has looked at any result since.
    check(cudaStreamSynchronize(stream_->handle()), "cudaStreamSynchronize");
    struct Refreshing {
        explicit Refreshing(StepGraph& graph) : stream(*graph.stream_) {
            stream.phase = Phase::refreshing;
            graph_of_this_thread = &graph;
        }
        ~Refreshing() {
            stream.phase = Phase::running;
            graph_of_this_thread = nullptr;
        }
        Stream& stream;
    };
    const Refreshing refreshing(*this);
    for (const Refresh& refresh : refresh_) {
        arguments_ = refresh.begin;
        refresh.call();
        if (arguments_ != refresh.end)
            throw std::runtime_error("[StepGraph] ops were called that are not those of the captured step");
    }
}

void on_replay(const std::function<void()>& now, std::function<void()> again) {
    if (!is_capturing()) return now();
    StepGraph& graph = *graph_of_this_thread;
    const size_t begin = graph.arguments_;
    graph.varies_ = true;
    now();
    graph.varies_ = false;
    graph.refresh_.push_back({begin, graph.arguments_, std::move(again)});
}

void before_replay(Subject subject, std::function<void()> look) {
    if (!is_capturing()) return look();
    auto& looks = graph_of_this_thread->before_;
    const auto is_same = [&](const StepGraph::Look& other) { return other.subject == subject; };
    if (std::none_of(looks.begin(), looks.end(), is_same)) looks.push_back({subject, std::move(look)});
}

void after_replay(std::function<void()> look) {
    if (!is_capturing()) return look();
    graph_of_this_thread->after_.push_back(std::move(look));
}

double loss_after_replay(std::function<double()> loss) {
    if (!is_capturing()) return loss();
    if (graph_of_this_thread->loss_) fail_value("StepGraph", "a captured step has one loss, this one has two");
    graph_of_this_thread->loss_ = std::move(loss);
    return std::nan("");
}

const void* varying_place(const void* value, size_t bytes) {
    StepGraph* const graph = graph_of_this_thread;
    if (!graph) return nullptr;
    if (is_capturing() && !graph->varies_)
        fail_value("StepGraph",
                   "a captured step asks for dropout or an optimizer's step, whose arguments change from replay to replay, "
                   "outside of pycnn.backends.of(x).on_replay");
    const size_t begin = graph->arguments_;
    if (begin + bytes > kArgumentBytes)
        fail_value("StepGraph", "has ", kArgumentBytes, " bytes for arguments that vary, and needs more");
    std::memcpy(static_cast<char*>(graph->host_arguments_.data()) + begin, value, bytes);
    graph->arguments_ = (begin + bytes + kArgumentAlignment - 1) / kArgumentAlignment * kArgumentAlignment;
    return static_cast<const char*>(graph->device_arguments_->data()) + begin;
}

}  // namespace pycnn::cuda
