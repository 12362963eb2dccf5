// A step of training as a CUDA graph: its kernels are recorded once, and all of them started by one call as often as wanted.
//
// Recorded kernels always get the arguments they were recorded with, in the same memory. What changes from run to run is read from
// memory (Varying); what the host does with results it does after each run (when_done), and what it must know before, before
// (before_run).
#pragma once

#include <functional>
#include <memory>
#include <type_traits>
#include <vector>

#include "cuda/memory.hpp"

namespace pycnn::cuda {

// What is checked before a run: numbers in memory that must lie below a limit.
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

    // Its own: no other arrays come from the memory that recorded kernels work in.
    const std::shared_ptr<Stream>& stream() const { return stream_; }

    // What this thread does on stream() between the two is recorded and not run.
    void begin();
    void end();
    void abandon() noexcept;  // instead of end(), or when it has thrown: an empty graph again

    // Runs what was recorded; returns the loss.
    double run();

private:
    friend void each_run(const std::function<void()>& now, std::function<void()> again);
    friend void before_run(Subject subject, std::function<void()> look);
    friend void when_done(std::function<void()> look);
    friend double loss_when_done(std::function<double()> loss);
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
    // The varying arguments, one behind the other; the first thing that a run does is to copy them.
    PinnedMemory host_arguments_;
    std::unique_ptr<Memory> device_arguments_;
    size_t arguments_ = 0;  // where the next one goes
    bool varies_ = false;   // within each_run
    bool is_new_ = true;    // recorded with the arguments of the next run
};

// Calls now(), whose ops may have varying arguments. In a step that is being recorded calls again() before each run but the first: it
// must ask for the same ops with the arguments of that run; their kernels are not run.
void each_run(const std::function<void()>& now, std::function<void()> again);

// Calls look() now, or in a step that is being recorded before each run, once for each subject.
void before_run(Subject subject, std::function<void()> look);

// Calls look(), which waits for the device, now, or in a step that is being recorded after each run.
void when_done(std::function<void()> look);

// Returns loss() likewise; NaN where it is StepGraph::run that will return it. A step has one.
double loss_when_done(std::function<double()> loss);

// Where recorded kernels read this value; null where nothing is recorded. ValueError in a recording outside of each_run.
const void* varying_place(const void* value, size_t bytes);

// An argument of a kernel that changes from run to run.
template <class T>
struct Varying {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    const T* place;  // or null: the value itself

    explicit Varying(const T& v) : value(v), place(static_cast<const T*>(varying_place(&v, sizeof v))) {}
    __device__ T get() const { return place ? *place : value; }
};

}  // namespace pycnn::cuda
