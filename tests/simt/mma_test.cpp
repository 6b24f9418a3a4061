#include "kernels/common/launch.cuh"
#include "kernels/common/ptx.cuh"
#include "tests/simt/orders.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

/// Matrix products against three loops. The fragments are filled and read element by element by the formulas of the PTX ISA ("Matrix
/// Fragments for mma.m16n8k32" and "... m16n8k256"), written here a second time.
namespace {

using namespace ca3;

struct Element {
    int row;
    int col;
};

/// mma.m16n8k32, 8-bit: a_0 ... a_15, four to a register; b_0 ... b_7; c_0 ... c_3.
Element byte_of_a(int lane, int i) {
    int const row = (i < 4 || (i >= 8 && i < 12)) ? lane >> 2 : (lane >> 2) + 8;
    int const col = (lane % 4) * 4 + (i & 3) + (i >= 8 ? 16 : 0);
    return {row, col};
}
Element byte_of_b(int lane, int i) {
    return {(lane % 4) * 4 + (i & 3) + (i >= 4 ? 16 : 0), lane >> 2};
}
/// mma.m16n8k256, 1-bit: a_0 ... a_127, 32 to a register; b_0 ... b_63.
Element bit_of_a(int lane, int i) {
    int const row = (i < 32 || (i >= 64 && i < 96)) ? lane >> 2 : (lane >> 2) + 8;
    int const col = (lane % 4) * 32 + (i & 0x1F) + (i >= 64 ? 128 : 0);
    return {row, col};
}
Element bit_of_b(int lane, int i) {
    return {(lane % 4) * 32 + (i & 0x1F) + (i >= 32 ? 128 : 0), lane >> 2};
}
Element accumulator(int lane, int i) {
    return {i < 2 ? lane >> 2 : (lane >> 2) + 8, (lane % 4) * 2 + (i & 1)};
}

struct Fragment {
    unsigned a[4];
    unsigned b[2];
    int d[4];
};

using Mma = void (*)(int (&)[4], unsigned const (&)[4], unsigned const (&)[2]);

__global__ void multiply(Mma mma, Fragment* warp, int repeats) {
    Fragment& f = warp[threadIdx.x];
    for (int i = 0; i < repeats; ++i) mma(f.d, f.a, f.b);
}

using Matrix = std::vector<std::vector<int>>;

Matrix random_matrix(std::mt19937& rng, int rows, int cols, int low, int high) {
    Matrix out(static_cast<std::size_t>(rows), std::vector<int>(static_cast<std::size_t>(cols)));
    for (auto& row : out)
        for (int& x : row) x = std::uniform_int_distribution(low, high)(rng);
    return out;
}

int& at(Matrix& m, Element e) {
    return m[static_cast<std::size_t>(e.row)][static_cast<std::size_t>(e.col)];
}

/// D + repeats A B on the executor against the definition. Elements of `bits` bits.
void compare(Mma mma, int depth, int bits, Element (*of_a)(int, int), Element (*of_b)(int, int), Matrix a, Matrix b, Matrix d,
             int repeats) {
    int const per_register = 32 / bits;
    unsigned const mask = bits == 1 ? 1u : 0xFFu;
    std::vector<Fragment> warp(32);
    for (int lane = 0; lane < 32; ++lane) {
        Fragment& f = warp[static_cast<std::size_t>(lane)];
        f = {};
        for (int i = 0; i < 4 * per_register; ++i) {
            f.a[i / per_register] |= (static_cast<unsigned>(at(a, of_a(lane, i))) & mask) << (bits * (i % per_register));
        }
        for (int i = 0; i < 2 * per_register; ++i) {
            f.b[i / per_register] |= (static_cast<unsigned>(at(b, of_b(lane, i))) & mask) << (bits * (i % per_register));
        }
        for (int i = 0; i < 4; ++i) f.d[i] = at(d, accumulator(lane, i));
    }
    launch(multiply, {.block = 32}, mma, warp.data(), repeats);
    for (int lane = 0; lane < 32; ++lane) {
        for (int i = 0; i < 4; ++i) {
            Element const e = accumulator(lane, i);
            int expected = at(d, e);
            for (int k = 0; k < depth; ++k) expected += repeats * at(a, {e.row, k}) * at(b, {k, e.col});
            ASSERT_EQ(warp[static_cast<std::size_t>(lane)].d[i], expected) << "D(" << e.row << ", " << e.col << ")";
        }
    }
}

void compare_bytes(Mma mma, int low_a, int high_a, int low_b, int high_b) {
    std::mt19937 rng(5);
    for (auto const& options : test::thread_orders()) {
        simt::Scope const scope(options);
        for (int repeats = 1; repeats <= 3; ++repeats) {
            compare(mma, 32, 8, byte_of_a, byte_of_b, random_matrix(rng, 16, 32, low_a, high_a), random_matrix(rng, 32, 8, low_b, high_b),
                    random_matrix(rng, 16, 8, -1000000, 1000000), repeats);
        }
    }
    compare(mma, 32, 8, byte_of_a, byte_of_b, random_matrix(rng, 16, 32, low_a, low_a), random_matrix(rng, 32, 8, low_b, low_b),
            random_matrix(rng, 16, 8, 0, 0), 1);
    compare(mma, 32, 8, byte_of_a, byte_of_b, random_matrix(rng, 16, 32, high_a, high_a), random_matrix(rng, 32, 8, high_b, high_b),
            random_matrix(rng, 16, 8, 0, 0), 1);
}

TEST(Mma, SignedBytesEqualThreeLoops) {
    compare_bytes(ptx::mma_m16n8k32_s8, -128, 127, -128, 127);
}
TEST(Mma, UnsignedTimesSignedBytesEqualThreeLoops) {
    compare_bytes(ptx::mma_m16n8k32_u8s8, 0, 255, -128, 127);
}
TEST(Mma, SignedTimesUnsignedBytesEqualThreeLoops) {
    compare_bytes(ptx::mma_m16n8k32_s8u8, -128, 127, 0, 255);
}

TEST(Mma, CommonBitsEqualThreeLoops) {
    std::mt19937 rng(6);
    for (auto const& options : test::thread_orders()) {
        simt::Scope const scope(options);
        compare(ptx::mma_m16n8k256_b1_and, 256, 1, bit_of_a, bit_of_b, random_matrix(rng, 16, 256, 0, 1), random_matrix(rng, 256, 8, 0, 1),
                random_matrix(rng, 16, 8, -9, 9), 2);
    }
    compare(ptx::mma_m16n8k256_b1_and, 256, 1, bit_of_a, bit_of_b, random_matrix(rng, 16, 256, 1, 1), random_matrix(rng, 256, 8, 1, 1),
            random_matrix(rng, 16, 8, 0, 0), 1);
}

TEST(Mma, EveryPositionOfTheFragmentsIsDistinct) {
    // One byte of A and one of B at a time: D holds a single 1 where their rows and columns meet, for each depth k.
    for (int k = 0; k < 32; ++k) {
        Matrix a(16, std::vector<int>(32));
        Matrix b(32, std::vector<int>(8));
        at(a, {k % 16, k}) = 1;
        at(b, {k, k % 8}) = 1;
        compare(ptx::mma_m16n8k32_s8, 32, 8, byte_of_a, byte_of_b, a, b, Matrix(16, std::vector<int>(8)), 1);
    }
}

TEST(Mma, TheAccumulatorWraps) {
    std::vector<Fragment> warp(32, Fragment{{1, 1, 1, 1}, {1, 1}, {0x7FFFFFFF, 0x7FFFFFFF, 0x7FFFFFFF, 0x7FFFFFFF}});
    launch(multiply, {.block = 32}, ptx::mma_m16n8k32_s8, warp.data(), 1);
    // Bytes 0 of all registers are 1: k = 0, 4, 8, ..., 28 contribute.
    for (Fragment const& f : warp) EXPECT_EQ(f.d[0], static_cast<int>(0x7FFFFFFFu + 8u));
}

// ---- floats ----------------------------------------------------------------------------------------------------------

/// mma.m16n8k8, tf32: a_0 ... a_3, b_0, b_1.
Element tf32_of_a(int lane, int i) {
    return {i == 0 || i == 2 ? lane >> 2 : (lane >> 2) + 8, i < 2 ? lane % 4 : lane % 4 + 4};
}
Element tf32_of_b(int lane, int i) {
    return {i == 0 ? lane % 4 : lane % 4 + 4, lane >> 2};
}
/// mma.m16n8k16, bf16: a_0 ... a_7, two to a register; b_0 ... b_3.
Element bf16_of_a(int lane, int i) {
    return {(i < 2 || (i >= 4 && i < 6)) ? lane >> 2 : (lane >> 2) + 8, lane % 4 * 2 + (i & 1) + (i >= 4 ? 8 : 0)};
}
Element bf16_of_b(int lane, int i) {
    return {lane % 4 * 2 + (i & 1) + (i >= 2 ? 8 : 0), lane >> 2};
}

struct RealFragment {
    unsigned a[4];
    unsigned b[2];
    float d[4];
};
using RealMma = void (*)(float (&)[4], unsigned const (&)[4], unsigned const (&)[2]);

__global__ void multiply_reals(RealMma mma, RealFragment* warp) {
    RealFragment& f = warp[threadIdx.x];
    mma(f.d, f.a, f.b);
}

/// Small integers over 16: every sum is exact in f32, whatever its order. `bits` 32 (tf32) or 16 (bf16).
void compare_reals(RealMma mma, int depth, int bits, Element (*of_a)(int, int), Element (*of_b)(int, int)) {
    std::mt19937 rng(7);
    int const per_register = 32 / bits;
    auto const word = [bits](int x) {
        unsigned const whole = std::bit_cast<unsigned>(static_cast<float>(x) / 16.0f);
        return bits == 32 ? whole : whole >> 16;
    };
    for (auto const& options : test::thread_orders()) {
        simt::Scope const scope(options);
        Matrix a = random_matrix(rng, 16, depth, -127, 127), b = random_matrix(rng, depth, 8, -127, 127),
               d = random_matrix(rng, 16, 8, -1000, 1000);
        std::vector<RealFragment> warp(32);
        for (int lane = 0; lane < 32; ++lane) {
            RealFragment& f = warp[static_cast<std::size_t>(lane)];
            for (int i = 0; i < 4 * per_register; ++i) f.a[i / per_register] |= word(at(a, of_a(lane, i))) << (bits * (i % per_register));
            for (int i = 0; i < 2 * per_register; ++i) f.b[i / per_register] |= word(at(b, of_b(lane, i))) << (bits * (i % per_register));
            for (int i = 0; i < 4; ++i) f.d[i] = static_cast<float>(at(d, accumulator(lane, i)));
        }
        launch(multiply_reals, {.block = 32}, mma, warp.data());
        for (int lane = 0; lane < 32; ++lane)
            for (int i = 0; i < 4; ++i) {
                Element const e = accumulator(lane, i);
                int sum = 0;
                for (int k = 0; k < depth; ++k) sum += at(a, {e.row, k}) * at(b, {k, e.col});
                ASSERT_EQ(warp[static_cast<std::size_t>(lane)].d[i], static_cast<float>(at(d, e)) + static_cast<float>(sum) / 256.0f)
                    << "D(" << e.row << ", " << e.col << ")";
            }
    }
}

TEST(Mma, Tf32EqualsThreeLoops) {
    compare_reals(ptx::mma_m16n8k8_tf32, 8, 32, tf32_of_a, tf32_of_b);
}
TEST(Mma, Bf16EqualsThreeLoops) {
    compare_reals(ptx::mma_m16n8k16_bf16, 16, 16, bf16_of_a, bf16_of_b);
}

TEST(Mma, Tf32ReadsTheUpper19Bits) {
    std::vector<RealFragment> warp(32);
    for (auto& f : warp)
        for (auto* const words : {f.a, f.b})
            for (int i = 0; i < (words == f.a ? 4 : 2); ++i) words[i] = 0x3F801FFFu;  // 1 and what is not read
    launch(multiply_reals, {.block = 32}, ptx::mma_m16n8k8_tf32, warp.data());
    for (RealFragment const& f : warp) EXPECT_EQ(f.d[0], 8.0f);
}

TEST(Rounding, Tf32TiesGoAwayFromZero) {
    auto const rounded = [](float x) { return std::bit_cast<float>(ptx::tf32_of(x)); };
    EXPECT_EQ(rounded(1.0f), 1.0f);
    EXPECT_EQ(rounded(1.0f + 0x1p-11f), 1.0f + 0x1p-10f);
    EXPECT_EQ(rounded(-1.0f - 0x1p-11f), -1.0f - 0x1p-10f);
    EXPECT_EQ(rounded(1.0f + 0x1.FFEp-12f), 1.0f);
    EXPECT_EQ(rounded(2.0f - 0x1p-23f), 2.0f);
    EXPECT_EQ(rounded(std::numeric_limits<float>::infinity()), std::numeric_limits<float>::infinity());
    EXPECT_TRUE(std::isnan(rounded(std::numeric_limits<float>::quiet_NaN())));
}
TEST(Rounding, Bf16TiesGoToEven) {
    auto const rounded = [](float x) { return std::bit_cast<float>(ptx::bf16x2_of(x, 0.0f) << 16); };
    EXPECT_EQ(rounded(1.0f + 0x1p-8f), 1.0f);
    EXPECT_EQ(rounded(1.0f + 0x1.8p-7f), 1.0f + 0x1p-6f);
    EXPECT_EQ(rounded(1.0f + 0x1.02p-8f), 1.0f + 0x1p-7f);
    EXPECT_EQ(rounded(std::numeric_limits<float>::max()), std::numeric_limits<float>::infinity());
    EXPECT_TRUE(std::isnan(rounded(std::numeric_limits<float>::quiet_NaN())));
    EXPECT_EQ(ptx::bf16x2_of(1.0f, -2.0f), 0xC0003F80u);
}

TEST(Mma, APartWarpIsAFault) {
    std::vector<Fragment> warp(32);
    EXPECT_THROW(launch(multiply, {.block = 31}, ptx::mma_m16n8k32_s8, warp.data(), 1), simt::KernelFault);
}

__global__ void load_matrices(unsigned* out, int offset) {
    auto* const bytes = dynamic_shared<unsigned char>();
    for (unsigned i = threadIdx.x; i < 4 * 8 * 16; i += 32) bytes[i] = static_cast<unsigned char>(i / 16 * 16 + i % 16);
    __syncwarp();
    unsigned r[4];
    unsigned const row = 31 - threadIdx.x;  // any row may be any address
    ptx::ldmatrix_x4(r, bytes + 16 * row + offset);
    for (int m = 0; m < 4; ++m) out[4 * threadIdx.x + static_cast<unsigned>(m)] = r[m];
}

TEST(Ldmatrix, LaneReceivesItsFourBytesOfEachMatrix) {
    for (auto const& options : test::thread_orders()) {
        simt::Scope const scope(options);
        std::vector<unsigned> out(128);
        launch(load_matrices, {.block = 32, .shared_bytes = 512}, out.data(), 0);
        for (unsigned lane = 0; lane < 32; ++lane) {
            for (unsigned m = 0; m < 4; ++m) {
                unsigned const address_of_lane = 8 * m + lane / 4;
                unsigned const first = 16 * (31 - address_of_lane) + 4 * (lane % 4);
                unsigned expected = 0;
                for (unsigned i = 0; i < 4; ++i) expected |= ((first + i) & 0xFFu) << (8 * i);
                EXPECT_EQ(out[4 * lane + m], expected);
            }
        }
    }
}

__global__ void load_transposed_matrices(unsigned* out) {
    auto* const halves = dynamic_shared<std::uint16_t>();
    for (unsigned i = threadIdx.x; i < 4 * 8 * 8; i += 32)
        halves[i] = static_cast<std::uint16_t>(100 * (i / 64) + 10 * (i / 8 % 8) + i % 8);
    __syncwarp();
    unsigned r[4];
    ptx::ldmatrix_x4_transposed(r, halves + 8 * threadIdx.x);
    for (int m = 0; m < 4; ++m) out[4 * threadIdx.x + static_cast<unsigned>(m)] = r[m];
}

/// Element (row, column) of matrix m is 100 m + 10 row + column.
TEST(Ldmatrix, TransposedALaneReceivesTwoNeighboursOfAColumn) {
    for (auto const& options : test::thread_orders()) {
        simt::Scope const scope(options);
        std::vector<unsigned> out(128);
        launch(load_transposed_matrices, {.block = 32, .shared_bytes = 512}, out.data());
        EXPECT_EQ(out[0], 10u << 16);                   // lane 0: (0, 0) and (1, 0)
        EXPECT_EQ(out[4 * 1 + 0], 20u | 30u << 16);     // lane 1: (2, 0) and (3, 0)
        EXPECT_EQ(out[4 * 4 + 2], 201u | 211u << 16);   // lane 4: (0, 1) and (1, 1)
        EXPECT_EQ(out[4 * 31 + 3], 367u | 377u << 16);  // lane 31: (6, 7) and (7, 7)
        for (unsigned lane = 0; lane < 32; ++lane)
            for (unsigned m = 0; m < 4; ++m) {
                unsigned const first = 100 * m + 10 * (2 * (lane % 4)) + lane / 4;
                EXPECT_EQ(out[4 * lane + m], first | (first + 10) << 16);
            }
    }
}

TEST(Ldmatrix, ARowOutsideOfSharedMemoryOrOddIsAFault) {
    std::vector<unsigned> out(128);
    EXPECT_THROW(launch(load_matrices, {.block = 32, .shared_bytes = 512}, out.data(), 16), simt::KernelFault);
    EXPECT_THROW(launch(load_matrices, {.block = 32, .shared_bytes = 600}, out.data(), 8), simt::KernelFault);
}

TEST(Dp4a, MixedSigns) {
    EXPECT_EQ(ptx::dp4a_s8(0x80FF0102u, 0x80020304u, 10), 10 + 128 * 128 - 2 + 3 + 8);
    EXPECT_EQ(ptx::dp4a_u8s8(0x80FF0102u, 0x80020304u, 10), 10 - 128 * 128 + 255 * 2 + 3 + 8);
}

__global__ void lanes(unsigned* out) {
    out[threadIdx.x] = ptx::lane_id() | ptx::lane_mask_below() << 5;
}

TEST(Lane, IdAndMask) {
    unsigned out[40];
    launch(lanes, {.block = 40}, out);
    EXPECT_EQ(out[0], 0u);
    EXPECT_EQ(out[31], 31u | 0x7FFFFFFFu << 5);
    EXPECT_EQ(out[34], 2u | 3u << 5);
}

}  // namespace
