#pragma once

#include "autoencoder/model_state.hpp"

#include <ca3/autoencoder/description.hpp>
#include <ca3/error.hpp>

#include <map>
#include <string>

/// What files of models and checkpoints share.
namespace ca3::autoencoder {

inline constexpr char const* architecture_key = "architecture";
inline constexpr char const* progress_key = "progress";  ///< checkpoints have it

[[nodiscard]] std::map<std::string, std::string> metadata_of(ModelState const&);

/// @param otherwise what a file without it is @throws FormatError
[[nodiscard]] std::string const& metadata(io::Tensors const& file, char const* key, std::string const& path, char const* otherwise);

/// @throws FormatError
[[nodiscard]] Architecture architecture_of(io::Tensors const& file, std::string const& path);

/// Zeros for all parameters and buffers, no moments.
[[nodiscard]] State blank_state(Plan const&);

/// What `read` makes of metadata. @throws FormatError for what it refuses
template <class Read>
auto as_format_error(std::string const& path, char const* key, Read&& read) {
    try {
        return read();
    } catch (InvalidArgument const& error) {
        throw FormatError(path, 0, std::string("metadata '") + key + "': " + error.what());
    } catch (FormatError const& error) {
        throw FormatError(path, 0, std::string("metadata '") + key + "': " + error.what());
    }
}

}  // namespace ca3::autoencoder
