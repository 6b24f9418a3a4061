#include <ca3/autoencoder/description.hpp>

#include "reader.hpp"

using namespace ca3::autoencoder;

/// What is written is read as what it was, and written the same again.
static void check(Architecture const& architecture) {
    std::string const text = to_json(architecture);
    Architecture const again = parse_architecture(text, "to_json");
    if (again != architecture || to_json(again) != text) std::abort();
    if (architecture.inputs < 1 || architecture.layers.empty() || tensors(architecture).empty()) std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string const text(reinterpret_cast<char const*>(data), size);
    ca3::io::fuzz::read_or_refuse_in_one_line([&] {
        Description const d = parse_description(text, "input");
        if (d.fit.epochs < 0 || d.fit.batch < 1 || d.fit.checkpoint_every < 1) std::abort();
        check(d.architecture);
    });
    ca3::io::fuzz::read_or_refuse_in_one_line([&] { check(parse_architecture(text, "input")); });
    return 0;
}
