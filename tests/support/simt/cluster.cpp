#include "tests/support/simt/block_state.hpp"
#include "tests/support/simt/shared_memory.hpp"

/// The blocks of the running cluster: whose turn it is, and what they have in common.
namespace ca3::simt {

void turn_to(unsigned rank) {
    if (rank == block.rank) return;
    state.aside[block.rank] = state;
    static_cast<BlockThreads&>(state) = state.aside[rank];
    block.rank = rank;
    block.index.x = state.first_index + rank;
    use_shared_memory(rank);
}

void poison_for_cluster([[maybe_unused]] bool ended) {
#if !defined(CA3_SIMT_TSAN)
    if (ended)
        poison_shared_memory();
    else
        poison_static_memory();
#endif
}

void release_cluster_barrier() {
    state.cluster_arrived = 0;
    ++state.cluster_phase;
    state.sleeps = 0;
    auto const release = [](BlockThreads& threads) {
        for (int w = 0; w < threads.warp_count; ++w) {
            Warp& warp = threads.warps[static_cast<std::size_t>(w)];
            warp.ready |= warp.at_cluster_barrier;
            warp.at_cluster_barrier = 0;
        }
    };
    for (unsigned rank = 0; rank < block.cluster; ++rank) release(rank == block.rank ? state : state.aside[rank]);
}

}  // namespace ca3::simt
