#pragma once

#include "kernels/autoencoder/views.hpp"

#include <ca3/matrix.hpp>

/// What the operations need beside the launchers of models. Asynchronous, on the context's stream.
namespace ca3::autoencoder::cuda {

/// The one step that an operation's launches are told of.
struct OperationStep {
    StepEntry entry;
    std::int64_t at;
    unsigned long long first_bad;

    /// Of one in device memory.
    [[nodiscard]] static StepView view(OperationStep* on_device) { return {{&on_device->entry, 0}, &on_device->at, &on_device->first_bad}; }
};
/// Writes it: a launch, so that nothing waits for memory of the host.
void launch_begin(Context const&, StepEntry const&, OperationStep* to);

void launch_copy(Context const&, MatrixView<float const> from, MatrixView<float> to);

/// Updates parameters and moments that lie anywhere; moments are null where the rule has none.
struct ParametersView {
    MatrixView<float const> gradient;
    MatrixView<float> parameters;
    MatrixView<float> first;
    MatrixView<float> second;
};
void launch_step(Context const&, UpdateView const&, StepEntry const&, ParametersView const&);

}  // namespace ca3::autoencoder::cuda
