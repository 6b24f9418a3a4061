#pragma once

#include "kernels/hopfield/block.cuh"
#include "kernels/hopfield/device_model.cuh"

#include <cstdint>

/// One state of one block: its overlaps, the coefficients and the fields that follow from them (host/hopfield/backend.hpp).
namespace ca3::hopfield::cuda {

/// Byte offsets of the arrays of one state in its workspace, shared memory where it fits, else a slice of device memory.
struct SingleLayout {
    std::int64_t state = 0;                ///< int8, d
    std::int64_t next = 0;                 ///< int8, d; synchronous
    std::int64_t before = 0;               ///< int8, d; synchronous: the state one sweep before
    std::int64_t field = 0;                ///< Field, d; asynchronous: the sum over mu or j
    std::int64_t key = 0;                  ///< uint32, d; asynchronous: visiting order
    std::int64_t draw = 0;                 ///< uint32, d; asynchronous at finite temperature
    std::int64_t packed = 0;               ///< uint32, 2 * neuron_words: bits of +1, then of -1
    std::int64_t overlap = 0;              ///< int32, P
    std::int64_t coefficient = 0;          ///< int64, P: a, or for a flip K x_k
    std::int64_t coefficient_of_zero = 0;  ///< int64, P: a for neurons in the state 0; power, exponential
    std::int64_t bytes = 0;
};

/// @tparam Field what a sum over mu or j is stored in: int32 or int64
template <Kind kind, class Field>
class SingleState {
    static constexpr bool energy_difference = kind == Kind::power || kind == Kind::exponential;

public:
    __device__ SingleState(DeviceModel const& model, SingleLayout const& layout, unsigned char* workspace, std::int64_t* scratch)
        : state(reinterpret_cast<std::int8_t*>(workspace + layout.state)),
          field(reinterpret_cast<Field*>(workspace + layout.field)),
          model_(model),
          scratch_(scratch),
          packed_(reinterpret_cast<std::uint32_t*>(workspace + layout.packed)),
          overlap_(reinterpret_cast<std::int32_t*>(workspace + layout.overlap)),
          coefficient_(reinterpret_cast<std::int64_t*>(workspace + layout.coefficient)),
          coefficient_of_zero_(reinterpret_cast<std::int64_t*>(workspace + layout.coefficient_of_zero)) {}

    /// Everything that a field needs, from `state`. All threads; `state` is read by all.
    __device__ void derive() {
        std::int64_t sum = 0;
        for (std::int64_t i = threadIdx.x; i < model_.neurons; i += blockDim.x) sum += state[i];
        state_sum_ = block_sum(sum, scratch_);
        if constexpr (kind != Kind::dense) {
            pack();
            __syncthreads();
            take_overlaps();
            __syncthreads();
            take_coefficients();
        }
    }

    /// H_i for the state s_i = s, given the sum over mu or j.
    [[nodiscard]] __device__ std::int64_t complete(std::int64_t i, std::int64_t sum, std::int8_t s) const {
        std::int64_t const h = sum + constant_;
        return model_.diagonal == nullptr ? h : h - model_.diagonal[i] * s;
    }

    /// The sum over mu or j, from the coefficients.
    [[nodiscard]] __device__ std::int64_t sum_of(std::int64_t i, std::int8_t s) const {
        if constexpr (kind == Kind::dense) return dense_sum(i);
        if constexpr (kind == Kind::hebbian) return signed_sum(i, overlap_);
        if constexpr (kind == Kind::centred || kind == Kind::projection) return signed_sum(i, coefficient_);
        if constexpr (energy_difference) return s == 0 ? signed_sum(i, coefficient_of_zero_) : signed_sum(i, coefficient_) + s * self_;
    }

    /// Follows neuron k as it changes by `delta`: all fields, for all threads. Begins and ends without a barrier: between two calls, and
    /// between the change of state[k] and this call, there must be one. Thread i % blockDim.x alone touches field[i] and state[i].
    __device__ void flip(std::int64_t k, int delta) {
        if constexpr (kind == Kind::dense) flip_dense(k, delta);
        if constexpr (kind == Kind::hebbian) flip_hebbian(k, delta);
        if constexpr (kind == Kind::centred) flip_centred(k, delta);
        if constexpr (kind == Kind::projection) flip_projection(k, delta);
        if constexpr (energy_difference) flip_energy_difference(k, delta);
    }

    std::int8_t* state;
    Field* field;

private:
    [[nodiscard]] __device__ int pattern_sign(std::int64_t mu, std::int64_t i) const {
        return (model_.columns[mu / 32 * model_.neurons + i] >> (mu % 32) & 1u) != 0 ? 1 : -1;
    }

    __device__ void pack() {
        std::int64_t const d = model_.neurons;
        int const lane = static_cast<int>(threadIdx.x % 32);
        for (std::int64_t word = threadIdx.x / 32; word < model_.neuron_words; word += blockDim.x / 32) {
            std::int64_t const i = word * 32 + lane;
            int const s = i < d ? state[i] : 0;
            std::uint32_t const plus = __ballot_sync(0xFFFFFFFFu, s > 0);
            std::uint32_t const minus = __ballot_sync(0xFFFFFFFFu, s < 0);
            if (lane == 0) {
                packed_[word] = plus;
                packed_[model_.neuron_words + word] = minus;
            }
        }
    }

    /// m_mu = 2 |plus & x| - |plus| - 2 |minus & x| + |minus|, a warp for each pattern.
    __device__ void take_overlaps() {
        int const lane = static_cast<int>(threadIdx.x % 32);
        for (std::int64_t mu = threadIdx.x / 32; mu < model_.patterns; mu += blockDim.x / 32) {
            std::uint32_t const* const x = model_.rows + mu * model_.neuron_words;
            int agreement = 0;
            for (std::int64_t word = lane; word < model_.neuron_words; word += 32) {
                agreement += __popc(packed_[word] & x[word]) - __popc(packed_[model_.neuron_words + word] & x[word]);
            }
            for (int distance = 16; distance > 0; distance /= 2) agreement += __shfl_xor_sync(0xFFFFFFFFu, agreement, distance);
            if (lane == 0) overlap_[mu] = static_cast<std::int32_t>(2 * std::int64_t{agreement} - state_sum_);
        }
    }

    __device__ void take_coefficients() {
        std::int64_t const P = model_.patterns;
        if constexpr (kind == Kind::centred) {
            std::int64_t total = 0;
            for (std::int64_t mu = threadIdx.x; mu < P; mu += blockDim.x) {
                std::int64_t const y = model_.q * overlap_[mu] - model_.p * state_sum_;
                coefficient_[mu] = model_.q * y;
                total += y;
            }
            constant_ = -model_.p * block_sum(total, scratch_);
        } else if constexpr (kind == Kind::projection) {
            for (std::int64_t mu = threadIdx.x; mu < P; mu += blockDim.x) {
                std::int64_t a = 0;
                for (std::int64_t nu = 0; nu < P; ++nu) a += model_.kernel[nu * P + mu] * overlap_[nu];  // K is symmetric
                coefficient_[mu] = a;
            }
            __syncthreads();
        } else if constexpr (energy_difference) {
            take_energy_differences();
        }
    }

    [[nodiscard]] __device__ std::int64_t energy_term(std::int64_t overlap, std::int64_t largest) const {
        if constexpr (kind == Kind::power) return model_.table[overlap + model_.neurons + 2];
        std::int64_t const position = largest + 2 - overlap;
        return position < model_.table_size ? model_.table[position] : 0;
    }

    __device__ void take_energy_differences() {
        std::int64_t largest = -model_.neurons;
        for (std::int64_t mu = threadIdx.x; mu < model_.patterns; mu += blockDim.x) {
            largest = largest > overlap_[mu] ? largest : overlap_[mu];
        }
        if constexpr (kind == Kind::exponential) largest = block_max(largest, scratch_);
        std::int64_t self = 0;
        for (std::int64_t mu = threadIdx.x; mu < model_.patterns; mu += blockDim.x) {
            std::int64_t const m = overlap_[mu];
            std::int64_t const above = energy_term(m + 2, largest), below = energy_term(m - 2, largest);
            coefficient_[mu] = above - below;
            coefficient_of_zero_[mu] = 2 * (energy_term(m + 1, largest) - energy_term(m - 1, largest));
            self += 2 * energy_term(m, largest) - above - below;
        }
        self_ = block_sum(self, scratch_);
    }

    template <class Coefficient>
    [[nodiscard]] __device__ std::int64_t signed_sum(std::int64_t i, Coefficient const* a) const {
        std::int64_t sum = 0;
        for (std::int64_t mu = 0; mu < model_.patterns; mu += 32) {
            std::uint32_t const word = model_.columns[mu / 32 * model_.neurons + i];
            int const count = static_cast<int>(model_.patterns - mu < 32 ? model_.patterns - mu : 32);
            for (int bit = 0; bit < count; ++bit) sum += (word >> bit & 1u) != 0 ? a[mu + bit] : -a[mu + bit];
        }
        return sum;
    }

    [[nodiscard]] __device__ std::int64_t dense_sum(std::int64_t i) const {
        std::int64_t sum = 0;
        with_weights(model_.weight_type, model_.weights_transposed, [&](auto const* weights) {
            for (std::int64_t j = 0; j < model_.neurons; ++j) sum += std::int64_t{weights[j * model_.neurons + i]} * state[j];
        });
        return model_.weight_type == WeightType::u8 ? 2 * sum - model_.patterns * state_sum_ : sum;
    }

    __device__ void flip_dense(std::int64_t k, int delta) {
        std::int64_t const d = model_.neurons;
        bool const counts = model_.weight_type == WeightType::u8;
        std::int64_t const factor = counts ? 2 * delta : delta;
        std::int64_t const offset = counts ? -model_.patterns * delta : 0;
        with_weights(model_.weight_type, model_.weights_transposed, [&](auto const* weights) {
            for (std::int64_t i = threadIdx.x; i < d; i += blockDim.x) {
                field[i] = static_cast<Field>(field[i] + factor * weights[k * d + i] + offset);
            }
        });
    }

    /// x_i . x_k over the patterns, and the sum of x_i.
    struct Correlation {
        std::int64_t with_k;
        std::int64_t alone;
    };
    [[nodiscard]] __device__ Correlation correlate(std::int64_t i, std::int64_t k) const {
        std::int64_t const d = model_.neurons, P = model_.patterns;
        std::int64_t disagreements = 0, ones = 0;
        for (std::int64_t word = 0; word * 32 < P; ++word) {
            std::uint32_t const x = model_.columns[word * d + i];
            disagreements += __popc(x ^ model_.columns[word * d + k]);
            ones += __popc(x);
        }
        return {P - 2 * disagreements, 2 * ones - P};
    }

    __device__ void flip_hebbian(std::int64_t k, int delta) {
        for (std::int64_t i = threadIdx.x; i < model_.neurons; i += blockDim.x) {
            field[i] = static_cast<Field>(field[i] + delta * correlate(i, k).with_k);
        }
    }

    __device__ void flip_centred(std::int64_t k, int delta) {
        std::int64_t const p = model_.p, q = model_.q;
        for (std::int64_t i = threadIdx.x; i < model_.neurons; i += blockDim.x) {
            Correlation const x = correlate(i, k);
            field[i] = static_cast<Field>(field[i] + q * delta * (q * x.with_k - p * x.alone));
        }
        constant_ -= p * delta * (q * correlate(k, k).alone - p * model_.patterns);
    }

    /// The change of a is delta K x_k.
    __device__ void flip_projection(std::int64_t k, int delta) {
        std::int64_t const P = model_.patterns;
        for (std::int64_t mu = threadIdx.x; mu < P; mu += blockDim.x) {
            std::int64_t a = 0;
            for (std::int64_t nu = 0; nu < P; ++nu) a += model_.kernel[nu * P + mu] * pattern_sign(nu, k);
            coefficient_[mu] = delta * a;
        }
        __syncthreads();
        for (std::int64_t i = threadIdx.x; i < model_.neurons; i += blockDim.x) {
            field[i] = static_cast<Field>(field[i] + signed_sum(i, coefficient_));
        }
    }

    /// The coefficients are no linear function of the state: every field is taken anew.
    __device__ void flip_energy_difference(std::int64_t k, int delta) {
        for (std::int64_t mu = threadIdx.x; mu < model_.patterns; mu += blockDim.x) overlap_[mu] += delta * pattern_sign(mu, k);
        take_coefficients();
        for (std::int64_t i = threadIdx.x; i < model_.neurons; i += blockDim.x) field[i] = static_cast<Field>(sum_of(i, state[i]));
    }

    DeviceModel const& model_;
    std::int64_t* scratch_;
    std::uint32_t* packed_;
    std::int32_t* overlap_;
    std::int64_t* coefficient_;
    std::int64_t* coefficient_of_zero_;
    std::int64_t state_sum_ = 0;
    std::int64_t constant_ = 0;  ///< e
    std::int64_t self_ = 0;      ///< c
};

}  // namespace ca3::hopfield::cuda
