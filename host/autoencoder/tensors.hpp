#pragma once

#include "autoencoder/model_state.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

/// Numbers as tensors of a file. Everything that comes from a file is checked before memory is taken for it.
namespace ca3::autoencoder {

/// f64 for Precision::f64, else f32, which the values fit.
[[nodiscard]] io::Array float_array(std::span<double const> values, std::vector<std::int64_t> shape, Precision);

/// Of any floating-point type, of this shape, with finite numbers in the range of float.
/// @param name for errors: "model.safetensors: encoder.0.weight" @throws InvalidArgument
void check_floats(io::Array const&, std::vector<std::int64_t> const& shape, std::string const& name);
/// The values of a tensor that check_floats has seen.
void copy_floats(io::Array const&, std::span<double> out);

/// What take_tensors asks for. @throws InvalidArgument
void check_tensors(Plan const&, io::Tensors const&, std::string const& origin, bool others = false);

}  // namespace ca3::autoencoder
