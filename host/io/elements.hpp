#pragma once

#include "io/output.hpp"
#include "io/stream.hpp"

#include <ca3/io/npy.hpp>

#include <bit>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

/// What every array format needs: sizes of shapes, byte order, validity of elements.
namespace ca3::io {

/// Bytes of a dense array. Nothing when a dimension is negative or the bytes leave int64; dimensions of zero do not excuse the others,
/// so that strides computed from a shape stay in range.
[[nodiscard]] std::optional<std::uint64_t> byte_count(std::span<std::int64_t const> shape, std::size_t element);

/// "(3, 4)", "(3,)", "()"
[[nodiscard]] std::string shape_text(std::span<std::int64_t const> shape);

/// Reverses the bytes of each element in place.
void swap_elements(std::span<std::byte> data, std::size_t element) noexcept;

/// Passes the elements on in the given byte order.
void write_elements(Sink const& sink, std::span<std::byte const> data, std::size_t element, std::endian order);

/// Position of the first byte that is neither 0 nor 1, which no bool may be.
[[nodiscard]] std::optional<std::uint64_t> find_bad_boolean(std::span<std::byte const> data) noexcept;

/// @throws InvalidArgument unless the data fits the shape; `function` and `name` begin the message
void require_consistent(char const* function, std::string const& name, std::span<std::int64_t const> shape, std::size_t element,
                        std::span<std::byte const> data);

}  // namespace ca3::io
