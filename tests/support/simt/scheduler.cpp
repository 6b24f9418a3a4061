#include "tests/support/simt/block_state.hpp"
#include "tests/support/simt/shared_memory.hpp"

#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

/// The threads of the running block and its cluster: who runs next, and what they wait for.
namespace ca3::simt {

Thread* current = nullptr;
bool preemptive = false;
BlockState state;

namespace {

constexpr std::int64_t sleep_limit = 4'000'000;  // in a row, without a barrier or the end of a thread; about a second

struct Cancelled {};  // unwinds the stack of a thread that will not go on

Lane& self() {
    return *static_cast<Lane*>(current);
}

#if defined(CA3_SIMT_TSAN)
void join_clock(void* clock) {
    __tsan_acquire(clock);
}
void publish_clock(void* clock) {
    __tsan_release(clock);
}
#else
void join_clock(void*) {}
void publish_clock(void*) {}
#endif

[[maybe_unused]] char start_clock = 0;
[[maybe_unused]] char end_clock = 0;

// ---- scheduling --------------------------------------------------------------------------------------------------------

/// The lane of the warp that runs next; null: none is ready.
Lane* pick(Warp const& warp) {
    unsigned ready = warp.ready;
    if (ready == 0) return nullptr;
    int lane = std::countr_zero(ready);
    if (state.options.order == Order::descending) {
        lane = 31 - std::countl_zero(ready);
    } else if (state.options.order == Order::random) {
        for (auto skip = draw() % static_cast<unsigned>(std::popcount(ready)); skip > 0; --skip) ready &= ready - 1;
        lane = std::countr_zero(ready);
    }
    return warp.lanes[lane];
}

/// Leaves the calling thread for `next`, or for the scheduler where that is null.
void leave_for(Lane* next) {
    Lane& lane = self();
    if (next == &lane) return;
    current = next;
    switch_fiber(lane.fiber, next != nullptr ? next->fiber : state.scheduler);
}

void leave(Warp const& warp) {
    bool const change_warp = preemptive && draw() % 4 == 0;
    leave_for(change_warp || state.error ? nullptr : pick(warp));
    if (state.cancelled) throw Cancelled{};
}

void fail(std::exception_ptr error) {
    if (!state.error) state.error = std::move(error);
}

void release_barrier() {
    state.barrier_result = state.barrier_true;
    state.barrier_true = 0;
    state.at_barrier = 0;
    state.barrier_parity = !state.barrier_parity;
    state.sleeps = 0;
    for (int w = 0; w < state.warp_count; ++w) {
        Warp& warp = state.warps[static_cast<std::size_t>(w)];
        warp.ready |= warp.at_barrier;
        warp.at_barrier = 0;
    }
}

void end_thread(Lane& lane) {
    Warp& warp = state.warps[lane.warp];
    unsigned const bit = 1u << lane.lane;
    warp.alive &= ~bit;
    warp.ready &= ~bit;
    --state.alive;
    --state.cluster_alive;
    if (lane.arrived && lane.cluster_phase == state.cluster_phase) --state.cluster_arrived;
    lane.arrived = false;
    state.sleeps = 0;
    if (state.cancelled || state.error) return;
    for (unsigned waiting = warp.in_collective; waiting != 0; waiting &= waiting - 1) {
        Lane const& other = *warp.lanes[std::countr_zero(waiting)];
        if ((other.mask & bit) == 0) continue;
        try {
            fault("the thread ended, but thread " + text(other.index) + " waits for it in " + to_string(other.operation));
        } catch (...) {
            fail(std::current_exception());
        }
        return;
    }
    if (state.at_barrier > 0 && state.at_barrier == state.alive) release_barrier();
    if (state.cluster_arrived > 0 && state.cluster_arrived == state.cluster_alive) release_cluster_barrier();
}

/// A fiber plays the same thread in block after block.
void fiber_main() {
    fiber_entered();
    Lane& lane = self();
    for (;;) {
        join_clock(&start_clock);
        try {
            if (!state.cancelled) {
                lane.waited = false;
                state.body(state.context);
                finish_copies();
                if (state.launch->overlap && !lane.waited) fault("the thread ended without having waited for the launches before");
            }
        } catch (Cancelled const&) {
        } catch (...) {
            fail(std::current_exception());
        }
        drop_copies();
        end_thread(lane);
        publish_clock(&end_clock);
        Warp& warp = state.warps[lane.warp];
        leave_for(state.error ? nullptr : pick(warp));
    }
}

void resume(Lane& lane) {
    current = &lane;
    switch_fiber(state.scheduler, lane.fiber);
    current = nullptr;
}

void cancel_rest() {
    state.cancelled = true;
    for (int t = 0; t < state.threads; ++t) {
        Lane& lane = *state.lanes[static_cast<std::size_t>(t)];
        lane.arrived = false;
        if ((state.warps[lane.warp].alive >> lane.lane & 1u) != 0) {
            state.warps[lane.warp].ready = 0;  // each returns here, not to a neighbour
            resume(lane);
        }
    }
    state.cancelled = false;
}

/// Runs threads of the running block until none is ready, or until it is another block's turn. @returns whether any ran
bool run_ready() {
    std::array<int, max_warps> order{};
    auto const last = order.begin() + state.warp_count;
    std::iota(order.begin(), last, 0);
    if (state.options.order == Order::descending) std::reverse(order.begin(), last);
    bool any = false;
    while (state.alive > 0 && !state.error) {
        if (preemptive) {
            for (int i = state.warp_count - 1; i > 0; --i) {
                std::swap(order[static_cast<std::size_t>(i)], order[draw() % static_cast<unsigned>(i + 1)]);
            }
        }
        bool progress = false;
        for (auto w = order.begin(); w != last && !state.error; ++w) {
            Warp& warp = state.warps[static_cast<std::size_t>(*w)];
            if (warp.ready == 0) std::swap(warp.ready, warp.asleep);
            if (Lane* const lane = pick(warp)) {
                progress = true;
                resume(*lane);
            }
        }
        if (!progress) break;
        any = true;
        if (block.cluster > 1 && (state.sleeps > 0 || (preemptive && draw() % 4 == 0))) break;
    }
    return any;
}

void schedule() {
    while (state.cluster_alive > 0 && !state.error) {
        unsigned const first = preemptive && block.cluster > 1 ? static_cast<unsigned>(draw() % block.cluster) : 0;
        bool const down = state.options.order == Order::descending;
        bool progress = false;
        for (unsigned i = 0; i < block.cluster && !state.error; ++i) {
            unsigned const rank = (first + i) % block.cluster;
            turn_to(down ? block.cluster - 1 - rank : rank);
            if (state.alive == 0) continue;
            if (block.cluster > 1) poison_for_cluster(false);
            progress = run_ready() || progress;
            if (block.cluster > 1 && state.alive == 0) poison_for_cluster(true);
        }
        if (!progress && state.cluster_alive > 0 && !state.error) {
            for (unsigned rank = 0; state.alive == 0 && rank < block.cluster; ++rank) turn_to(rank);
            fail(std::make_exception_ptr(KernelFault(deadlock(), state.launch->where)));
        }
    }
}

void prepare_block(Launch const& launch) {
    state.threads = static_cast<int>(launch.block.x * launch.block.y * launch.block.z);
    for (int t = 0; t < state.threads; ++t)
        state.lanes[static_cast<std::size_t>(t)] = state.pools[block.rank][static_cast<std::size_t>(t)].get();
    state.warp_count = (state.threads + 31) / 32;
    state.alive = state.threads;
    state.at_barrier = 0;
    state.barrier_true = 0;
    state.sleeps = 0;
    for (int w = 0; w < state.warp_count; ++w) {
        int const rest = state.threads - 32 * w;
        unsigned const existing = rest >= 32 ? 0xFFFFFFFFu : (1u << rest) - 1u;
        state.warps[static_cast<std::size_t>(w)] = {.lanes = state.lanes.data() + 32 * w,
                                                    .existing = existing,
                                                    .alive = existing,
                                                    .ready = existing,
                                                    .asleep = 0,
                                                    .in_collective = 0,
                                                    .at_barrier = 0,
                                                    .at_cluster_barrier = 0};
    }
}

}  // namespace

std::uint64_t draw() {  // splitmix64
    std::uint64_t x = state.random += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

void prepare_threads(Launch const& launch) {
    auto const threads = launch.block.x * launch.block.y * launch.block.z;
    for (unsigned rank = 0; rank < block.cluster; ++rank) {
        auto& pool = state.pools[rank];
        for (unsigned t = static_cast<unsigned>(pool.size()); t < threads; ++t) {
            auto lane = std::make_unique<Lane>();
            lane->lane = t % 32;
            lane->warp = t / 32;
            create(lane->fiber, fiber_main, static_cast<int>(t));
            pool.push_back(std::move(lane));
        }
        for (unsigned t = 0; t < threads; ++t)
            pool[t]->index = {t % launch.block.x, t / launch.block.x % launch.block.y, t / launch.block.x / launch.block.y};
    }
}

void run_cluster(std::uint64_t number) {
    Launch const& launch = *state.launch;
    unsigned const per_row = launch.grid.x / block.cluster;
    std::uint64_t const row = number / per_row;
    state.first_index = static_cast<unsigned>(number % per_row) * block.cluster;
    block.index = {state.first_index + block.rank, static_cast<unsigned>(row % launch.grid.y), static_cast<unsigned>(row / launch.grid.y)};
    for (unsigned rank = 0; rank < block.cluster; ++rank) {
        turn_to(rank);
        prepare_block(launch);
        poison_shared_memory();
    }
    state.cluster_alive = state.threads * launch.cluster;
    state.cluster_arrived = 0;
    publish_clock(&start_clock);
    schedule();
    for (unsigned rank = 0; state.error && rank < block.cluster; ++rank) {
        turn_to(rank);
        cancel_rest();
    }
    join_clock(&end_clock);
    for (unsigned rank = 0; !state.error && rank < block.cluster; ++rank) {
        turn_to(rank);
        if (!shared_memory_overrun()) continue;
        fail(std::make_exception_ptr(KernelFault("block " + text(block.index) + " wrote past the end of its " +
                                                     std::to_string(launch.shared_bytes) + " bytes of dynamic shared memory",
                                                 launch.where)));
    }
    if (state.error) std::rethrow_exception(std::exchange(state.error, nullptr));
}

void yield() {
    if (current == nullptr) return;
    leave_for(nullptr);  // stays ready
    if (state.cancelled) throw Cancelled{};
}

void sleep() {
    if (current == nullptr) return;
    if (++state.sleeps > sleep_limit) fault("waits in __nanosleep for what does not come");
    Warp& warp = state.warps[current->warp];
    unsigned const bit = 1u << current->lane;
    warp.ready &= ~bit;
    warp.asleep |= bit;
    leave(warp);
}

unsigned barrier(Barrier kind, bool predicate) {
    Lane& lane = self();
    Warp& warp = state.warps[lane.warp];
    if (state.at_barrier > 0 && state.barrier_kind != kind) fault("other threads of the block wait at another kind of __syncthreads");
    state.barrier_kind = kind;
    state.barrier_true += predicate;
    ++state.at_barrier;
    unsigned const bit = 1u << lane.lane;
    warp.ready &= ~bit;
    warp.at_barrier |= bit;
    char* const clock = &state.barrier_clocks[block.rank][state.barrier_parity];
    publish_clock(clock);
    if (state.at_barrier == state.alive) {
        release_barrier();
        leave_for(nullptr);  // the order of the next interval is chosen anew
        if (state.cancelled) throw Cancelled{};
    } else {
        leave(warp);
    }
    join_clock(clock);
    return state.barrier_result;
}

void cluster_arrive() {
    Lane& lane = self();
    if (lane.arrived) fault("barrier.cluster.arrive: the thread has not waited since it arrived before");
    lane.arrived = true;
    lane.cluster_phase = state.cluster_phase;
    publish_clock(&state.cluster_clocks[lane.cluster_phase % 2]);
    if (++state.cluster_arrived == state.cluster_alive) release_cluster_barrier();
    preempt();
}

void cluster_wait() {
    Lane& lane = self();
    if (!lane.arrived) fault("barrier.cluster.wait: the thread has not arrived");
    lane.arrived = false;
    if (lane.cluster_phase == state.cluster_phase) {
        Warp& warp = state.warps[lane.warp];
        unsigned const bit = 1u << lane.lane;
        warp.ready &= ~bit;
        warp.at_cluster_barrier |= bit;
        leave(warp);
    }
    join_clock(&state.cluster_clocks[lane.cluster_phase % 2]);
}

void exchange(Collective operation, unsigned mask, void* argument) {
    Lane& lane = self();
    Warp& warp = state.warps[lane.warp];
    unsigned const bit = 1u << lane.lane;
    if ((mask & bit) == 0)
        fault(std::string(to_string(operation)) + ": the mask does not name the calling lane " + std::to_string(lane.lane));
    bool const aligned = operation >= Collective::ldmatrix_x4;
    if (aligned && warp.alive != 0xFFFFFFFFu) fault(std::string(to_string(operation)) + " needs all 32 lanes of the warp");
    mask &= warp.existing;
    if ((mask & ~warp.alive) != 0) {
        fault(std::string(to_string(operation)) + ": the mask names lane " + std::to_string(std::countr_zero(mask & ~warp.alive)) +
              ", whose thread has ended");
    }
    lane.operation = operation;
    lane.mask = mask;
    lane.argument = argument;
    if (operation == Collective::sync) publish_clock(&lane.clocks[lane.clock_parity]);

    unsigned const waiting = warp.in_collective | bit;
    bool complete_now = (waiting & mask) == mask;
    for (unsigned rest = complete_now ? mask & ~bit : 0; rest != 0; rest &= rest - 1) {
        Lane const& other = *warp.lanes[std::countr_zero(rest)];
        complete_now = complete_now && other.mask == mask && other.operation == operation;
    }
    if (complete_now) {
        complete(operation, warp, mask);
        warp.in_collective &= ~mask;
        warp.ready |= mask;
        if (preemptive) leave(warp);
    } else {
        warp.in_collective = waiting;
        warp.ready &= ~bit;
        leave(warp);
    }
    if (operation == Collective::sync) {
        for (unsigned rest = mask; rest != 0; rest &= rest - 1) {
            unsigned const other = static_cast<unsigned>(std::countr_zero(rest));
            join_clock(&warp.lanes[other]->clocks[lane.lanes_met >> other & 1u]);
        }
    }
}

}  // namespace ca3::simt
