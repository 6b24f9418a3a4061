#include "io/endian.hpp"
#include "io/zip.hpp"
#include "io/zip_format.hpp"

#include <algorithm>
#include <iterator>

namespace ca3::io {
namespace {

using namespace zip;

constexpr std::uint16_t version_plain = 20;
constexpr std::uint16_t version_zip64 = 45;
constexpr std::uint16_t date_1980_01_01 = 1 << 5 | 1;

void append(std::vector<std::byte>& to, std::string const& text) {
    auto const bytes = std::as_bytes(std::span(text));
    to.insert(to.end(), bytes.begin(), bytes.end());
}

std::uint32_t narrow(std::uint64_t value, bool zip64) {
    return zip64 ? see_zip64 : static_cast<std::uint32_t>(value);
}

/// From the version needed to the length of the name: the same in a local header and in a directory entry.
std::vector<std::byte> fixed_fields(ZipMember const& member, std::uint16_t version, bool zip64) {
    bool const ascii = std::ranges::all_of(member.name, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    std::vector<std::byte> bytes;
    append_little(bytes, version);
    append_little(bytes, ascii ? std::uint16_t{0} : flag_utf8);
    append_little(bytes, member.deflated ? deflated : stored);
    append_little(bytes, std::uint16_t{0});  // midnight
    append_little(bytes, date_1980_01_01);
    append_little(bytes, member.crc);
    append_little(bytes, narrow(member.compressed, zip64));
    append_little(bytes, narrow(member.size, zip64));
    append_little(bytes, static_cast<std::uint16_t>(member.name.size()));
    return bytes;
}

}  // namespace

ZipWriter::ZipWriter(Sink sink, std::uint64_t zip64_from) : sink_(std::move(sink)), zip64_from_(zip64_from) {}

void ZipWriter::put(std::span<std::byte const> bytes) {
    sink_(bytes);
    written_ += bytes.size();
}

void ZipWriter::add(std::string const& name, std::function<void(Sink const&)> const& content, bool compress) {
    Entry entry{.member = {.name = name, .deflated = compress}, .header_offset = written_};
    ZipMember& member = entry.member;
    std::vector<std::byte> packed;
    auto const count = [&](std::span<std::byte const> bytes) {
        member.crc = extend_crc(member.crc, bytes);
        member.size += bytes.size();
    };
    if (compress) {
        Deflater deflater(Wrapping::raw,
                          [&](std::span<std::byte const> bytes) { packed.insert(packed.end(), bytes.begin(), bytes.end()); });
        content([&](std::span<std::byte const> bytes) {
            count(bytes);
            deflater.write(bytes);
        });
        deflater.finish();
    } else {
        content(count);
    }
    member.compressed = compress ? packed.size() : member.size;

    bool const zip64 = std::max(member.size, member.compressed) >= zip64_from_;
    std::vector<std::byte> header;
    append_little(header, local_signature);
    std::ranges::copy(fixed_fields(member, zip64 ? version_zip64 : version_plain, zip64), std::back_inserter(header));
    append_little(header, static_cast<std::uint16_t>(zip64 ? 20 : 0));
    append(header, name);
    if (zip64) {
        append_little(header, zip64_extra);
        append_little(header, std::uint16_t{16});
        append_little(header, member.size);
        append_little(header, member.compressed);
    }
    put(header);
    if (compress) {
        put(packed);
    } else {
        content([this](std::span<std::byte const> bytes) { put(bytes); });
    }
    entries_.push_back(std::move(entry));
}

void ZipWriter::finish() {
    std::uint64_t const directory = written_;
    for (auto const& [member, header_offset] : entries_) {
        bool const sizes64 = std::max(member.size, member.compressed) >= zip64_from_;
        bool const offset64 = header_offset >= zip64_from_;
        std::vector<std::byte> extra;
        if (sizes64 || offset64) {
            append_little(extra, zip64_extra);
            append_little(extra, static_cast<std::uint16_t>((sizes64 ? 16 : 0) + (offset64 ? 8 : 0)));
            if (sizes64) append_little(extra, member.size);
            if (sizes64) append_little(extra, member.compressed);
            if (offset64) append_little(extra, header_offset);
        }
        std::vector<std::byte> entry;
        append_little(entry, entry_signature);
        std::uint16_t const version = extra.empty() ? version_plain : version_zip64;
        append_little(entry, version);  // made by
        std::ranges::copy(fixed_fields(member, version, sizes64), std::back_inserter(entry));
        append_little(entry, static_cast<std::uint16_t>(extra.size()));
        append_little(entry, std::uint16_t{0});  // comment
        append_little(entry, std::uint16_t{0});  // volume
        append_little(entry, std::uint16_t{0});  // internal attributes
        append_little(entry, std::uint32_t{0});  // external attributes
        append_little(entry, narrow(header_offset, offset64));
        append(entry, member.name);
        std::ranges::copy(extra, std::back_inserter(entry));
        put(entry);
    }
    std::uint64_t const end = written_;
    std::uint64_t const size = end - directory;
    bool const zip64 = entries_.size() >= see_zip64_short || size >= zip64_from_ || directory >= zip64_from_;
    std::vector<std::byte> tail;
    if (zip64) {
        append_little(tail, end64_signature);
        append_little(tail, std::uint64_t{end64_size - 12});
        append_little(tail, version_zip64);
        append_little(tail, version_zip64);
        append_little(tail, std::uint32_t{0});
        append_little(tail, std::uint32_t{0});
        append_little(tail, std::uint64_t{entries_.size()});
        append_little(tail, std::uint64_t{entries_.size()});
        append_little(tail, size);
        append_little(tail, directory);
        append_little(tail, locator_signature);
        append_little(tail, std::uint32_t{0});
        append_little(tail, end);
        append_little(tail, std::uint32_t{1});
    }
    auto const entries = zip64 ? see_zip64_short : static_cast<std::uint16_t>(entries_.size());
    append_little(tail, end_signature);
    append_little(tail, std::uint16_t{0});
    append_little(tail, std::uint16_t{0});
    append_little(tail, entries);
    append_little(tail, entries);
    append_little(tail, narrow(size, zip64));
    append_little(tail, narrow(directory, zip64));
    append_little(tail, std::uint16_t{0});
    put(tail);
}

}  // namespace ca3::io
