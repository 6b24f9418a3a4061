#pragma once

#include <ca3/io/safetensors.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The JSON header of safetensors.
namespace ca3::io {

struct TensorEntry {
    std::string name;
    DType dtype = DType::f32;
    std::vector<std::int64_t> shape;
    std::uint64_t begin = 0;  ///< from the start of the data
    std::uint64_t end = 0;
};

struct SafetensorsHeader {
    std::vector<TensorEntry> entries;  ///< in the order of their data
    std::map<std::string, std::string> metadata;
};

/// Everything but the extent of the data is checked. `file` and `at` (where the text stands) are for errors. @throws FormatError
[[nodiscard]] SafetensorsHeader parse_safetensors_header(std::string_view text, std::string const& file, std::uint64_t at);

/// Padded with spaces to a multiple of 8. @throws InvalidArgument for names that are no UTF-8
[[nodiscard]] std::string safetensors_header_text(SafetensorsHeader const& header);

}  // namespace ca3::io
