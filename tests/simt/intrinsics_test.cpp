#include "kernels/common/launch.cuh"
#include "tests/simt/orders.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

namespace {

using namespace ca3;

TEST(Intrinsics, Bits) {
    EXPECT_EQ(__popc(0xF0F0u), 8);
    EXPECT_EQ(__popcll(~0ull), 64);
    EXPECT_EQ(__clz(0), 32);
    EXPECT_EQ(__clz(1), 31);
    EXPECT_EQ(__clz(-1), 0);
    EXPECT_EQ(__clzll(1ll << 40), 23);
    EXPECT_EQ(__ffs(0), 0);
    EXPECT_EQ(__ffs(8), 4);
    EXPECT_EQ(__ffsll(1ll << 40), 41);
    EXPECT_EQ(__brev(0x00000003u), 0xC0000000u);
    EXPECT_EQ(__brevll(1ull), 1ull << 63);
    EXPECT_EQ(__byte_perm(0x33221100u, 0x77665544u, 0x7410u), 0x77441100u);
    EXPECT_EQ(__byte_perm(0x80227F00u, 0u, 0xBA98u), 0xFF000000u);  // signs of bytes 3, 2, 1, 0
    EXPECT_EQ(__funnelshift_l(0x80000000u, 1u, 1), 3u);
    EXPECT_EQ(__funnelshift_r(0x80000000u, 1u, 31), 3u);
}

TEST(Intrinsics, Products) {
    EXPECT_EQ(__mulhi(-1, 2), -1);
    EXPECT_EQ(__umulhi(0x80000000u, 6u), 3u);
    EXPECT_EQ(__umul64hi(1ull << 63, 6ull), 3ull);
    EXPECT_EQ(__mul64hi(-1ll, 5ll), -1ll);
    EXPECT_EQ(__dp4a(static_cast<int>(0x80FF0102u), static_cast<int>(0x80020304u), 10), 10 + 128 * 128 - 2 + 3 + 8);
    EXPECT_EQ(__dp4a(0x80FF0102u, 0x80020304u, 10u), 10u + 128 * 128 + 255 * 2 + 3 + 8);
    EXPECT_EQ(__dp4a(1, 1, std::numeric_limits<int>::max()), std::numeric_limits<int>::min());  // wraps
}

TEST(Intrinsics, MinAndMaxOfMixedTypes) {
    EXPECT_EQ(min(3, 5), 3);
    EXPECT_EQ(max(3u, 5u), 5u);
    EXPECT_EQ(min(std::int64_t{1} << 40, std::int64_t{7}), 7);
    EXPECT_EQ(max(1.5, 2.5), 2.5);
}

TEST(Intrinsics, FloatingPointRoundsToEven) {
    EXPECT_EQ(__double2ll_rn(2.5), 2);
    EXPECT_EQ(__double2ll_rn(-3.5), -4);
    EXPECT_EQ(__fma_rn(3.0, 5.0, 1.0), 16.0);
    EXPECT_EQ(__float_as_uint(1.0f), 0x3F800000u);
    EXPECT_EQ(__longlong_as_double(0x3FF0000000000000ll), 1.0);
}

__global__ void count_in_every_way(int* add, unsigned* inc, unsigned long long* wide, int* lowest, unsigned* bits) {
    int const thread = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    atomicAdd(add, thread);
    atomicInc(inc, 9);
    atomicAdd(wide, 1ull << 33);
    atomicMin(lowest, 50 - thread);
    atomicOr(bits, 1u << (thread % 32));
}

TEST(Atomics, NothingIsLostInAnyOrder) {
    for (auto const& options : test::thread_orders()) {
        simt::Scope const scope(options);
        int add = 0, lowest = 1000;
        unsigned inc = 0, bits = 0;
        unsigned long long wide = 0;
        launch(count_in_every_way, {.grid = 3, .block = 77}, &add, &inc, &wide, &lowest, &bits);
        EXPECT_EQ(add, 231 * 230 / 2);
        EXPECT_EQ(inc, 1u);  // 231 modulo 10
        EXPECT_EQ(wide, 231ull << 33);
        EXPECT_EQ(lowest, 50 - 230);
        EXPECT_EQ(bits, 0xFFFFFFFFu);
    }
}

__global__ void claim_slots(unsigned* next, int* owner) {
    unsigned const slot = atomicAdd(next, 1u);
    owner[slot] = static_cast<int>(threadIdx.x);
}

TEST(Atomics, TheOldValueIsReturnedAndOrdersDiffer) {
    std::vector<std::vector<int>> seen;
    for (auto const& options : test::thread_orders()) {
        simt::Scope const scope(options);
        unsigned next = 0;
        std::vector<int> owner(96, -1);
        launch(claim_slots, {.block = 96}, &next, owner.data());
        seen.push_back(owner);
        std::sort(owner.begin(), owner.end());
        for (int i = 0; i < 96; ++i) EXPECT_EQ(owner[static_cast<std::size_t>(i)], i);
    }
    for (std::size_t i = 0; i < seen.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) EXPECT_NE(seen[i], seen[j]);
    }
}

TEST(Atomics, ExchangeCompareMaxAndDecrement) {
    unsigned long long a = 5;
    EXPECT_EQ(atomicCAS(&a, 4ull, 9ull), 5u);
    EXPECT_EQ(a, 5u);
    EXPECT_EQ(atomicCAS(&a, 5ull, 9ull), 5u);
    EXPECT_EQ(a, 9u);
    EXPECT_EQ(atomicExch(&a, 1ull), 9u);
    int b = -3;
    EXPECT_EQ(atomicMax(&b, -5), -3);
    EXPECT_EQ(atomicMax(&b, 4), -3);
    EXPECT_EQ(atomicSub(&b, 1), 4);
    EXPECT_EQ(b, 3);
    unsigned c = 0;
    EXPECT_EQ(atomicDec(&c, 7), 0u);
    EXPECT_EQ(c, 7u);
    EXPECT_EQ(atomicXor(&c, 5u), 7u);
    EXPECT_EQ(atomicAnd(&c, 6u), 2u);
    EXPECT_EQ(c, 2u);
}

}  // namespace
