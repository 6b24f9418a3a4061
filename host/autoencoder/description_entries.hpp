#pragma once

#include "io/json_tree.hpp"

#include <ca3/autoencoder/model.hpp>

#include <limits>
#include <string_view>
#include <utility>
#include <vector>

/// What the readers of descriptions share.
namespace ca3::autoencoder::description {

/// The kinds up to `last`, each under its name.
template <class E>
[[nodiscard]] E named(io::Node const& node, E last) {
    std::vector<std::pair<std::string_view, E>> kinds;
    for (int k = 0; k <= static_cast<int>(last); ++k) kinds.emplace_back(to_string(static_cast<E>(k)), static_cast<E>(k));
    return node.choice<E>(kinds);
}

/// The kind of an object, or that of a word alone: "adam" for {"kind": "adam"}. @param members of the object, empty for a word
template <class E>
[[nodiscard]] E named(io::Node const& node, std::optional<io::Members>& members, E last) {
    if (!node.is_object()) return named(node, last);
    members.emplace(node);
    return named(members->at("kind"), last);
}

inline auto const as_number = [](io::Node const& node) { return node.number(); };
inline auto const as_flag = [](io::Node const& node) { return node.flag(); };
inline auto const as_whole = [](io::Node const& node) { return node.whole(); };
inline auto const as_seed = [](io::Node const& node) { return node.whole_unsigned(); };
inline auto const as_text = [](io::Node const& node) { return node.text(); };
/// The number of a layer.
inline auto const as_index = [](io::Node const& node) {
    auto const number = node.whole();
    if (number > std::numeric_limits<int>::max()) node.fail_kind("a whole number below 2^31");
    return static_cast<int>(number);
};

/// Numbers that the kind does not use, such as the slope of a ReLU: a fault of who wrote them, or kept so that an architecture comes back
/// as it was.
enum class Unused : bool { refused, kept };

/// The members inputs, layers and encoder_layers. Nothing is asked of the numbers yet.
[[nodiscard]] Architecture read_architecture(io::Members&, Unused);
/// The members of FitOptions. Nothing is asked of the numbers yet.
[[nodiscard]] FitOptions read_fit(io::Members&);

}  // namespace ca3::autoencoder::description
