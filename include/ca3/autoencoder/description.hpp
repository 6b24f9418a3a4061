#pragma once

#include <ca3/autoencoder/model.hpp>

#include <string>
#include <string_view>

/// Trainings as JSON: the network, what is minimised and how.
namespace ca3::autoencoder {

struct Description {
    Architecture architecture;
    ModelOptions options;
    FitOptions fit;  ///< without data
};

/// Reads a description. README gives every member, its default and its unit.
/// @param document its name, for errors
/// @throws FormatError for what is not JSON; InvalidArgument that names the member, what was expected and what came
[[nodiscard]] Description parse_description(std::string_view text, std::string const& document);
/// @throws FileError as well
[[nodiscard]] Description read_description(std::string const& path);

/// The architecture alone, as the metadata of model files hold it. parse_architecture(to_json(a)) == a.
[[nodiscard]] std::string to_json(Architecture const&);
[[nodiscard]] Architecture parse_architecture(std::string_view text, std::string const& document);

}  // namespace ca3::autoencoder
