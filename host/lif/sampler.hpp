#pragma once

#include <ca3/lif/neuron.hpp>

#include "core/elementary.hpp"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace ca3::lif {

/// A distribution as a rising function of one uniform 32-bit number. Truncation restricts the number, so that nothing is drawn twice.
class Sampler {
public:
    Sampler() = default;
    /// @param argument what errors call it @throws InvalidArgument for parameters that are no distribution, or a truncation that leaves
    /// less than 2^-20 of it
    Sampler(Distribution const&, std::string const& argument);

    [[nodiscard]] bool is_random() const noexcept { return kind_ != Distribution::Kind::constant && kind_ != Distribution::Kind::given; }
    /// Not for given values.
    [[nodiscard]] double operator()(std::uint32_t u) const {
        switch (kind_) {
            case Distribution::Kind::normal:
                return fused(b_, normal_quantile(restricted(u)), a_);
            case Distribution::Kind::uniform:
                return fused(b_ - a_, (static_cast<double>(restricted(u)) + 0.5) * 0x1p-32, a_);
            case Distribution::Kind::lognormal:
                return exponential(fused(b_, normal_quantile(restricted(u)), a_));
            case Distribution::Kind::constant:
            case Distribution::Kind::given:
                break;
        }
        return a_;
    }
    [[nodiscard]] double smallest() const;  ///< of all values it can give
    [[nodiscard]] double largest() const;
    /// A magnitude to compare rounding errors with: the mean, or the standard deviation where that is larger.
    [[nodiscard]] double typical() const;

private:
    [[nodiscard]] std::uint32_t restricted(std::uint32_t u) const {
        return first_ + static_cast<std::uint32_t>((static_cast<std::uint64_t>(u) * count_) >> 32);
    }
    /// Smallest u whose value is at least (or above) `bound`; 2^32 when there is none.
    [[nodiscard]] std::uint64_t first_reaching(double bound, bool above) const;

    Distribution::Kind kind_ = Distribution::Kind::constant;
    double a_ = 0.0, b_ = 0.0;
    std::uint32_t first_ = 0;
    std::uint64_t count_ = std::uint64_t{1} << 32;
};

/// Delays in steps as a table over the uniform number: entry j is the smallest u whose delay is at least first + j + 1.
class DelaySampler {
public:
    DelaySampler() = default;
    /// @throws InvalidArgument for delays outside [1, most_delay_steps]; a constant that is no multiple of the step
    DelaySampler(Distribution const&, double step_ms, std::string const& argument);

    [[nodiscard]] bool is_random() const noexcept { return !thresholds_.empty(); }
    [[nodiscard]] std::int32_t operator()(std::uint32_t u) const {
        std::int32_t j = guide_.empty() ? 0 : guide_[u >> 24];
        auto const n = static_cast<std::int32_t>(thresholds_.size());
        while (j < n && u >= thresholds_[static_cast<std::size_t>(j)]) ++j;
        return first_ + j;
    }
    [[nodiscard]] std::int32_t shortest() const noexcept { return first_; }
    [[nodiscard]] std::int32_t longest() const noexcept { return first_ + static_cast<std::int32_t>(thresholds_.size()); }

private:
    std::int32_t first_ = 1;
    std::vector<std::uint32_t> thresholds_;
    std::vector<std::int32_t> guide_;
};

/// Steps of a delay or a time. @throws InvalidArgument when `ms` is no multiple of the step
[[nodiscard]] std::int64_t whole_steps(double ms, double step_ms, std::string const& argument);

}  // namespace ca3::lif
