#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace ca3::io {

/// Bytes that can be read at any position: a file or memory. Its size is known before anything is read.
class Source {
public:
    Source(std::string name, std::uint64_t size) : name_(std::move(name)), size_(size) {}
    virtual ~Source() = default;
    Source(Source const&) = delete;
    Source& operator=(Source const&) = delete;

    [[nodiscard]] std::string const& name() const noexcept { return name_; }
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

    /// Fills `to` with the bytes from `offset` on. @throws FormatError when the source ends before that, FileError when the system cannot
    /// read
    void read(std::uint64_t offset, std::span<std::byte> to) const;

private:
    virtual void fill(std::uint64_t offset, std::span<std::byte> to) const = 0;

    std::string name_;
    std::uint64_t size_;
};

/// A regular file. @throws FileError with the system's reason; folders, pipes and devices are refused
[[nodiscard]] std::unique_ptr<Source> open_file(std::string const& path);

/// Memory that outlives the source.
[[nodiscard]] std::unique_ptr<Source> open_memory(std::span<std::byte const> bytes, std::string const& name);

/// "cannot <verb> '<path>': <the reason that the system gives for `code`>"
[[noreturn]] void throw_file_error(char const* verb, std::string const& path, int code);

}  // namespace ca3::io
