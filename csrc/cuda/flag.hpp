// How a kernel tells the host that its input is wrong.
#pragma once

#include <memory>

#include "cuda/step_graph.hpp"

namespace pycnn::cuda {

// A number on the device that a kernel raises to 1.
class Flag {
public:
    Flag() : raised_(std::make_shared<Workspace<int>>(1)) { fill_zeros(raised_->data(), sizeof(int)); }
    int* data() const { return raised_->data(); }

    // fail() throws. Waits for the device.
    template <class F>
    void when_raised(const F& fail) const {
        after_replay([raised = raised_, fail] {
            int some = 0;
            copy_to_host(&some, raised->data(), sizeof some);
            if (some) fail();
        });
    }

private:
    std::shared_ptr<Workspace<int>> raised_;
};

}  // namespace pycnn::cuda
