// Between planes, as users see images, and pixels whose channels lie side by side.
#pragma once

#include "cpu/nhwc/images.hpp"

namespace pycnn {

class ToPixels : public PlanStep {
public:
    ToPixels(const FlatRows& x, const NhwcImages& y) : x_(x), y_(y) {}
    void run(const PlanRun& run) const override;

private:
    const FlatRows x_;
    const NhwcImages y_;
};

class ToPlanes : public PlanStep {
public:
    ToPlanes(const NhwcImages& x, const FlatRows& y) : x_(x), y_(y) {}
    void run(const PlanRun& run) const override;

private:
    const NhwcImages x_;
    const FlatRows y_;
};

}  // namespace pycnn
