#pragma once

#include <ca3/lif/network.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ca3::lif {

/// A network written as JSON (the schema is in README, "Networks as JSON"), with the recorders that it asks for.
struct DescribedNetwork {
    Network network;
    struct Recording {
        Recorder recorder;
        std::string kind;  ///< "spikes", "voltage", "excitatory", "inhibitory"
        Population population;
    };
    std::vector<Recording> recordings{};  ///< in the order of the text
};

/// What is set here is used in place of what the text says or leaves open.
struct NetworkOverrides {
    std::optional<double> step_ms{};
    std::optional<std::uint64_t> seed{};
    std::optional<Precision> precision{};
    std::optional<int> weight_bits{};
};

/// Nothing is built yet; what the text names is all that takes memory. @param name of the text, for errors
/// @throws FormatError for what is not JSON (with the byte); InvalidArgument with the JSON path of the fault, as in
///         "net.json: $.projections[2].rule.count: must be a whole number that is not negative, is -3"; what the functions of Network
///         throw, with the path of the population, projection, stimulus or recorder in front
[[nodiscard]] DescribedNetwork parse_network(Context const&, std::string_view json, std::string const& name, NetworkOverrides = {});
/// @throws FileError too
[[nodiscard]] DescribedNetwork read_network(Context const&, std::string const& path, NetworkOverrides = {});

}  // namespace ca3::lif
