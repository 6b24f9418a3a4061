#pragma once

#include "io/output.hpp"
#include "io/stream.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

/// As much of the zip format (APPNOTE 6.3) as NPZ uses: stored and deflated members, zip64, no encryption, one volume.
namespace ca3::io {

struct ZipMember {
    std::string name;
    bool deflated = false;
    std::uint32_t crc = 0;
    std::uint64_t compressed = 0;
    std::uint64_t size = 0;
    std::uint64_t offset = 0;  ///< of the compressed data
};

/// Continues the CRC-32 of what came before.
[[nodiscard]] std::uint32_t extend_crc(std::uint32_t crc, std::span<std::byte const> bytes) noexcept;

/// The members in the order of the file. Refuses what does not lie where it says: overlaps, sizes beyond the file, duplicate names,
/// local headers that disagree with the directory. @throws FormatError
[[nodiscard]] std::vector<ZipMember> read_zip_directory(Source const& source);

/// A member's content. `expect_end` on it checks size and CRC. Source and member must outlive the stream.
[[nodiscard]] std::unique_ptr<Stream> open_zip_member(Source const& source, ZipMember const& member);

/// Writes members one after the other, all dated 1980-01-01, so that the same content gives the same bytes.
class ZipWriter {
public:
    /// Sizes and offsets from `zip64_from` on are written in zip64 fields (a parameter, so that a test needs no file of 4 GiB).
    explicit ZipWriter(Sink sink, std::uint64_t zip64_from = 0xFFFFFFFF);

    /// `content` writes the member's bytes to a sink, the same bytes each time that it is called.
    void add(std::string const& name, std::function<void(Sink const&)> const& content, bool compress);
    void finish();

private:
    struct Entry {
        ZipMember member;
        std::uint64_t header_offset;
    };

    void put(std::span<std::byte const> bytes);

    Sink sink_;
    std::uint64_t zip64_from_;
    std::uint64_t written_ = 0;
    std::vector<Entry> entries_;
};

}  // namespace ca3::io
