#include "io/elements.hpp"

#include <ca3/error.hpp>

#include "core/check.hpp"

#include <algorithm>
#include <limits>
#include <vector>

namespace ca3::io {

std::size_t size_of(DType dtype) noexcept {
    switch (dtype) {
        case DType::boolean:
        case DType::i8:
        case DType::u8:
            return 1;
        case DType::i16:
        case DType::u16:
        case DType::f16:
        case DType::bf16:
            return 2;
        case DType::i32:
        case DType::u32:
        case DType::f32:
            return 4;
        case DType::i64:
        case DType::u64:
        case DType::f64:
            return 8;
    }
    return 0;
}

std::string to_string(DType dtype) {
    switch (dtype) {
        case DType::boolean:
            return "bool";
        case DType::i8:
            return "int8";
        case DType::u8:
            return "uint8";
        case DType::i16:
            return "int16";
        case DType::u16:
            return "uint16";
        case DType::i32:
            return "int32";
        case DType::u32:
            return "uint32";
        case DType::i64:
            return "int64";
        case DType::u64:
            return "uint64";
        case DType::f16:
            return "float16";
        case DType::bf16:
            return "bfloat16";
        case DType::f32:
            return "float32";
        case DType::f64:
            return "float64";
    }
    return "unknown type " + std::to_string(static_cast<int>(dtype));
}

std::int64_t Array::size() const {
    auto const elements = byte_count(shape, 1);
    require(elements.has_value(), "Array::size", [&] { return "shape " + shape_text(shape) + " is negative or beyond 64 bits"; });
    return static_cast<std::int64_t>(*elements);
}

std::optional<std::uint64_t> byte_count(std::span<std::int64_t const> shape, std::size_t element) {
    std::uint64_t constexpr limit = std::numeric_limits<std::int64_t>::max();
    std::uint64_t bytes = element;
    bool empty = false;
    for (std::int64_t const dimension : shape) {
        if (dimension < 0) return std::nullopt;
        auto const factor = static_cast<std::uint64_t>(dimension);
        empty = empty || factor == 0;
        if (factor > 1 && bytes > limit / factor) return std::nullopt;
        bytes *= std::max<std::uint64_t>(factor, 1);
    }
    return empty ? 0 : bytes;
}

std::string shape_text(std::span<std::int64_t const> shape) {
    std::string text = "(";
    for (std::size_t i = 0; i < shape.size(); ++i) text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
    return text + (shape.size() == 1 ? ",)" : ")");
}

void swap_elements(std::span<std::byte> data, std::size_t element) noexcept {
    if (element < 2) return;
    for (std::size_t at = 0; at + element <= data.size(); at += element) std::ranges::reverse(data.subspan(at, element));
}

void write_elements(Sink const& sink, std::span<std::byte const> data, std::size_t element, std::endian order) {
    if (order == std::endian::native || element < 2) return sink(data);
    std::size_t constexpr step = 65536;  // a multiple of every element's size
    std::vector<std::byte> swapped;
    for (std::size_t at = 0; at < data.size(); at += step) {
        auto const part = data.subspan(at, std::min(step, data.size() - at));
        swapped.assign(part.begin(), part.end());
        swap_elements(swapped, element);
        sink(swapped);
    }
}

std::optional<std::uint64_t> find_bad_boolean(std::span<std::byte const> data) noexcept {
    auto const bad = std::ranges::find_if(data, [](std::byte value) { return value > std::byte{1}; });
    if (bad == data.end()) return std::nullopt;
    return static_cast<std::uint64_t>(bad - data.begin());
}

void require_consistent(char const* function, std::string const& name, std::span<std::int64_t const> shape, std::size_t element,
                        std::span<std::byte const> data) {
    auto const bytes = byte_count(shape, element);
    require(bytes.has_value(), function, [&] { return name + " has the impossible shape " + shape_text(shape); });
    require(*bytes == data.size(), function, [&] {
        return name + " of shape " + shape_text(shape) + " needs " + std::to_string(*bytes) + " bytes of data, has " +
               std::to_string(data.size());
    });
}

}  // namespace ca3::io
