#pragma once

#include <ca3/error.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

/// What the tests of file formats share.
namespace ca3::io::test {

using Bytes = std::vector<std::byte>;

[[nodiscard]] Bytes bytes(std::string_view text);
[[nodiscard]] Bytes operator+(Bytes left, Bytes const& right);

/// The values as they lie in memory.
template <class T>
[[nodiscard]] Bytes raw(std::vector<T> const& values) {
    Bytes result(values.size() * sizeof(T));
    if (!values.empty()) std::memcpy(result.data(), values.data(), result.size());
    return result;
}

/// The low `count` bytes of a number, least or most significant first.
[[nodiscard]] Bytes little(std::uint64_t value, int count);
[[nodiscard]] Bytes big(std::uint64_t value, int count);

/// A folder that goes with its object.
class Folder {
public:
    Folder();
    ~Folder();
    Folder(Folder const&) = delete;
    Folder& operator=(Folder const&) = delete;

    [[nodiscard]] std::string operator/(std::string const& name) const { return path_ + "/" + name; }
    [[nodiscard]] std::string const& path() const { return path_; }
    [[nodiscard]] std::vector<std::string> names() const;  ///< of the files in it, sorted

private:
    std::string path_;
};

[[nodiscard]] Bytes slurp(std::string const& path);
void spill(std::string const& path, Bytes const& content);

/// CRC-32 by its definition, bit by bit.
[[nodiscard]] std::uint32_t crc32(Bytes const& content);
/// Raw deflate without compression: one stored block. At most 65535 bytes.
[[nodiscard]] Bytes deflate_stored(Bytes const& content);
[[nodiscard]] Bytes gzip_stored(Bytes const& content);

/// The FormatError that `read` throws; a failure if it throws none.
template <class Read>
FormatError format_error(Read&& read) {
    try {
        static_cast<void>(read());
    } catch (FormatError const& error) {
        return error;
    } catch (std::exception const& error) {
        ADD_FAILURE() << "threw something else: " << error.what();
        return {"", 0, ""};
    }
    ADD_FAILURE() << "did not throw";
    return {"", 0, ""};
}

/// Every proper beginning of a valid file is refused.
template <class Parse>
void expect_every_truncation_refused(Bytes const& valid, Parse&& parse) {
    EXPECT_NO_THROW(static_cast<void>(parse(valid)));
    for (std::size_t length = 0; length < valid.size(); ++length) {
        Bytes const cut(valid.begin(), valid.begin() + static_cast<std::ptrdiff_t>(length));
        EXPECT_THROW(static_cast<void>(parse(cut)), FormatError) << "cut to " << length << " bytes";
    }
}

/// A file with one byte changed is read or refused; anything else escapes.
template <class Parse>
void expect_every_changed_byte_survived(Bytes const& valid, Parse&& parse) {
    for (std::size_t at = 0; at < valid.size(); ++at) {
        for (int const change : {0x01, 0x80, 0xFF}) {
            Bytes changed = valid;
            changed[at] ^= static_cast<std::byte>(change);
            try {
                static_cast<void>(parse(changed));
            } catch (FormatError const&) {
            }
        }
    }
}

/// The most memory that this process has held, in bytes.
[[nodiscard]] std::uint64_t peak_memory();

}  // namespace ca3::io::test
