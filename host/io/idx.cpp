#include <ca3/io/idx.hpp>

#include <ca3/error.hpp>

#include "core/check.hpp"
#include "io/elements.hpp"
#include "io/endian.hpp"

#include <limits>

namespace ca3::io {
namespace {

/// 0 for what is no IDX type.
std::size_t element_size(IdxType type) noexcept {
    switch (type) {
        case IdxType::u8:
        case IdxType::i8:
            return 1;
        case IdxType::i16:
            return 2;
        case IdxType::i32:
        case IdxType::f32:
            return 4;
        case IdxType::f64:
            return 8;
    }
    return 0;
}

IdxArray parse(Stream& stream) {
    auto const magic = take(stream, 4, "the IDX magic number");
    if (magic[0] != std::byte{0} || magic[1] != std::byte{0}) stream.fail(0, "not an IDX file: it must begin with two zero bytes");
    IdxArray array{.type = static_cast<IdxType>(magic[2]), .shape = {}, .data = {}};
    std::size_t const element = element_size(array.type);
    if (element == 0) stream.fail(2, "element type " + std::to_string(std::to_integer<int>(magic[2])) + " is not one of IDX");
    auto const dimensions = std::to_integer<std::size_t>(magic[3]);
    auto const sizes = take(stream, 4 * dimensions, "the list of " + std::to_string(dimensions) + " IDX dimensions");
    for (std::size_t i = 0; i < dimensions; ++i) array.shape.push_back(load_big<std::uint32_t>(sizes, 4 * i));
    auto const bytes = byte_count(array.shape, element);
    if (!bytes) stream.fail(4, "shape " + shape_text(array.shape) + " is larger than any file");
    array.data = take(stream, *bytes, "the data of shape " + shape_text(array.shape));
    expect_end(stream);
    if constexpr (std::endian::native == std::endian::little) swap_elements(array.data, element);
    return array;
}

}  // namespace

IdxArray read_idx(std::string const& path) {
    auto const file = open_file(path);
    return parse(*open_maybe_gzip(*file));
}

IdxArray parse_idx(std::vector<std::byte> const& bytes, std::string const& name) {
    auto const memory = open_memory(bytes, name);
    return parse(*open_maybe_gzip(*memory));
}

void write_idx(std::string const& path, IdxArray const& array) {
    char constexpr function[] = "write_idx";
    std::size_t const element = element_size(array.type);
    require(element > 0, function, [&] { return "type " + std::to_string(static_cast<int>(array.type)) + " is not one of IDX"; });
    require(array.shape.size() <= 255, function,
            [&] { return "IDX holds at most 255 dimensions, array has " + std::to_string(array.shape.size()); });
    require_consistent(function, "array", array.shape, element, array.data);
    std::vector<std::byte> header{std::byte{0}, std::byte{0}, static_cast<std::byte>(array.type),
                                  static_cast<std::byte>(array.shape.size())};
    for (std::int64_t const size : array.shape) {
        require(size <= std::numeric_limits<std::uint32_t>::max(), function,
                [&] { return "IDX holds 32-bit sizes, array has shape " + shape_text(array.shape); });
        append_big(header, static_cast<std::uint32_t>(size));
    }
    OutputFile file(path);
    auto const write = [&](Sink const& sink) {
        sink(header);
        write_elements(sink, array.data, element, std::endian::big);
    };
    if (path.ends_with(".gz")) {
        Deflater deflater(Wrapping::gzip, file.sink());
        write([&](std::span<std::byte const> bytes) { deflater.write(bytes); });
        deflater.finish();
    } else {
        write(file.sink());
    }
    file.commit();
}

}  // namespace ca3::io
