#include "tests/support/simt/block_state.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

/// The results of warp collectives, from the operands of all lanes that take part.
namespace ca3::simt {

namespace {

template <class F>
void each_lane(unsigned mask, F const& f) {
    for (unsigned rest = mask; rest != 0; rest &= rest - 1) f(static_cast<unsigned>(std::countr_zero(rest)));
}

template <class T>
T& argument(Warp& warp, unsigned lane) {
    return *static_cast<T*>(warp.lanes[lane]->argument);
}

/// The lane that `lane` reads from. Lanes form segments of `width`, which must be a power of two up to 32.
unsigned source(Collective operation, unsigned lane, ShuffleArgument const& argument) {
    unsigned const width = static_cast<unsigned>(argument.width);
    unsigned const first = lane & ~(width - 1);
    unsigned const distance = static_cast<unsigned>(argument.lane);
    switch (operation) {
        case Collective::shuffle:
            return first + (distance & (width - 1));
        case Collective::shuffle_up:
            return lane - first >= distance ? lane - distance : lane;
        case Collective::shuffle_down:
            return distance < width - (lane - first) ? lane + distance : lane;
        default: {  // xor: a lane may read from an earlier segment, not from a later one
            unsigned const other = lane ^ distance;
            return other < first + width ? other : lane;
        }
    }
}

void shuffle(Collective operation, Warp& warp, unsigned mask) {
    std::uint64_t values[32];
    std::memset(values, poison, sizeof(values));  // what a lane outside of the mask gives
    each_lane(mask, [&](unsigned lane) { values[lane] = argument<ShuffleArgument>(warp, lane).value; });
    each_lane(mask, [&](unsigned lane) {
        auto& own = argument<ShuffleArgument>(warp, lane);
        own.value = values[source(operation, lane, own) & 31u];
    });
}

unsigned ballot(Warp& warp, unsigned mask) {
    unsigned votes = 0;
    each_lane(mask, [&](unsigned lane) { votes |= static_cast<unsigned>(argument<WordArgument>(warp, lane).value != 0) << lane; });
    return votes;
}

unsigned equal_lanes(Warp& warp, unsigned mask, std::uint64_t value) {
    unsigned out = 0;
    each_lane(mask, [&](unsigned lane) { out |= static_cast<unsigned>(argument<WordArgument>(warp, lane).value == value) << lane; });
    return out;
}

unsigned reduce(Collective operation, Warp& warp, unsigned mask) {
    auto const value = [&](unsigned lane) { return static_cast<unsigned>(argument<WordArgument>(warp, lane).value); };
    unsigned out = value(static_cast<unsigned>(std::countr_zero(mask)));
    each_lane(mask & (mask - 1), [&](unsigned lane) {
        unsigned const next = value(lane);
        switch (operation) {
            case Collective::reduce_add:
                out += next;
                break;
            case Collective::reduce_min:
                out = static_cast<unsigned>(std::min(static_cast<int>(out), static_cast<int>(next)));
                break;
            case Collective::reduce_max:
                out = static_cast<unsigned>(std::max(static_cast<int>(out), static_cast<int>(next)));
                break;
            case Collective::reduce_min_unsigned:
                out = std::min(out, next);
                break;
            case Collective::reduce_max_unsigned:
                out = std::max(out, next);
                break;
            case Collective::reduce_and:
                out &= next;
                break;
            case Collective::reduce_or:
                out |= next;
                break;
            default:
                out ^= next;
                break;
        }
    });
    return out;
}

void give_all(Warp& warp, unsigned mask, unsigned result) {
    each_lane(mask, [&](unsigned lane) { argument<WordArgument>(warp, lane).result = result; });
}

void synchronise(Warp& warp, unsigned mask) {
    unsigned parities = 0;
    each_lane(mask, [&](unsigned lane) { parities |= static_cast<unsigned>(warp.lanes[lane]->clock_parity) << lane; });
    each_lane(mask, [&](unsigned lane) {
        warp.lanes[lane]->lanes_met = parities;
        warp.lanes[lane]->clock_parity = !warp.lanes[lane]->clock_parity;
    });
}

/// Lane l receives of matrix m the bytes 4 (l % 4) ... + 3 of row l / 4, which lane 8 m + l / 4 has read.
void load_matrices(Warp& warp) {
    for (unsigned lane = 0; lane < 32; ++lane) {
        auto& own = argument<LdmatrixArgument>(warp, lane);
        for (unsigned m = 0; m < 4; ++m) {
            own.result[m] = argument<LdmatrixArgument>(warp, 8 * m + lane / 4).row[lane % 4];
        }
    }
}

/// Lane l receives of matrix m half l / 4 of rows 2 (l % 4) and 2 (l % 4) + 1, the first in the lower half.
void load_transposed(Warp& warp) {
    for (unsigned lane = 0; lane < 32; ++lane) {
        auto& own = argument<LdmatrixArgument>(warp, lane);
        for (unsigned m = 0; m < 4; ++m) {
            auto const half = [&](unsigned row) {
                return argument<LdmatrixArgument>(warp, 8 * m + row).row[lane / 8] >> (16 * (lane / 4 % 2)) & 0xFFFFu;
            };
            own.result[m] = half(2 * (lane % 4)) | half(2 * (lane % 4) + 1) << 16;
        }
    }
}

/// The operands of a product gathered from the fragments: 32-bit words along k, 8 of them per row of A and per column of B.
/// Register r of lane (g, t) holds of A the word t + 4 (r / 2) of row g + 8 (r % 2), of B the word t + 4 r of column g.
struct Operands {
    unsigned a[16][8];
    unsigned b[8][8];
};

template <class Argument>
Operands gather(Warp& warp) {
    Operands out;
    for (unsigned lane = 0; lane < 32; ++lane) {
        auto const& fragment = argument<Argument>(warp, lane);
        unsigned const g = lane / 4;
        unsigned const t = lane % 4;
        for (unsigned r = 0; r < 4; ++r) out.a[g + 8 * (r % 2)][t + 4 * (r / 2)] = fragment.a[r];
        for (unsigned r = 0; r < 2; ++r) out.b[g][t + 4 * r] = fragment.b[r];
    }
    return out;
}

/// Adds product(row, column) to the accumulators: register r of lane (g, t) is D(g + 8 (r / 2), 2 t + r % 2).
template <class Product>
void accumulate(Warp& warp, Product const& product) {
    for (unsigned lane = 0; lane < 32; ++lane) {
        int* const d = argument<MmaArgument>(warp, lane).d;
        for (unsigned r = 0; r < 4; ++r) {
            unsigned const sum = product(lane / 4 + 8 * (r / 2), 2 * (lane % 4) + r % 2);
            d[r] = static_cast<int>(static_cast<unsigned>(d[r]) + sum);
        }
    }
}

/// The bytes of a row of words, widened to what compilers multiply and add in one instruction.
template <class Byte>
void widen(unsigned const (&words)[8], std::int16_t (&out)[32]) {
    for (unsigned k = 0; k < 32; ++k) out[k] = static_cast<Byte>(words[k / 4] >> (8 * (k % 4)));
}

template <class A, class B>
void multiply_bytes(Warp& warp) {
    Operands const operands = gather<MmaArgument>(warp);
    std::int16_t a[16][32];
    std::int16_t b[8][32];
    for (int row = 0; row < 16; ++row) widen<A>(operands.a[row], a[row]);
    for (int column = 0; column < 8; ++column) widen<B>(operands.b[column], b[column]);
    accumulate(warp, [&](unsigned row, unsigned column) {
        int sum = 0;
        for (int k = 0; k < 32; ++k) sum += a[row][k] * b[column][k];
        return static_cast<unsigned>(sum);
    });
}

/// The ones in 8 words. Counts per nibble are added in pairs (at most 8), then per byte (at most 64): std::popcount of one word after the
/// other is a library call for each without -mpopcnt.
unsigned count_ones(unsigned const (&words)[8]) {
    unsigned bytes = 0;
    for (int k = 0; k < 8; k += 2) {
        unsigned nibbles = 0;
        for (int i = k; i < k + 2; ++i) {
            unsigned const pairs = words[i] - (words[i] >> 1 & 0x55555555u);
            nibbles += (pairs & 0x33333333u) + (pairs >> 2 & 0x33333333u);
        }
        bytes += (nibbles & 0x0F0F0F0Fu) + (nibbles >> 4 & 0x0F0F0F0Fu);
    }
    unsigned const halves = (bytes & 0x00FF00FFu) + (bytes >> 8 & 0x00FF00FFu);
    return (halves & 0xFFFFu) + (halves >> 16);
}

void multiply_bits(Warp& warp) {
    Operands const operands = gather<MmaArgument>(warp);
    accumulate(warp, [&](unsigned row, unsigned column) {
        unsigned both[8];
        for (int k = 0; k < 8; ++k) both[k] = operands.a[row][k] & operands.b[column][k];
        return count_ones(both);
    });
}

/// Words that hold floats: one tf32 (of which the hardware reads the upper 19 bits), or two bf16, the lower half first. Products are exact
/// in f64; the sum is rounded once.
template <int values>
void multiply_floats(Warp& warp) {
    Operands const operands = gather<RealMmaArgument>(warp);
    auto const widened = [](unsigned const(&words)[8], double(&out)[8 * values]) {
        for (int k = 0; k < 8 * values; ++k) {
            unsigned const word = words[k / values];
            out[k] = static_cast<double>(std::bit_cast<float>(values == 1  ? word & ~0x1FFFu
                                                              : k % 2 == 0 ? word << 16
                                                                           : word & 0xFFFF0000u));
        }
    };
    double a[16][8 * values];
    double b[8][8 * values];
    for (int row = 0; row < 16; ++row) widened(operands.a[row], a[row]);
    for (int column = 0; column < 8; ++column) widened(operands.b[column], b[column]);
    for (unsigned lane = 0; lane < 32; ++lane) {
        float* const d = argument<RealMmaArgument>(warp, lane).d;
        for (unsigned r = 0; r < 4; ++r) {
            auto sum = static_cast<double>(d[r]);
            for (int k = 0; k < 8 * values; ++k) sum += a[lane / 4 + 8 * (r / 2)][k] * b[2 * (lane % 4) + r % 2][k];
            d[r] = static_cast<float>(sum);
        }
    }
}

}  // namespace

void complete(Collective operation, Warp& warp, unsigned mask) {
    switch (operation) {
        case Collective::sync:
            return synchronise(warp, mask);
        case Collective::shuffle:
        case Collective::shuffle_up:
        case Collective::shuffle_down:
        case Collective::shuffle_xor:
            return shuffle(operation, warp, mask);
        case Collective::ballot:
        case Collective::all:
        case Collective::any:
            return give_all(warp, mask, ballot(warp, mask));
        case Collective::match_any:
            return each_lane(mask, [&](unsigned lane) {
                auto& own = argument<WordArgument>(warp, lane);
                own.result = equal_lanes(warp, mask, own.value);
            });
        case Collective::match_all: {
            unsigned const equal =
                equal_lanes(warp, mask, argument<WordArgument>(warp, static_cast<unsigned>(std::countr_zero(mask))).value);
            return give_all(warp, mask, equal == mask ? mask : 0);
        }
        case Collective::ldmatrix_x4:
            return load_matrices(warp);
        case Collective::ldmatrix_x4_transposed:
            return load_transposed(warp);
        case Collective::mma_m16n8k32_s8:
            return multiply_bytes<std::int8_t, std::int8_t>(warp);
        case Collective::mma_m16n8k32_u8s8:
            return multiply_bytes<std::uint8_t, std::int8_t>(warp);
        case Collective::mma_m16n8k32_s8u8:
            return multiply_bytes<std::int8_t, std::uint8_t>(warp);
        case Collective::mma_m16n8k256_b1_and:
            return multiply_bits(warp);
        case Collective::mma_m16n8k8_tf32:
            return multiply_floats<1>(warp);
        case Collective::mma_m16n8k16_bf16:
            return multiply_floats<2>(warp);
        default:
            return give_all(warp, mask, reduce(operation, warp, mask));
    }
}

char const* to_string(Collective operation) noexcept {
    switch (operation) {
        case Collective::sync:
            return "__syncwarp";
        case Collective::shuffle:
            return "__shfl_sync";
        case Collective::shuffle_up:
            return "__shfl_up_sync";
        case Collective::shuffle_down:
            return "__shfl_down_sync";
        case Collective::shuffle_xor:
            return "__shfl_xor_sync";
        case Collective::ballot:
            return "__ballot_sync";
        case Collective::all:
            return "__all_sync";
        case Collective::any:
            return "__any_sync";
        case Collective::match_any:
            return "__match_any_sync";
        case Collective::match_all:
            return "__match_all_sync";
        case Collective::reduce_add:
            return "__reduce_add_sync";
        case Collective::reduce_min:
        case Collective::reduce_min_unsigned:
            return "__reduce_min_sync";
        case Collective::reduce_max:
        case Collective::reduce_max_unsigned:
            return "__reduce_max_sync";
        case Collective::reduce_and:
            return "__reduce_and_sync";
        case Collective::reduce_or:
            return "__reduce_or_sync";
        case Collective::reduce_xor:
            return "__reduce_xor_sync";
        case Collective::ldmatrix_x4:
            return "ldmatrix_x4";
        case Collective::ldmatrix_x4_transposed:
            return "ldmatrix_x4_transposed";
        case Collective::mma_m16n8k32_s8:
            return "mma_m16n8k32_s8";
        case Collective::mma_m16n8k32_u8s8:
            return "mma_m16n8k32_u8s8";
        case Collective::mma_m16n8k32_s8u8:
            return "mma_m16n8k32_s8u8";
        case Collective::mma_m16n8k256_b1_and:
            return "mma_m16n8k256_b1_and";
        case Collective::mma_m16n8k8_tf32:
            return "mma_m16n8k8_tf32";
        case Collective::mma_m16n8k16_bf16:
            return "mma_m16n8k16_bf16";
    }
    return "?";
}

}  // namespace ca3::simt
