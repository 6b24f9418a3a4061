#include <ca3/autoencoder/description.hpp>

#include <ca3/error.hpp>

#include "autoencoder/checks.hpp"
#include "autoencoder/description_entries.hpp"
#include "autoencoder/plan.hpp"
#include "io/source.hpp"

#include <span>

namespace ca3::autoencoder {

using namespace description;

Description parse_description(std::string_view text, std::string const& document) {
    nlohmann::json const tree = io::parse_tree(text, document);
    io::Members members(io::Node(tree, document, "$"));
    Description result{.architecture = read_architecture(members, Unused::refused)};
    members.take("seed", result.options.seed, as_seed);
    members.take("precision", result.options.precision, [](io::Node const& node) { return named(node, Precision::f64); });
    result.fit = read_fit(members);
    members.close();
    std::string const root = document + ": $";
    try {
        check_fit_options(result.fit, make_plan(result.architecture), root.c_str());
    } catch (InvalidArgument const& error) {
        std::string const what = error.what();
        throw InvalidArgument(what.starts_with(root) ? what : root + ": " + what);
    }
    return result;
}

Description read_description(std::string const& path) {
    auto const source = io::open_file(path);
    std::string text(source->size(), '\0');
    source->read(0, std::as_writable_bytes(std::span(text)));
    return parse_description(text, path);
}

}  // namespace ca3::autoencoder
