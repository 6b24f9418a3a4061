#include <ca3/io/safetensors.hpp>

#include <ca3/error.hpp>

#include "core/check.hpp"
#include "io/elements.hpp"
#include "io/endian.hpp"
#include "io/safetensors_header.hpp"

#include <algorithm>

namespace ca3::io {
namespace {

Tensors parse(Source const& source) {
    auto const stream = open_range(source, 0, source.size());
    std::uint64_t const length = load_little<std::uint64_t>(take(*stream, 8, "the length of the safetensors header"), 0);
    std::uint64_t constexpr longest = 100'000'000;  // the limit of the format's own library
    if (length > longest) stream->fail(0, "a safetensors header of " + std::to_string(length) + " bytes is longer than any may be");
    auto const text = take(*stream, length, "the safetensors header");
    auto const header = parse_safetensors_header({reinterpret_cast<char const*>(text.data()), text.size()}, source.name(), 8);

    std::uint64_t const base = stream->position();
    std::uint64_t const announced = header.entries.empty() ? 0 : header.entries.back().end;
    std::uint64_t const there = stream->rest().bytes;
    if (announced != there) {
        stream->fail(base + std::min(announced, there),
                     "the header announces " + std::to_string(announced) + " bytes of data, the file holds " + std::to_string(there));
    }
    Tensors result{.tensors = {}, .metadata = header.metadata};
    for (TensorEntry const& entry : header.entries) {
        Array array{
            .dtype = entry.dtype, .shape = entry.shape, .data = take(*stream, entry.end - entry.begin, "tensor '" + entry.name + "'")};
        if (array.dtype == DType::boolean) {
            if (auto const bad = find_bad_boolean(array.data)) stream->fail(base + entry.begin + *bad, "a bool is neither 0 nor 1");
        }
        if constexpr (std::endian::native == std::endian::big) swap_elements(array.data, size_of(array.dtype));
        result.tensors.emplace(entry.name, std::move(array));
    }
    return result;
}

/// Wide elements first, then by name, so that every tensor is aligned to its element.
SafetensorsHeader lay_out(Tensors const& tensors) {
    SafetensorsHeader header{.entries = {}, .metadata = tensors.metadata};
    for (auto const& [name, array] : tensors.tensors) {
        header.entries.push_back({.name = name, .dtype = array.dtype, .shape = array.shape, .begin = 0, .end = array.data.size()});
    }
    std::ranges::stable_sort(header.entries, std::ranges::greater{}, [](TensorEntry const& entry) { return size_of(entry.dtype); });
    std::uint64_t end = 0;
    for (TensorEntry& entry : header.entries) {
        entry.begin = end;
        entry.end = end += entry.end;
    }
    return header;
}

}  // namespace

Tensors read_safetensors(std::string const& path) {
    return parse(*open_file(path));
}

Tensors parse_safetensors(std::vector<std::byte> const& bytes, std::string const& name) {
    return parse(*open_memory(bytes, name));
}

void write_safetensors(std::string const& path, Tensors const& tensors) {
    char constexpr function[] = "write_safetensors";
    for (auto const& [name, array] : tensors.tensors) {
        std::string const who = "tensor '" + name + "'";
        require(name != "__metadata__", function, [] { return "no tensor may be called __metadata__"; });
        require(size_of(array.dtype) > 0, function, [&, type = array.dtype] { return who + " has " + to_string(type); });
        require_consistent(function, who, array.shape, size_of(array.dtype), array.data);
    }
    auto const header = lay_out(tensors);
    std::string const text = safetensors_header_text(header);
    std::vector<std::byte> length;
    append_little(length, std::uint64_t{text.size()});

    OutputFile file(path);
    file.write(length);
    file.write(std::as_bytes(std::span(text)));
    for (TensorEntry const& entry : header.entries) {
        write_elements(file.sink(), tensors.tensors.at(entry.name).data, size_of(entry.dtype), std::endian::little);
    }
    file.commit();
}

}  // namespace ca3::io
