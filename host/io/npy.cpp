#include <ca3/io/npy.hpp>

#include <ca3/error.hpp>

#include "core/check.hpp"
#include "io/endian.hpp"
#include "io/npy_stream.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace ca3::io {
namespace {

/// Column-major to row-major. Dimensions of one change nothing.
std::vector<std::byte> to_row_major(std::vector<std::byte> const& data, std::span<std::int64_t const> shape, std::size_t element) {
    std::vector<std::size_t> size;
    std::vector<std::size_t> step;  // bytes between neighbours in the source
    std::size_t stride = element;
    for (std::int64_t const dimension : shape) {
        if (dimension != 1) {
            size.push_back(static_cast<std::size_t>(dimension));
            step.push_back(stride);
        }
        stride *= static_cast<std::size_t>(dimension);
    }
    if (size.size() < 2 || data.empty()) return data;

    std::vector<std::byte> result(data.size());
    std::vector<std::size_t> index(size.size(), 0);
    std::size_t from = 0;
    for (std::size_t to = 0; to < result.size(); to += element) {
        std::memcpy(result.data() + to, data.data() + from, element);
        for (std::size_t axis = size.size(); axis-- > 0;) {
            from += step[axis];
            if (++index[axis] < size[axis]) break;
            from -= step[axis] * size[axis];
            index[axis] = 0;
        }
    }
    return result;
}

}  // namespace

Array read_npy_stream(Stream& stream) {
    auto const magic = take(stream, 8, "the NPY magic number");
    if (std::memcmp(magic.data(), "\x93NUMPY", 6) != 0) stream.fail(0, "not an NPY file: it must begin with \\x93NUMPY");
    auto const version = std::to_integer<int>(magic[6]);
    if (version < 1 || version > 3 || magic[7] != std::byte{0}) {
        stream.fail(6, "NPY version " + std::to_string(version) + "." + std::to_string(std::to_integer<int>(magic[7])) +
                           " is not supported (1.0, 2.0 and 3.0 are)");
    }
    auto const length_field = take(stream, version == 1 ? 2 : 4, "the length of the NPY header");
    std::uint64_t const length = version == 1 ? load_little<std::uint16_t>(length_field, 0) : load_little<std::uint32_t>(length_field, 0);
    std::uint64_t constexpr longest = 65536;  // only structured types need more
    if (length > longest) stream.fail(8, "an NPY header of " + std::to_string(length) + " bytes is longer than any of a plain array");
    std::uint64_t const header_at = stream.position();
    auto const text = take(stream, length, "the NPY header");
    auto const header = parse_npy_header({reinterpret_cast<char const*>(text.data()), text.size()}, stream, header_at);

    std::size_t const element = size_of(header.dtype);
    auto const bytes = byte_count(header.shape, element);
    if (!bytes) stream.fail(header_at, "shape " + shape_text(header.shape) + " is larger than any file");
    std::uint64_t const data_at = stream.position();
    auto data = take(stream, *bytes, to_string(header.dtype) + " data of shape " + shape_text(header.shape));
    expect_end(stream);
    if (header.dtype == DType::boolean) {
        if (auto const bad = find_bad_boolean(data)) stream.fail(data_at + *bad, "a bool is neither 0 nor 1");
    }
    if (header.foreign_order) swap_elements(data, element);
    if (header.fortran_order) {
        try {
            data = to_row_major(data, header.shape, element);
        } catch (std::bad_alloc const&) {
            throw OutOfMemory("converting Fortran order", data.size(), 0);
        }
    }
    return {.dtype = header.dtype, .shape = header.shape, .data = std::move(data)};
}

void require_npy(char const* function, std::string const& name, Array const& array) {
    require(array.dtype != DType::bf16, function, [&] { return name + " is bfloat16, which NPY does not have"; });
    require(size_of(array.dtype) > 0, function, [&] { return name + " has " + to_string(array.dtype); });
    require(array.shape.size() <= most_npy_dimensions, function, [&] {
        return name + " has " + std::to_string(array.shape.size()) + " dimensions, NPY holds at most " +
               std::to_string(most_npy_dimensions);
    });
    require_consistent(function, name, array.shape, size_of(array.dtype), array.data);
}

void write_npy_stream(Sink const& sink, Array const& array) {
    sink(npy_preamble(array));
    write_elements(sink, array.data, size_of(array.dtype), std::endian::little);
}

Array read_npy(std::string const& path) {
    auto const file = open_file(path);
    return read_npy_stream(*open_range(*file, 0, file->size()));
}

Array parse_npy(std::vector<std::byte> const& bytes, std::string const& name) {
    auto const memory = open_memory(bytes, name);
    return read_npy_stream(*open_range(*memory, 0, memory->size()));
}

void write_npy(std::string const& path, Array const& array) {
    require_npy("write_npy", "array", array);
    OutputFile file(path);
    write_npy_stream(file.sink(), array);
    file.commit();
}

}  // namespace ca3::io
