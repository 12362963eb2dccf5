// The one door through which ops compute on NumPy's arrays: it gives Python's lock back meanwhile, and records the call if this thread
// records a step (core/recording.hpp). Calls must own what they need by value, as they may run again long after the binding has
// returned; so they are written as [=], never [&].
#pragma once

#include <memory>
#include <utility>

#include "core/recording.hpp"
#include "python/release_gil.hpp"

namespace pycnn {

template <class F>
void run_op(const char* op, F call) {
    Recording* const recording = Recording::current();
    if (recording != nullptr && recording->is_renewing()) return;
    {
        ReleaseGil release;
        call();
    }
    if (recording != nullptr) recording->add(op, std::move(call));
}

// The same for a call that returns a loss, which a repetition returns as well.
template <class F>
double run_loss(const char* op, F call) {
    Recording* const recording = Recording::current();
    if (recording == nullptr) {
        ReleaseGil release;
        return call();
    }
    const auto place = recording->new_loss();
    run_op(op, [call = std::move(call), place] { *place = call(); });
    return *place;
}

// A check of numbers in arrays, which a repetition makes as well.
template <class F>
void check_numbers_now(F check) {
    Recording* const recording = Recording::current();
    if (recording != nullptr && recording->is_renewing()) return;
    check();
    if (recording != nullptr) recording->add_check(std::move(check));
}

// Says that an op cannot be recorded, and why.
inline void refuse_recording(const char* op, const char* reason) {
    if (Recording* const recording = Recording::current()) recording->refuse(op, reason);
}

// Whether an array of the next op lies in lanes: never now, in repetitions if the recording keeps it so.
class KeptLanes {
public:
    KeptLanes(bool is_possible, const void* data, int64_t images) {
        Recording* const recording = Recording::current();
        if (is_possible && data != nullptr && recording != nullptr && !recording->is_renewing())
            kept_ = recording->offer_lanes(data, images);
    }
    bool operator*() const { return kept_ && *kept_; }

private:
    std::shared_ptr<const bool> kept_;
};

// A number that changes from one repetition to the next, such as a seed.
template <class T>
class Changing {
public:
    explicit Changing(const T& value) : value_(value) {
        if (Recording* const recording = Recording::current())
            recording->is_renewing() ? recording->renew(value) : void(place_ = recording->new_place(value));
    }
    const T& operator*() const { return place_ ? *place_ : value_; }

private:
    T value_;
    std::shared_ptr<T> place_;  // while this thread records
};

}  // namespace pycnn
