#pragma once

#include "kernels/autoencoder/elementary.cuh"

#include <cstdint>

/// The end of a step.
namespace ca3::autoencoder::cuda {

__device__ __forceinline__ double divisor(LossTerm const& term, StepEntry const& step) {
    switch (term.share) {
        case LossTerm::Share::rows:
            return static_cast<double>(step.rows);
        case LossTerm::Share::elements:
            return static_cast<double>(step.rows) * static_cast<double>(term.width);
        case LossTerm::Share::counted:
            return static_cast<double>(step.counted);  // 0 where no row counts: 0 / 0, as in PyTorch
        default:
            return 1.0;
    }
}

/// Writes the loss of the step and moves on to the next, by one block. room: threads / 32 doubles of shared memory.
template <int threads>
__device__ __forceinline__ void finish_step(FinishJob const& job, StepEntry const& step, unsigned model, double* room) {
    double loss = 0.0;
    for (int i = 0; i < job.count; ++i) {
        LossTerm const& term = job.terms[i];
        double sum = 0.0;
        for (std::int64_t k = threadIdx.x; k < term.count; k += threads) sum += job.partial.of(model)[term.offset + k];
        sum = block_sum<threads>(sum, room);
        loss += sum * (term.scale / divisor(term, step));
        __syncthreads();
    }
    if (threadIdx.x != 0) return;
    job.losses.of(model)[job.step.at[model]] = loss;
    if (!(loss - loss == 0.0)) flag_bad(job.step, model);
    ++job.step.at[model];
}

}  // namespace ca3::autoencoder::cuda
