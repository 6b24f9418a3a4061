#pragma once

#include <ca3/context.hpp>

#include <functional>

namespace ca3::autoencoder::cuda {

/// A step's launches, recorded once and given to the device as one. The host executor records nothing.
class StepGraph {
public:
    explicit StepGraph(Context context);
    ~StepGraph();
    StepGraph(StepGraph const&) = delete;
    StepGraph& operator=(StepGraph const&) = delete;

    /// Records what `enqueue` launches on the context's stream, without running it. @return false where it cannot be recorded: on the
    /// default stream, or on the host executor
    [[nodiscard]] bool record(std::function<void()> const& enqueue);
    /// Runs what was recorded. Asynchronous.
    void replay() const;

private:
    Context context_;
    void* executable_ = nullptr;
};

}  // namespace ca3::autoencoder::cuda
