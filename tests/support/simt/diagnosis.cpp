#include "tests/support/simt/block_state.hpp"

#include <bit>
#include <cstdio>

namespace ca3::simt {

namespace {

std::string thread(Lane const& lane) {
    return "thread " + text(lane.index);
}

std::string hex(unsigned mask) {
    char out[16];
    std::snprintf(out, sizeof(out), "0x%08X", mask);
    return out;
}

/// Why `lane` waits, and for whom.
std::string reason(Warp const& warp, Lane const& lane) {
    std::string out = thread(lane) + " waits in " + to_string(lane.operation) + " with mask " + hex(lane.mask);
    for (unsigned rest = lane.mask; rest != 0; rest &= rest - 1) {
        int const other_lane = std::countr_zero(rest);
        unsigned const bit = 1u << other_lane;
        Lane const& other = *warp.lanes[other_lane];
        if ((warp.at_barrier & bit) != 0) return out + " for " + thread(other) + ", which waits at __syncthreads";
        bool const same = other.mask == lane.mask && other.operation == lane.operation;
        if ((warp.in_collective & bit) != 0 && !same) {
            return out + " for " + thread(other) + ", which waits in " + to_string(other.operation) + " with mask " + hex(other.mask);
        }
    }
    return out;
}

}  // namespace

std::string deadlock() {
    std::string out = "block " + text(block.index) + " cannot go on: " + std::to_string(state.at_barrier) + " of " +
                      std::to_string(state.alive) + " running threads wait at __syncthreads";
    if (block.cluster > 1 || state.cluster_arrived > 0) {
        out += "; " + std::to_string(state.cluster_arrived) + " of " + std::to_string(state.cluster_alive) +
               " running threads of the cluster have arrived at its barrier";
    }
    for (int w = 0; w < state.warp_count; ++w) {
        Warp const& warp = state.warps[static_cast<std::size_t>(w)];
        if (warp.in_collective != 0) return out + "; " + reason(warp, *warp.lanes[std::countr_zero(warp.in_collective)]);
    }
    return out;
}

}  // namespace ca3::simt
