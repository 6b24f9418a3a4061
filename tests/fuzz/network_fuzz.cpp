#include "lif/description_entries.hpp"

#include "reader.hpp"

/// What a description promises: numbers of populations that there are.
static void check(ca3::lif::description::Description const& d) {
    auto const known = [&](std::size_t population) {
        if (population >= d.populations.size()) std::abort();
    };
    for (auto const& p : d.populations)
        if (p.name.empty() || p.neurons < 0) std::abort();
    for (auto const& p : d.projections) known(p.source), known(p.target);
    for (auto const& s : d.stimuli) known(s.population);
    for (auto const& r : d.recorders) known(r.population);
}

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string const text(reinterpret_cast<char const*>(data), size);
    ca3::io::fuzz::read_or_refuse_in_one_line([&] { check(ca3::lif::description::read_description(text, "input")); });
    return 0;
}
