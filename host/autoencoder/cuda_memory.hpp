#pragma once

#include <ca3/matrix.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

/// How rows lie on the device, and how they come there.
namespace ca3::autoencoder::cuda {

/// Units of a layer, or rows of a batch, of which the backend takes no more, so that places in a tile fit 32 bits.
inline constexpr std::int64_t most_units = std::int64_t{1} << 28;

/// Values of a row, so that the next one begins at a multiple of 16 bytes.
template <class T>
[[nodiscard]] constexpr std::int64_t padded_row(std::int64_t values) {
    constexpr std::int64_t piece = 16 / sizeof(T);
    return (values + piece - 1) / piece * piece;
}

template <class T>
[[nodiscard]] Buffer<T> uploaded(Context const& context, T const* from, std::int64_t count) {
    Buffer<T> buffer(context, count);
    if (count > 0) buffer.copy_from_host(from);
    return buffer;
}
template <class T>
[[nodiscard]] Buffer<T> uploaded(Context const& context, std::vector<T> const& from) {
    return uploaded(context, from.data(), static_cast<std::int64_t>(from.size()));
}
/// Rows one after the other.
template <class T>
[[nodiscard]] Buffer<T> uploaded(Context const& context, MatrixView<T const> const& x) {
    if (x.stride == x.cols || x.rows <= 1) return uploaded(context, x.data, x.rows * x.cols);
    std::vector<T> rows(static_cast<std::size_t>(x.rows * x.cols));
    for (std::int64_t r = 0; r < x.rows; ++r) std::copy_n(x.row(r), x.cols, rows.data() + r * x.cols);
    return uploaded(context, rows);
}

}  // namespace ca3::autoencoder::cuda
