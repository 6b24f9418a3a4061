#include <ca3/io/idx.hpp>

#include "reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace ca3::io;
    fuzz::read_or_refuse([&] {
        auto const array = parse_idx(fuzz::to_bytes(data, size), "input");
        std::uint64_t elements = 1;
        for (auto const dimension : array.shape) elements *= static_cast<std::uint64_t>(dimension);
        if (elements == 0 ? !array.data.empty() : array.data.size() % elements != 0) std::abort();
    });
    return 0;
}
