#pragma once

#include "autoencoder/cpu_kernels.hpp"
#include "core/spin_barrier.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>

namespace ca3::autoencoder::cpu {

/// Rows [first, last) of a batch, and who works on them; first is even.
struct Share {
    std::int64_t first = 0;
    std::int64_t last = 0;
    std::int64_t batch = 0;  ///< rows of all threads
    int thread = 0;
    int threads = 1;
    SpinBarrier* barrier = nullptr;  ///< null: alone
    bool by_panels = false;          ///< all rows of some panels of each layer, in place of all panels of some rows

    [[nodiscard]] std::int64_t rows() const { return last - first; }
    /// The panels first ... second-1, of so many, that it works on.
    [[nodiscard]] std::pair<std::int64_t, std::int64_t> of(std::int64_t panels) const {
        if (!by_panels) return {0, panels};
        return {panels * thread / threads, panels * (thread + 1) / threads};
    }
    /// Number of the workspace that it works in, and of that in which panel p, of so many, is made.
    [[nodiscard]] std::size_t workspace() const { return by_panels ? static_cast<std::size_t>(thread) : 0; }
    [[nodiscard]] std::size_t workspace_of(std::int64_t p, std::int64_t panels) const {
        return by_panels ? static_cast<std::size_t>((threads * (p + 1) - 1) / panels) : 0;
    }
    /// @return false where one of the threads has failed and will not come
    bool meet() const { return barrier == nullptr || barrier->wait(); }
};

/// Sums over the rows of a large batch are made in two halves, which are added: so do threads that hold one half of the rows in their
/// caches. Whether that is so, and where, depends on sizes alone, so that the number of threads changes no sum.
/// @return the first row of the second half, an even number; 0 where the gradient of an in x out map is one sum
[[nodiscard]] constexpr std::int64_t middle_row(std::int64_t rows, std::int64_t in, std::int64_t out) {
    // Worth it where the operands that a thread would read of others' are larger than the sums it hands over.
    constexpr std::int64_t least_rows = 128, worth = 4;
    return rows >= least_rows && rows * (in + out) >= worth * in * out ? rows / 4 * 2 : 0;
}

inline constexpr std::int64_t most_rows_by_panels = 127;

/// The gradient of the input of a large map, for a small batch of f32, is made in two halves too, sums over the first and the last units:
/// so do threads that share panels, each of which has the weights of its units at hand. Again sizes alone decide.
/// @return the first unit of the second half, at the begin of a panel; 0 where there is one sum
[[nodiscard]] constexpr std::int64_t middle_unit(std::int64_t rows, std::int64_t out) {
    constexpr std::int64_t least_panels = 4;
    return rows <= most_rows_by_panels && panels(out) >= least_panels ? panels(out) / 2 * panel : 0;
}

}  // namespace ca3::autoencoder::cpu
