#include <ca3/io/safetensors.hpp>

#include "reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace ca3::io;
    fuzz::read_or_refuse([&] {
        for (auto const& [name, array] : parse_safetensors(fuzz::to_bytes(data, size), "input").tensors) fuzz::check(array);
    });
    return 0;
}
