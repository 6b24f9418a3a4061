#include <ca3/io/npy.hpp>

#include "reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace ca3::io;
    auto const bytes = fuzz::to_bytes(data, size);
    fuzz::read_or_refuse([&] { fuzz::check(parse_npy(bytes, "input")); });
    fuzz::read_or_refuse([&] {
        for (auto const& [name, array] : parse_npz(bytes, "input")) fuzz::check(array);
    });
    return 0;
}
