#include "core/state.hpp"
#include "hopfield/cpu_packed.hpp"
#include "hopfield/cpu_relax.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

/// The CPU path: what is kept of a model, and which relaxation serves which job.
namespace ca3::hopfield::cpu {

namespace {

void pack_patterns(Model const& model, Packed& packed) {
    std::int64_t const d = packed.d, P = packed.P;
    packed.pattern_bits.assign(packed.octets * packed.words * 8, 0);
    packed.octet_index.assign(packed.octets * d + 32, 0);  // AVX2 reads whole registers
    packed.columns.resize(d * P);
    for (std::int64_t mu = 0; mu < P; ++mu) {
        std::uint64_t* const row = packed.pattern_bits.data() + (mu / 8) * packed.words * 8 + mu % 8;
        std::uint8_t* const index = packed.octet_index.data() + (mu / 8) * d;
        for (std::int64_t i = 0; i < d; ++i) {
            std::int8_t const x = model.pattern[mu * d + i];
            packed.columns[i * P + mu] = x;
            if (x <= 0) continue;
            row[(i / 64) * 8] |= std::uint64_t{1} << (i % 64);
            index[i] = static_cast<std::uint8_t>(index[i] | 1 << (mu % 8));
        }
    }
}

/// [blocks][sextets][chunks][32] as sextet_block() walks it.
void pack_sextets(Model const& model, Packed& packed) {
    std::int64_t const d = packed.d, P = packed.P, chunks = ceil_div(d, 32);
    packed.sextets = ceil_div(P, 6);
    packed.sextet_index.assign(packed.sextets * chunks * 32, 0);
    for (std::int64_t block = 0; block < sextet_blocks(d); ++block) {
        auto const [first, count] = sextet_block(d, block);
        for (std::int64_t g = 0; g < packed.sextets; ++g) {
            std::uint16_t* const out = packed.sextet_index.data() + (first * packed.sextets + g * count) * 32;
            for (std::int64_t mu = 6 * g; mu < std::min(P, 6 * g + 6); ++mu) {
                for (std::int64_t k = 0; k < std::min(count * 32, d - first * 32); ++k) {
                    if (model.pattern[mu * d + first * 32 + k] > 0) out[k] = static_cast<std::uint16_t>(out[k] | 1 << (mu - 6 * g));
                }
            }
        }
    }
}

template <class T>
void pack_dense(T const* weights, std::int64_t stride, Packed& packed) {
    std::int64_t const d = packed.d;
    packed.padded = ceil_div(d, 4) * 4;
    std::int64_t const panels = ceil_div(d, panel_rows);
    packed.panel.assign(panels * packed.padded * panel_rows, 0);
    for (std::int64_t i = 0; i < d; ++i) {
        std::uint8_t* const out = packed.panel.data() + (i / panel_rows) * packed.padded * panel_rows + (i % panel_rows) * 4;
        T const* const row = weights + i * stride;
        for (std::int64_t j = 0; j < d; ++j) out[(j / 4) * panel_rows * 4 + j % 4] = static_cast<std::uint8_t>(row[j]);
    }
    if constexpr (std::is_signed_v<T>) {
        packed.row_sum.assign(d, 0);
        for (std::int64_t i = 0; i < d; ++i) {
            for (std::int64_t j = 0; j < d; ++j) packed.row_sum[i] += weights[i * stride + j];
        }
    }
}

Packed pack_shape(Context const& context, std::int64_t d, std::int64_t P) {
    Packed packed;
    packed.d = d;
    packed.P = P;
    packed.words = ceil_div(d, 64);
    packed.octets = ceil_div(P, 8);
    packed.kernels = &kernels(context.instruction_set());
    return packed;
}

void pack_weights(Model const& model, Packed& packed) {
    std::int64_t const d = packed.d;
    std::visit(
        [&]<class T>(std::vector<T> const& weights) {
            if constexpr (sizeof(T) == 1) pack_dense(weights.data(), d, packed);
            if (!model.symmetric) {
                std::vector<T> transposed(weights.size());
                for (std::int64_t i = 0; i < d; ++i) {
                    for (std::int64_t j = 0; j < d; ++j) transposed[j * d + i] = weights[i * d + j];
                }
                packed.transposed = std::move(transposed);
            }
        },
        model.weights);
}

}  // namespace

Kernels const& kernels(InstructionSet set) {
    switch (set) {
#if defined(__x86_64__)
        case InstructionSet::avx2:
            return avx2_kernels();
        case InstructionSet::avx512_vnni:
            return avx512_vnni_kernels();
        case InstructionSet::avx512_vpopcntdq:
            return avx512_vpopcntdq_kernels();
#endif
        default:
            return portable_kernels();
    }
}

bool is_full(Bits bits, std::int64_t d) {
    std::uint64_t missing = 0;
    for (std::int64_t w = 0; w < ceil_div(d, 64); ++w) missing |= bits.nonzero[w] ^ valid_bits(d, w);
    return missing == 0;
}

std::unique_ptr<Prepared> prepare(Context const& context, Model const& model) {
    auto packed = std::make_unique<Packed>(pack_shape(context, model.neurons, model.patterns));
    pack_patterns(model, *packed);
    if (model.kind == Kind::hebbian) pack_sextets(model, *packed);
    if (model.kind == Kind::dense) pack_weights(model, *packed);
    return packed;
}

void relax(Context const& context, Model const& model, Prepared& prepared, Job job) {
    auto const& packed = static_cast<Packed const&>(prepared);
    bool const plain = job.glauber == nullptr && job.clamp.rows == 0 && model.tau.empty();
    bool const small = model.field_limit < (std::int64_t{1} << 30);
    if (model.kind == Kind::hebbian && plain && small && job.update == Update::synchronous && job.max_sweeps > 0)
        return relax_hebbian(pool(context), model, packed, job);
    take_cues(context, job);
    if (job.update != Update::synchronous) return relax_one_by_one(pool(context), model, packed, job);
    if (model.kind == Kind::dense && !packed.panel.empty()) return relax_dense(pool(context), model, packed, job);
    relax_synchronously(pool(context), model, packed, job);
}

void pattern_overlaps(Context const& context, Model const&, Prepared& prepared, MatrixView<std::int8_t const> states, std::int32_t* out) {
    auto const& packed = static_cast<Packed const&>(prepared);
    constexpr std::int64_t block = 16;
    pool(context).run(ceil_div(states.rows, block), [&](std::int64_t k, int) {
        std::int64_t const first = k * block;
        int const count = static_cast<int>(std::min(block, states.rows - first));
        AlignedVector<std::uint64_t> planes(2 * block * packed.words);
        Bits bits[block];
        bool full = true;
        for (int b = 0; b < count; ++b) {
            bits[b] = {planes.data() + 2 * b * packed.words, planes.data() + (2 * b + 1) * packed.words};
            packed.kernels->pack(states.row(first + b), packed.d, bits[b]);
            full = full && is_full(bits[b], packed.d);
        }
        packed.kernels->overlaps(packed, bits, count, full, out + first * packed.P, packed.P);
    });
}

void overlaps(Context const& context, MatrixView<std::int8_t const> patterns, MatrixView<std::int8_t const> states,
              MatrixView<std::int32_t> out) {
    // Patterns with unknown entries: x = (x > 0) - (x < 0), two overlaps of bit planes that treat 0 as -1, averaged: with y = +1 where x >
    // 0 and -1 elsewhere, and z = +1 where x >= 0 and -1 elsewhere, x = (y + z) / 2.
    std::int64_t const P = patterns.rows, d = patterns.cols;
    Model model;
    model.neurons = d;
    model.patterns = 2 * P;
    model.pattern.resize(2 * P * d);
    for (std::int64_t mu = 0; mu < P; ++mu) {
        for (std::int64_t i = 0; i < d; ++i) {
            model.pattern[mu * d + i] = patterns(mu, i) > 0 ? 1 : -1;
            model.pattern[(P + mu) * d + i] = patterns(mu, i) >= 0 ? 1 : -1;
        }
    }
    Packed packed = pack_shape(context, d, 2 * P);
    pack_patterns(model, packed);
    std::vector<std::int32_t> both(states.rows * 2 * P);
    pattern_overlaps(context, model, packed, states, both.data());
    for (std::int64_t b = 0; b < states.rows; ++b) {
        for (std::int64_t mu = 0; mu < P; ++mu) out(b, mu) = (both[b * 2 * P + mu] + both[b * 2 * P + P + mu]) / 2;
    }
}

template <class T>
void sign_update(Context const& context, SignUpdateOptions options, MatrixView<T const> weights, std::int64_t stored,
                 std::int32_t const* threshold, MatrixView<std::int8_t const> in, MatrixView<std::int8_t> out, std::int32_t* changed) {
    std::int64_t const d = in.cols;
    auto const decide = [&](std::int64_t b, std::int64_t i, std::int64_t field) {
        std::int8_t const s = in(b, i);
        if (options.zero_diagonal)
            field -= (std::is_same_v<T, std::uint8_t> ? 2 * std::int64_t{weights(i, i)} - stored : std::int64_t{weights(i, i)}) * s;
        if (threshold != nullptr) field -= threshold[i];
        return field > 0 ? std::int8_t{1} : field < 0 ? std::int8_t{-1} : on_tie(options.tie, s);
    };
    if constexpr (sizeof(T) == 1) {
        Packed packed = pack_shape(context, d, 0);
        pack_dense(weights.data, weights.stride, packed);
        // 32 bits hold 2 * 255 d + 255 d and as much again, and small thresholds with it.
        bool small = d < (std::int64_t{1} << 20);
        for (std::int64_t i = 0; i < d && threshold != nullptr; ++i) small = small && std::abs(std::int64_t{threshold[i]}) < (1 << 28);
        std::vector<std::int32_t> diagonal, offset;
        for (std::int64_t i = 0; i < d && small; ++i) {
            if (options.zero_diagonal)
                diagonal.push_back(std::is_same_v<T, std::uint8_t> ? 2 * weights(i, i) - static_cast<std::int32_t>(stored) : weights(i, i));
            if (threshold != nullptr || !packed.row_sum.empty()) {
                offset.push_back((threshold != nullptr ? threshold[i] : 0) + (packed.row_sum.empty() ? 0 : packed.row_sum[i]));
            }
        }
        for_dense_fields(pool(context), packed, stored, in, [&](std::int64_t b, DenseFields const& field) {
            std::int64_t changes = 0;
            if (small) {
                changes = packed.kernels->decide_dense({.d = d,
                                                        .fields = field.fields,
                                                        .scale = field.scale,
                                                        .shift = static_cast<std::int32_t>(field.shift),
                                                        .offset = offset.empty() ? nullptr : offset.data(),
                                                        .diagonal = diagonal.empty() ? nullptr : diagonal.data(),
                                                        .tie = options.tie,
                                                        .now = in.row(b),
                                                        .next = out.row(b)});
            } else {
                for (std::int64_t i = 0; i < d; ++i) {
                    out(b, i) = decide(b, i, field(i));
                    changes += out(b, i) != in(b, i);
                }
            }
            if (changed != nullptr) changed[b] = static_cast<std::int32_t>(changes);
        });
    } else {
        pool(context).run(in.rows, [&](std::int64_t b, int) {
            std::int32_t changes = 0;
            for (std::int64_t i = 0; i < d; ++i) {
                T const* const __restrict w = weights.row(i);
                std::int8_t const* const __restrict s = in.row(b);
                std::int64_t field = 0;
                for (std::int64_t j = 0; j < d; ++j) field += std::int64_t{w[j]} * s[j];
                out(b, i) = decide(b, i, field);
                changes += out(b, i) != s[i];
            }
            if (changed != nullptr) changed[b] = changes;
        });
    }
}

template void sign_update<std::uint8_t>(Context const&, SignUpdateOptions, MatrixView<std::uint8_t const>, std::int64_t,
                                        std::int32_t const*, MatrixView<std::int8_t const>, MatrixView<std::int8_t>, std::int32_t*);
template void sign_update<std::int8_t>(Context const&, SignUpdateOptions, MatrixView<std::int8_t const>, std::int64_t, std::int32_t const*,
                                       MatrixView<std::int8_t const>, MatrixView<std::int8_t>, std::int32_t*);
template void sign_update<std::int16_t>(Context const&, SignUpdateOptions, MatrixView<std::int16_t const>, std::int64_t,
                                        std::int32_t const*, MatrixView<std::int8_t const>, MatrixView<std::int8_t>, std::int32_t*);
template void sign_update<std::int32_t>(Context const&, SignUpdateOptions, MatrixView<std::int32_t const>, std::int64_t,
                                        std::int32_t const*, MatrixView<std::int8_t const>, MatrixView<std::int8_t>, std::int32_t*);

void energy(Context const& context, MatrixView<std::int32_t const> weights, std::int32_t const* threshold,
            MatrixView<std::int8_t const> states, std::int64_t* twice_energy) {
    std::int64_t const d = states.cols;
    pool(context).run(states.rows, [&](std::int64_t b, int) {
        std::int8_t const* const __restrict s = states.row(b);
        std::int64_t total = 0;
        for (std::int64_t i = 0; i < d; ++i) {
            std::int32_t const* const __restrict w = weights.row(i);
            std::int64_t field = threshold == nullptr ? 0 : -2 * std::int64_t{threshold[i]};
            for (std::int64_t j = 0; j < d; ++j) field += std::int64_t{w[j]} * s[j];
            total -= field * s[i];
        }
        twice_energy[b] = total;
    });
}

void softmax_update(Context const& context, double beta, MatrixView<float const> patterns, MatrixView<float const> queries,
                    MatrixView<float> out) {
    std::int64_t const P = patterns.rows, d = patterns.cols;
    pool(context).run(queries.rows, [&](std::int64_t b, int) {
        std::vector<double> score(P), sum(d, 0.0);
        double largest = -HUGE_VAL, total = 0;
        for (std::int64_t mu = 0; mu < P; ++mu) {
            float const* const __restrict x = patterns.row(mu);
            float const* const __restrict q = queries.row(b);
            double part[8] = {};  // eight chains, which the compiler turns into vectors; the order is fixed
            for (std::int64_t i = 0; i < d; ++i) part[i % 8] += double{x[i]} * double{q[i]};
            score[mu] = beta * (((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7])));
            largest = std::max(largest, score[mu]);
        }
        for (double& value : score) total += value = std::exp(value - largest);
        for (std::int64_t mu = 0; mu < P; ++mu) {
            float const* const __restrict x = patterns.row(mu);
            for (std::int64_t i = 0; i < d; ++i) sum[i] += score[mu] * double{x[i]};
        }
        for (std::int64_t i = 0; i < d; ++i) out(b, i) = static_cast<float>(sum[i] / total);
    });
}

}  // namespace ca3::hopfield::cpu
