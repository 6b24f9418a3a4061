#pragma once

#include <ca3/matrix.hpp>

#include <cstdint>
#include <vector>

/// The baseline on the CPU: one synchronous sweep of a batch as sign(S W) through oneDNN. States and weights are in its own type and
/// in place before it is timed, every buffer is made beforehand, and states that are done are not looked for.
namespace ca3::bench {

/// Element: float (sgemm), or int8 (gemm_s8s8s32; weights within +-127).
template <class Element>
class OneDnnSign {
public:
    /// @param weights d x d
    OneDnnSign(std::vector<std::int32_t> const& weights, MatrixView<std::int8_t const> states, int threads);

    /// out = sign(in W), a tie keeps the state. Each thread multiplies blocks of states and decides them while they are in its cache.
    void sweep();
    /// The states that sweep() wrote become those it reads.
    void swap() { in_.swap(out_); }

    [[nodiscard]] Element const* out(std::int64_t b) const { return out_.data() + b * d_; }

private:
    using Field = std::conditional_t<std::is_same_v<Element, float>, float, std::int32_t>;

    std::int64_t d_, batch_, block_;
    int threads_;
    std::vector<Element> weights_, in_, out_;
    std::vector<Field> fields_;  ///< threads x block x d
};

/// A baseline sweeps until every state has done as many sweeps as ours: true when it then holds what ours holds.
/// @param sweeps of every state  @param states their ends
template <class Element>
[[nodiscard]] bool agrees(OneDnnSign<Element>& baseline, std::vector<std::int32_t> const& sweeps, MatrixView<std::int8_t const> states);

}  // namespace ca3::bench
