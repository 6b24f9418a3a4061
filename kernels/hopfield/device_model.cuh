#pragma once

#include "core/philox.hpp"
#include "hopfield/backend.hpp"
#include "hopfield/tie.hpp"
#include "kernels/common/launch.cuh"

#include <cstdint>

/// Model and Job (host/hopfield/backend.hpp) as kernels see them: raw device pointers.
namespace ca3::hopfield::cuda {

enum class WeightType : std::int8_t { u8, s8, s16, s32, s64 };  ///< in the order of Model::weights

struct DeviceModel {
    Kind kind = Kind::hebbian;
    std::int64_t neurons = 0;   ///< d
    std::int64_t patterns = 0;  ///< P

    /// Pattern bits, set for +1, zero past the end: of pattern mu over the neurons, rows[mu * neuron_words + i / 32] ...
    std::uint32_t const* rows = nullptr;
    std::int64_t neuron_words = 0;
    /// ... and of neuron i over the patterns, columns[(mu / 32) * d + i].
    std::uint32_t const* columns = nullptr;

    std::int64_t p = 0, q = 1;             ///< centred
    std::int64_t const* kernel = nullptr;  ///< projection, P x P
    std::int64_t const* table = nullptr;   ///< power, exponential
    std::int64_t table_size = 0;

    WeightType weight_type = WeightType::u8;
    void const* weights = nullptr;             ///< dense: W, d x d
    void const* weights_transposed = nullptr;  ///< row k holds what neuron k gives to every other; W itself when it is symmetric

    std::int64_t const* diagonal = nullptr;  ///< D, or null
    std::int64_t const* tau = nullptr;       ///< or null
    double unit = 1.0;
    double const* bias = nullptr;  ///< or null
    std::int64_t field_limit = 0;

    /// The operands that relax_tile and relax_warpgroup stream, in the order in which lanes hold them (fragments.cu); null where it does
    /// not serve.
    uint4 const* overlap_fragments = nullptr;     ///< factored: pattern bits along the neurons
    std::int32_t const* pattern_ones = nullptr;   ///< factored: elements +1 of each pattern
    uint2 const* field_fragments = nullptr;       ///< factored: pattern bits along the patterns
    uint4 const* weight_fragments = nullptr;      ///< dense: bytes of W
    uint4 const* overlap_blocks = nullptr;        ///< as overlap_fragments, for relax_warpgroup
    std::uint32_t const* field_blocks = nullptr;  ///< as field_fragments, for relax_warpgroup
    uint4 const* weight_blocks = nullptr;         ///< W as signed bytes, for relax_warpgroup
    int2 const* limits = nullptr;                 ///< tau_i and D_i, tau cut to what no field reaches; zeros up to a multiple of 64
};

struct DeviceJob {
    std::int64_t batch = 0;
    std::int8_t* states = nullptr;        ///< B x d
    std::uint8_t const* clamp = nullptr;  ///< or null
    std::int64_t clamp_stride = 0;        ///< d, or 0 for one row that serves every state
    Update update = Update::synchronous;
    Tie tie = Tie::keep;
    std::int64_t max_sweeps = 0;
    std::int64_t first_sweep = 0;
    std::uint64_t seed = 0;
    std::uint32_t first_state = 0;
    std::uint32_t const* threshold = nullptr;  ///< Glauber; null at temperature 0
    std::int64_t thresholds = 0;
    double inverse_step = 0.0;
    Status* status = nullptr;
    std::int32_t* sweeps = nullptr;
    std::int64_t* flips = nullptr;

    [[nodiscard]] __device__ bool finite_temperature() const { return threshold != nullptr; }
    [[nodiscard]] __device__ bool is_clamped(std::int64_t b, std::int64_t i) const {
        return clamp != nullptr && clamp[b * clamp_stride + i] != 0;
    }
};

/// What neuron i with the state `old` becomes in the field `h`. @param draw its random bits of this sweep; read at finite temperature only
__device__ inline std::int8_t decide(DeviceModel const& model, DeviceJob const& job, std::int64_t h, std::int64_t i, std::int8_t old,
                                     std::uint32_t draw) {
    if (job.finite_temperature()) {
        double const f = fma(static_cast<double>(h), model.unit, model.bias == nullptr ? 0.0 : model.bias[i]);
        double const position = fabs(f) * job.inverse_step + 0.5;
        std::int64_t const last = job.thresholds - 1;
        std::int64_t const k = position < static_cast<double>(last) ? static_cast<std::int64_t>(position) : last;
        bool const follows = draw < job.threshold[k];
        return (f >= 0) == follows ? std::int8_t{1} : std::int8_t{-1};
    }
    std::int64_t const twice = 2 * h;
    std::int64_t const tau = model.tau == nullptr ? 0 : model.tau[i];
    if (twice > tau) return 1;
    if (twice < tau) return -1;
    return on_tie(job.tie, old);
}

__device__ inline std::uint32_t glauber_draw(DeviceJob const& job, std::int64_t b, std::int64_t sweep, std::int64_t i) {
    random::Block const words = random::draw_block(job.seed, random::Purpose::glauber, job.first_state + static_cast<std::uint32_t>(b),
                                                   static_cast<std::uint32_t>(sweep), static_cast<std::uint64_t>(i) >> 2);
    std::uint32_t const low = (i & 1) != 0 ? words.word[1] : words.word[0];  // selections, because an index would cost local memory
    std::uint32_t const high = (i & 1) != 0 ? words.word[3] : words.word[2];
    return (i & 2) != 0 ? high : low;
}

/// Runs `body` with the pointer to the weights in their own type.
template <class Body>
__device__ void with_weights(WeightType type, void const* weights, Body body) {
    switch (type) {
        case WeightType::u8:
            return body(static_cast<std::uint8_t const*>(weights));
        case WeightType::s8:
            return body(static_cast<std::int8_t const*>(weights));
        case WeightType::s16:
            return body(static_cast<std::int16_t const*>(weights));
        case WeightType::s32:
            return body(static_cast<std::int32_t const*>(weights));
        case WeightType::s64:
            return body(static_cast<std::int64_t const*>(weights));
    }
}

}  // namespace ca3::hopfield::cuda
