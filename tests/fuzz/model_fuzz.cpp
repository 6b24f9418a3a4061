#include <ca3/autoencoder/description.hpp>

#include "autoencoder/tensors.hpp"
#include "reader.hpp"

#include <cmath>

using namespace ca3::autoencoder;

/// What is taken is finite, and given back as it was.
static void check(Plan const& plan, ca3::io::Tensors const& tensors, bool others) {
    State state;
    state.parameters.resize(static_cast<std::size_t>(plan.parameters));
    state.buffers.resize(static_cast<std::size_t>(plan.buffers));
    state.batches.resize(static_cast<std::size_t>(plan.counts));
    take_tensors(plan, tensors, state, "input", others);
    for (double const x : state.parameters)
        if (!std::isfinite(x)) std::abort();
    State again = state;
    take_tensors(plan, to_tensors(plan, state, ca3::Precision::f64), again, "to_tensors");
    if (again.parameters != state.parameters || again.buffers != state.buffers || again.batches != state.batches) std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace ca3::io;
    static Plan const plan = make_plan({3, {2, ca3::prelu, {.batch_norm = true}}, {3, ca3::sigmoid, {.tied_to = 0}}});
    fuzz::read_or_refuse([&] {
        Tensors const tensors = parse_safetensors(fuzz::to_bytes(data, size), "input");
        fuzz::read_or_refuse_in_one_line([&] { check(plan, tensors, true); });
        fuzz::read_or_refuse_in_one_line([&] {
            auto const found = tensors.metadata.find("architecture");
            if (found == tensors.metadata.end()) return;
            Plan const described = make_plan(parse_architecture(found->second, "architecture"));
            check_tensors(described, tensors, "input");  // takes no memory for what is not there
            check(described, tensors, false);
        });
    });
    return 0;
}
