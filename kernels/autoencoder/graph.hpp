#pragma once

#include <ca3/context.hpp>

#include <functional>
#include <vector>

namespace ca3::autoencoder::cuda {

/// A step's launches, recorded once and given to the device as one.
class StepGraph {
public:
    explicit StepGraph(Context context);
    ~StepGraph();
    StepGraph(StepGraph const&) = delete;
    StepGraph& operator=(StepGraph const&) = delete;

    /// Records what `enqueue` launches on the context's stream, without running it, in place of what was recorded before. @return false
    /// where it cannot be recorded: on the default stream
    [[nodiscard]] bool record(std::function<void()> const& enqueue);
    /// Runs what was recorded. Asynchronous.
    void replay() const;

private:
    Context context_;
    void* executable_ = nullptr;
    std::vector<std::function<void()>> launches_;  ///< on the host executor
};

}  // namespace ca3::autoencoder::cuda
