#include "io/endian.hpp"
#include "io/zip.hpp"
#include "io/zip_format.hpp"

#include <ca3/error.hpp>

#include <algorithm>
#include <optional>
#include <set>

namespace ca3::io {
namespace {

using namespace zip;

[[noreturn]] void fail(Source const& source, std::uint64_t at, std::string const& what) {
    throw FormatError(source.name(), at, what);
}

std::vector<std::byte> read_at(Source const& source, std::uint64_t offset, std::uint64_t length) {
    // Checked before the memory is taken.
    if (offset > source.size() || length > source.size() - offset) {
        fail(source, source.size(), "the file ends inside a record that begins at byte " + std::to_string(offset));
    }
    std::vector<std::byte> bytes(static_cast<std::size_t>(length));
    source.read(offset, bytes);
    return bytes;
}

struct Directory {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    std::uint64_t entries = 0;
    std::uint64_t end = 0;  ///< where the directory must end: the record that follows it
};

/// The end record stands last, before a comment whose length it tells.
std::uint64_t find_end(Source const& source) {
    if (source.size() < end_size) fail(source, 0, "not a zip file: too short");
    std::uint64_t const most = std::min<std::uint64_t>(source.size(), end_size + 0xFFFF);
    auto const tail = read_at(source, source.size() - most, most);
    for (std::size_t at = tail.size() - end_size + 1; at-- > 0;) {
        if (load_little<std::uint32_t>(tail, at) != end_signature) continue;
        if (at + end_size + load_little<std::uint16_t>(tail, at + 20) == tail.size()) return source.size() - most + at;
    }
    fail(source, source.size(), "not a whole zip file: it does not end with a zip directory");
}

Directory read_end64(Source const& source, std::uint64_t end) {
    auto const locator = read_at(source, end - locator_size, locator_size);
    std::uint64_t const at = load_little<std::uint64_t>(locator, 8);
    auto const record = read_at(source, at, end64_size);
    if (load_little<std::uint32_t>(record, 0) != end64_signature) fail(source, at, "the zip64 end record is missing");
    std::uint64_t const length = load_little<std::uint64_t>(record, 4);
    if (length < end64_size - 12 || end - locator_size - at < 12 || length != end - locator_size - at - 12) {
        fail(source, at + 4, "the zip64 end record has a wrong length");
    }
    std::uint64_t const entries = load_little<std::uint64_t>(record, 32);
    if (load_little<std::uint32_t>(record, 16) != 0 || load_little<std::uint32_t>(record, 20) != 0 ||
        load_little<std::uint64_t>(record, 24) != entries) {
        fail(source, at + 16, "zip files in several volumes are not supported");
    }
    return {load_little<std::uint64_t>(record, 48), load_little<std::uint64_t>(record, 40), entries, at};
}

bool has_locator(Source const& source, std::uint64_t end) {
    return end >= locator_size && load_little<std::uint32_t>(read_at(source, end - locator_size, 4), 0) == locator_signature;
}

Directory find_directory(Source const& source) {
    std::uint64_t const end = find_end(source);
    auto const record = read_at(source, end, end_size);
    std::uint16_t const entries = load_little<std::uint16_t>(record, 10);
    Directory directory{load_little<std::uint32_t>(record, 16), load_little<std::uint32_t>(record, 12), entries, end};
    bool const zip64 = entries == see_zip64_short || directory.size == see_zip64 || directory.offset == see_zip64;
    if (zip64 && has_locator(source, end)) {
        directory = read_end64(source, end);
    } else if (load_little<std::uint16_t>(record, 4) != 0 || load_little<std::uint16_t>(record, 6) != 0 ||
               load_little<std::uint16_t>(record, 8) != entries) {
        fail(source, end + 4, "zip files in several volumes are not supported");
    }
    if (directory.offset > directory.end || directory.size != directory.end - directory.offset) {
        fail(source, end, "the zip directory is not where the file says");
    }
    if (directory.entries > directory.size / entry_size) {
        fail(source, end, "the zip directory is too small for its " + std::to_string(directory.entries) + " entries");
    }
    return directory;
}

/// Replaces the fields that say "see zip64", in the order that the format gives.
void read_zip64_extra(Source const& source, std::uint64_t at, std::span<std::byte const> extra, std::span<std::uint64_t* const> fields) {
    std::size_t next = 0;
    while (next + 4 <= extra.size()) {
        std::size_t const length = load_little<std::uint16_t>(extra, next + 2);
        if (length > extra.size() - next - 4) fail(source, at + next, "an extra field is longer than its room");
        if (load_little<std::uint16_t>(extra, next) == zip64_extra) {
            auto body = extra.subspan(next + 4, length);
            for (std::uint64_t* const field : fields) {
                if (*field != see_zip64) continue;
                if (body.size() < 8) fail(source, at + next, "the zip64 field is too short");
                *field = load_little<std::uint64_t>(body, 0);
                body = body.subspan(8);
            }
            return;
        }
        next += 4 + length;
    }
    if (std::ranges::any_of(fields, [](std::uint64_t const* field) { return *field == see_zip64; })) {
        fail(source, at, "the zip64 field is missing");
    }
}

struct Entry {
    ZipMember member;
    std::uint64_t header = 0;  ///< offset of the local header
    std::uint16_t method = stored;
};

Entry read_entry(Source const& source, std::span<std::byte const> directory, std::size_t& next, std::uint64_t base) {
    std::size_t const start = next;
    auto const at = [&](std::size_t field) { return base + start + field; };
    if (directory.size() - start < entry_size) fail(source, at(0), "the zip directory ends inside an entry");
    auto const bytes = directory.subspan(start);
    if (load_little<std::uint32_t>(bytes, 0) != entry_signature) fail(source, at(0), "a zip directory entry is missing");
    std::size_t const name_size = load_little<std::uint16_t>(bytes, 28);
    std::size_t const extra_size = load_little<std::uint16_t>(bytes, 30);
    std::size_t const total = entry_size + name_size + extra_size + load_little<std::uint16_t>(bytes, 32);
    if (total > bytes.size()) fail(source, at(28), "the zip directory ends inside an entry");
    next += total;

    Entry entry;
    entry.member.name.assign(reinterpret_cast<char const*>(bytes.data() + entry_size), name_size);
    std::string const who = "member '" + entry.member.name + "' ";
    std::uint16_t const flags = load_little<std::uint16_t>(bytes, 8);
    if ((flags & (flag_encrypted | flag_strongly_encrypted | flag_masked)) != 0) fail(source, at(8), who + "is encrypted");
    if ((flags & flag_patched) != 0) fail(source, at(8), who + "holds patch data");
    entry.method = load_little<std::uint16_t>(bytes, 10);
    if (entry.method != stored && entry.method != deflated) {
        fail(source, at(10), who + "uses compression method " + std::to_string(entry.method) + " (stored and deflated are supported)");
    }
    entry.member.deflated = entry.method == deflated;
    entry.member.crc = load_little<std::uint32_t>(bytes, 16);
    entry.member.compressed = load_little<std::uint32_t>(bytes, 20);
    entry.member.size = load_little<std::uint32_t>(bytes, 24);
    if (load_little<std::uint16_t>(bytes, 34) != 0) fail(source, at(34), who + "is in another volume");
    entry.header = load_little<std::uint32_t>(bytes, 42);
    std::uint64_t* const fields[] = {&entry.member.size, &entry.member.compressed, &entry.header};
    read_zip64_extra(source, at(entry_size + name_size), bytes.subspan(entry_size + name_size, extra_size), fields);
    if (!entry.member.deflated && entry.member.compressed != entry.member.size) {
        fail(source, at(20), who + "is stored, yet has two different sizes");
    }
    return entry;
}

/// Sets the offset of the data. `end` is where the next member, or the directory, begins.
void read_local_header(Source const& source, Entry& entry, std::uint64_t end) {
    std::string const who = "member '" + entry.member.name + "' ";
    if (entry.header > end || end - entry.header < local_size) fail(source, entry.header, who + "does not fit before what follows it");
    auto const bytes = read_at(source, entry.header, local_size);
    if (load_little<std::uint32_t>(bytes, 0) != local_signature) fail(source, entry.header, who + "has no local header");
    std::uint64_t const name_size = load_little<std::uint16_t>(bytes, 26);
    std::uint64_t const head = local_size + name_size + load_little<std::uint16_t>(bytes, 28);
    if (head > end - entry.header || entry.member.compressed > end - entry.header - head) {
        fail(source, entry.header, who + "of " + std::to_string(entry.member.compressed) + " bytes does not fit before what follows it");
    }
    auto const name = read_at(source, entry.header + local_size, name_size);
    if (load_little<std::uint16_t>(bytes, 8) != entry.method ||
        std::string_view(reinterpret_cast<char const*>(name.data()), name.size()) != entry.member.name) {
        fail(source, entry.header, who + "is called or compressed otherwise in its local header");
    }
    entry.member.offset = entry.header + head;
}

}  // namespace

std::vector<ZipMember> read_zip_directory(Source const& source) {
    Directory const directory = find_directory(source);
    auto const bytes = read_at(source, directory.offset, directory.size);
    std::vector<Entry> entries;
    std::set<std::string> names;
    std::size_t next = 0;
    for (std::uint64_t i = 0; i < directory.entries; ++i) {
        std::size_t const at = next;
        entries.push_back(read_entry(source, bytes, next, directory.offset));
        if (!names.insert(entries.back().member.name).second) {
            fail(source, directory.offset + at, "member '" + entries.back().member.name + "' occurs twice");
        }
    }
    if (next != bytes.size()) fail(source, directory.offset + next, "there are bytes after the last zip directory entry");

    std::ranges::sort(entries, {}, &Entry::header);
    std::vector<ZipMember> members;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        read_local_header(source, entries[i], i + 1 < entries.size() ? entries[i + 1].header : directory.offset);
        members.push_back(std::move(entries[i].member));
    }
    return members;
}

}  // namespace ca3::io
