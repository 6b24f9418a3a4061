#include "kernels/common/launch.cuh"
#include "tests/simt/orders.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <numeric>
#include <vector>

namespace {

using namespace ca3;

/// Runs `body(lane)` on every lane of one block of `threads` in every order and gives its value by lane to `check`.
template <class T>
void on_warp(unsigned threads, std::function<T(unsigned)> const& body, std::function<void(std::vector<T> const&)> const& check) {
    struct Kernel {
        static __global__ void run(std::function<T(unsigned)> const* f, T* out) { out[threadIdx.x] = (*f)(threadIdx.x); }
    };
    for (auto const& options : test::thread_orders()) {
        simt::Scope const scope(options);
        std::vector<T> out(threads);
        launch(Kernel::run, {.block = threads}, &body, out.data());
        check(out);
    }
}

constexpr unsigned full = 0xFFFFFFFFu;

TEST(Warp, ShuffleReadsTheNamedLane) {
    on_warp<std::int64_t>(
        32, [](unsigned lane) { return __shfl_sync(full, std::int64_t{lane} << 40, static_cast<int>(lane * 7 + 64)); },
        [](auto const& out) {
            for (unsigned lane = 0; lane < 32; ++lane) EXPECT_EQ(out[lane], std::int64_t{lane * 7 % 32} << 40);
        });
}

TEST(Warp, ShuffleStaysInItsSegment) {
    on_warp<int>(
        32, [](unsigned lane) { return __shfl_sync(full, static_cast<int>(lane), 3, 8); },
        [](auto const& out) {
            for (int lane = 0; lane < 32; ++lane) EXPECT_EQ(out[static_cast<std::size_t>(lane)], lane / 8 * 8 + 3);
        });
}

TEST(Warp, ShuffleUpAndDownKeepTheirValueAtTheEdge) {
    on_warp<int>(
        32,
        [](unsigned lane) {
            int const value = static_cast<int>(lane);
            return 100 * __shfl_up_sync(full, value, 3, 16) + __shfl_down_sync(full, value, 5, 16);
        },
        [](auto const& out) {
            for (int lane = 0; lane < 32; ++lane) {
                int const up = lane % 16 >= 3 ? lane - 3 : lane;
                int const down = lane % 16 + 5 < 16 ? lane + 5 : lane;
                EXPECT_EQ(out[static_cast<std::size_t>(lane)], 100 * up + down);
            }
        });
}

TEST(Warp, ShuffleXorAddsUpAWarp) {
    on_warp<double>(
        32,
        [](unsigned lane) {
            double sum = lane;
            for (int distance = 16; distance > 0; distance /= 2) sum += __shfl_xor_sync(full, sum, distance);
            return sum;
        },
        [](auto const& out) {
            for (double const sum : out) EXPECT_EQ(sum, 31 * 32 / 2);
        });
}

TEST(Warp, ShuffleXorReadsEarlierSegmentsOnly) {
    on_warp<int>(
        32, [](unsigned lane) { return __shfl_xor_sync(full, static_cast<int>(lane), 12, 8); },
        [](auto const& out) {
            for (int lane = 0; lane < 32; ++lane) {
                int const other = lane ^ 12;
                EXPECT_EQ(out[static_cast<std::size_t>(lane)], other < lane / 8 * 8 + 8 ? other : lane);
            }
        });
}

TEST(Warp, ALaneThatTakesNoPartGivesPoison) {
    on_warp<unsigned>(
        32, [](unsigned lane) { return lane < 16 ? __shfl_sync(0xFFFFu, lane, static_cast<int>(lane) + 8) : 0u; },
        [](auto const& out) {
            for (unsigned lane = 0; lane < 8; ++lane) EXPECT_EQ(out[lane], lane + 8);
            for (unsigned lane = 8; lane < 16; ++lane) EXPECT_EQ(out[lane], 0xCBCBCBCBu);
        });
}

TEST(Warp, HalvesOfAWarpWorkApart) {
    on_warp<unsigned>(
        32,
        [](unsigned lane) {
            unsigned value = lane;
            if (lane < 16) {
                for (int i = 0; i < 3; ++i) value = __shfl_sync(0x0000FFFFu, value, (static_cast<int>(lane) + 1) % 16);
            } else {
                value = __ballot_sync(0xFFFF0000u, lane % 3 == 0);
            }
            __syncwarp();
            return value;
        },
        [](auto const& out) {
            for (unsigned lane = 0; lane < 16; ++lane) EXPECT_EQ(out[lane], (lane + 3) % 16);
            for (unsigned lane = 16; lane < 32; ++lane) EXPECT_EQ(out[lane], 0x49240000u);  // 18, 21, 24, 27, 30
        });
}

TEST(Warp, APartWarpMayUseTheFullMask) {
    on_warp<unsigned>(
        40, [](unsigned) { return __ballot_sync(full, 1); },
        [](auto const& out) {
            EXPECT_EQ(out[0], full);
            EXPECT_EQ(out[39], 0xFFu);
        });
}

TEST(Warp, BallotAnyAndAll) {
    on_warp<unsigned>(
        32,
        [](unsigned lane) {
            unsigned const votes = __ballot_sync(full, static_cast<int>(lane) & 4);
            EXPECT_EQ(__any_sync(full, lane == 9), 1);
            EXPECT_EQ(__any_sync(full, 0), 0);
            EXPECT_EQ(__all_sync(full, 7), 1);
            EXPECT_EQ(__all_sync(full, lane != 9), 0);
            return votes;
        },
        [](auto const& out) {
            for (unsigned const votes : out) EXPECT_EQ(votes, 0xF0F0F0F0u);
        });
}

TEST(Warp, MatchFindsEqualValues) {
    on_warp<unsigned>(
        32,
        [](unsigned lane) {
            int equal = -1;
            EXPECT_EQ(__match_all_sync(full, 3.5, &equal), full);
            EXPECT_EQ(equal, 1);
            EXPECT_EQ(__match_all_sync(full, lane == 31 ? 1 : 0, &equal), 0u);
            EXPECT_EQ(equal, 0);
            return __match_any_sync(full, std::uint64_t{lane % 2} << 50);
        },
        [](auto const& out) {
            for (unsigned lane = 0; lane < 32; ++lane) EXPECT_EQ(out[lane], lane % 2 == 0 ? 0x55555555u : 0xAAAAAAAAu);
        });
}

TEST(Warp, ReduceCombinesTheLanesOfTheMask) {
    on_warp<int>(
        32,
        [](unsigned lane) {
            if (lane == 3) return 0;
            unsigned const mask = ~8u;
            int const signed_value = static_cast<int>(lane) - 10;
            EXPECT_EQ(__reduce_add_sync(mask, signed_value), 31 * 32 / 2 - 320 + 7);
            EXPECT_EQ(__reduce_min_sync(mask, signed_value), -10);
            EXPECT_EQ(__reduce_max_sync(mask, signed_value), 21);
            EXPECT_EQ(__reduce_add_sync(mask, lane << 28), (31u * 32 / 2 - 3) << 28);  // modulo 2^32
            EXPECT_EQ(__reduce_min_sync(mask, lane + 4000000000u), 4000000000u);
            EXPECT_EQ(__reduce_max_sync(mask, lane + 4000000000u), 4000000031u);
            EXPECT_EQ(__reduce_and_sync(mask, 0xF0u | lane), 0xF0u);
            EXPECT_EQ(__reduce_or_sync(mask, 1u << lane), mask);
            EXPECT_EQ(__reduce_xor_sync(mask, 1u << lane | 0x8u), 0xFFFFFFFFu);  // bit 3 in all 31
            return 1;
        },
        [](auto const& out) { EXPECT_EQ(std::accumulate(out.begin(), out.end(), 0), 31); });
}

TEST(Warp, ActiveMaskNamesTheCaller) {
    on_warp<unsigned>(
        32, [](unsigned) { return __activemask(); },
        [](auto const& out) {
            for (unsigned lane = 0; lane < 32; ++lane) EXPECT_NE(out[lane] & 1u << lane, 0u);
        });
}

}  // namespace
