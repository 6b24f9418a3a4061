#pragma once

#include <ca3/error.hpp>

#include "io/source.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace ca3::io {

/// Bytes in order: a stretch of a source as it is, or inflated.
class Stream {
public:
    struct Rest {
        std::uint64_t bytes;  ///< at most this many are still to come
        bool certain;         ///< and exactly this many are there
    };

    virtual ~Stream() = default;

    /// Fills `to`; fewer bytes come only at the end. Returns their number.
    std::size_t read(std::span<std::byte> to);
    [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
    [[nodiscard]] virtual Rest rest() const = 0;
    /// For byte `at` of the stream, translated to a byte of the file where there is such a byte.
    [[nodiscard]] virtual FormatError error(std::uint64_t at, std::string const& what) const = 0;
    [[noreturn]] void fail(std::uint64_t at, std::string const& what) const { throw error(at, what); }

private:
    virtual std::size_t fill(std::span<std::byte> to) = 0;

    std::uint64_t position_ = 0;
};

/// The next `bytes` bytes. Where it is not certain that so many are there, memory grows as they arrive, so that a lying header costs
/// nothing. `what` names them in errors. @throws FormatError when fewer come, OutOfMemory
[[nodiscard]] std::vector<std::byte> take(Stream& stream, std::uint64_t bytes, std::string const& what);

/// @throws FormatError unless the stream ends here
void expect_end(Stream& stream);

/// `length` bytes of the source from `offset` on, which the caller has checked to be there. `context` precedes the text of errors.
[[nodiscard]] std::unique_ptr<Stream> open_range(Source const& source, std::uint64_t offset, std::uint64_t length,
                                                 std::string context = {});

enum class Wrapping { gzip, raw };  ///< gzip checks its own sum and may hold several members; raw is deflate as in zip
/// The same, inflated. The compressed data must fill the range exactly. The source must outlive the stream.
[[nodiscard]] std::unique_ptr<Stream> open_inflated(Source const& source, std::uint64_t offset, std::uint64_t length, Wrapping wrapping,
                                                    std::string context = {});

/// The whole source, inflated if it begins like gzip.
[[nodiscard]] std::unique_ptr<Stream> open_maybe_gzip(Source const& source);

}  // namespace ca3::io
