// A training step as a CUDA graph: its kernels are captured once, and each replay starts all of them by one call.
//
// A replayed kernel gets the arguments it was captured with, in the same memory. It reads numbers that change from replay to
// replay from memory (Varying), where on_replay renews them. The host checks addresses before each replay (before_replay) and
// looks at results after it (after_replay).
#pragma once

#include <functional>
#include <memory>
#include <type_traits>
#include <vector>

#include "cuda/memory.hpp"

namespace pycnn::cuda {

// What is checked before a replay: numbers in memory that must lie below a limit.
struct Subject {
    const void* numbers;
    int64_t limit;
    bool operator==(const Subject&) const = default;
};

class StepGraph {
public:
    StepGraph();
    ~StepGraph();
    StepGraph(const StepGraph&) = delete;
    StepGraph& operator=(const StepGraph&) = delete;

    // A stream of its own: no other arrays use the memory that captured kernels work in.
    const std::shared_ptr<Stream>& stream() const { return stream_; }

    // The work that this thread gives to stream() between the two calls is captured and does not run.
    void begin_capture();
    void end_capture();
    void abandon() noexcept;  // instead of end_capture(), or after it has thrown; the graph is empty again

    // Runs what was captured; returns the loss.
    double replay();

private:
    friend void on_replay(const std::function<void()>& now, std::function<void()> again);
    friend void before_replay(Subject subject, std::function<void()> look);
    friend void after_replay(std::function<void()> look);
    friend double loss_after_replay(std::function<double()> loss);
    friend const void* varying_place(const void* value, size_t bytes);

    struct Look {
        Subject subject;
        std::function<void()> look;
    };
    struct Refresh {
        size_t begin, end;  // of its arguments
        std::function<void()> call;
    };
    void refresh_arguments();
    std::shared_ptr<Stream> stream_;
    cudaGraphExec_t runnable_ = nullptr;
    std::vector<Refresh> refresh_;
    std::vector<std::function<void()>> after_;
    std::vector<Look> before_;
    std::function<double()> loss_;
    // The varying arguments, one behind the other. A replay first copies them to the device.
    PinnedMemory host_arguments_;
    std::unique_ptr<Memory> device_arguments_;
    size_t arguments_ = 0;  // where the next one goes
    bool varies_ = false;   // within on_replay
    bool is_new_ = true;    // captured with the arguments of the next replay
};

// Calls now(), whose ops may have varying arguments. During a capture it also keeps again(), which is called before each replay
// but the first: it must call the same ops with the arguments of that replay. Their kernels do not run then.
void on_replay(const std::function<void()>& now, std::function<void()> again);

// Calls look() now, or if a step is being captured, before each of its replays, once for each subject.
void before_replay(Subject subject, std::function<void()> look);

// Calls look(), which waits for the device, now, or if a step is being captured, after each of its replays.
void after_replay(std::function<void()> look);

// Returns loss() now. If a step is being captured, returns NaN, and StepGraph::replay returns loss(). A step has one loss.
double loss_after_replay(std::function<double()> loss);

// Where captured kernels read this value; null if nothing is being captured. ValueError in a capture outside of on_replay.
const void* varying_place(const void* value, size_t bytes);

// An argument of a kernel that changes from replay to replay.
template <class T>
struct Varying {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    const T* place;  // or null: the value itself

    explicit Varying(const T& v) : value(v), place(static_cast<const T*>(varying_place(&v, sizeof v))) {}
    __device__ T get() const { return place ? *place : value; }
};

}  // namespace pycnn::cuda
