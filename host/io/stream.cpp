#include "io/stream.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <new>

namespace ca3::io {
namespace {

class RangeStream final : public Stream {
public:
    RangeStream(Source const& source, std::uint64_t offset, std::uint64_t length, std::string context)
        : source_(source), offset_(offset), length_(length), context_(std::move(context)) {}

    Rest rest() const override { return {length_ - position(), true}; }
    FormatError error(std::uint64_t at, std::string const& what) const override { return {source_.name(), offset_ + at, context_ + what}; }

private:
    std::size_t fill(std::span<std::byte> to) override {
        to = to.first(static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), length_ - position())));
        source_.read(offset_ + position(), to);
        return to.size();
    }

    Source const& source_;
    std::uint64_t offset_;
    std::uint64_t length_;
    std::string context_;
};

class InflateStream final : public Stream {
public:
    InflateStream(Source const& source, std::uint64_t offset, std::uint64_t length, Wrapping wrapping, std::string context)
        : source_(source), next_(offset), end_(offset + length), wrapping_(wrapping), context_(std::move(context)) {
        int constexpr window_bits = 15;
        if (inflateInit2(&zlib_, wrapping == Wrapping::gzip ? window_bits + 16 : -window_bits) != Z_OK) {
            throw OutOfMemory("inflate", sizeof(z_stream) + (std::uint64_t{1} << window_bits), 0);
        }
    }
    ~InflateStream() override { inflateEnd(&zlib_); }
    InflateStream(InflateStream const&) = delete;
    InflateStream& operator=(InflateStream const&) = delete;

    Rest rest() const override { return {std::numeric_limits<std::uint64_t>::max(), false}; }
    FormatError error(std::uint64_t at, std::string const& what) const override {
        return {source_.name(), at, context_ + "in the inflated data: " + what};
    }

private:
    std::uint64_t consumed_to() const { return next_ - zlib_.avail_in; }
    [[noreturn]] void fail_compressed(std::string const& what) const { throw FormatError(source_.name(), consumed_to(), context_ + what); }

    void refill() {
        if (zlib_.avail_in > 0 || next_ == end_) return;
        auto const to = std::span(input_).first(static_cast<std::size_t>(std::min<std::uint64_t>(input_.size(), end_ - next_)));
        source_.read(next_, to);
        next_ += to.size();
        zlib_.next_in = reinterpret_cast<Bytef*>(input_.data());
        zlib_.avail_in = static_cast<uInt>(to.size());
    }

    /// After the end of a deflate stream: the end of all, or the next gzip member.
    void end_of_member() {
        refill();
        if (zlib_.avail_in == 0) {
            ended_ = true;
        } else if (wrapping_ == Wrapping::raw) {
            fail_compressed("the compressed data ends before its announced length");
        } else if (inflateReset(&zlib_) != Z_OK) {
            fail_compressed("the gzip stream cannot be continued");
        }
    }

    std::size_t fill(std::span<std::byte> to) override {
        std::size_t filled = 0;
        while (filled < to.size() && !ended_) {
            refill();
            auto const room = static_cast<uInt>(std::min<std::size_t>(to.size() - filled, std::size_t{1} << 30));
            zlib_.next_out = reinterpret_cast<Bytef*>(to.data() + filled);
            zlib_.avail_out = room;
            int const status = inflate(&zlib_, Z_NO_FLUSH);
            filled += room - zlib_.avail_out;
            if (status == Z_STREAM_END) {
                end_of_member();
            } else if (status == Z_MEM_ERROR) {
                throw OutOfMemory("inflate", std::uint64_t{1} << 15, 0);
            } else if (status == Z_BUF_ERROR && zlib_.avail_in == 0 && next_ == end_) {
                fail_compressed("the compressed data is cut short");
            } else if (status != Z_OK) {
                fail_compressed(std::string("the compressed data is damaged (") + (zlib_.msg != nullptr ? zlib_.msg : "no reason given") +
                                ")");
            }
        }
        return filled;
    }

    Source const& source_;
    std::uint64_t next_;  ///< first byte of the range that is not yet in `input_`
    std::uint64_t end_;
    Wrapping wrapping_;
    std::string context_;
    bool ended_ = false;
    z_stream zlib_ = {};
    std::array<std::byte, 65536> input_;
};

}  // namespace

std::size_t Stream::read(std::span<std::byte> to) {
    std::size_t const got = to.empty() ? 0 : fill(to);
    position_ += got;
    return got;
}

std::vector<std::byte> take(Stream& stream, std::uint64_t bytes, std::string const& what) {
    std::uint64_t const start = stream.position();
    auto const too_short = [&](std::uint64_t there) {
        stream.fail(start + there, what + " needs " + std::to_string(bytes) + " bytes, but only " + std::to_string(there) + " are there");
    };
    auto const rest = stream.rest();
    if (bytes > rest.bytes) too_short(rest.bytes);
    std::uint64_t constexpr first_step = std::uint64_t{1} << 20;

    std::vector<std::byte> data;
    while (data.size() < bytes) {
        std::size_t const have = data.size();
        std::uint64_t const want = rest.certain ? bytes : std::min(bytes, std::max<std::uint64_t>(first_step, 2 * std::uint64_t{have}));
        try {
            data.resize(static_cast<std::size_t>(want));
        } catch (std::bad_alloc const&) {
            throw OutOfMemory("reading " + what, want, 0);
        }
        std::size_t const got = stream.read(std::span(data).subspan(have));
        if (have + got < want) too_short(have + got);
    }
    return data;
}

void expect_end(Stream& stream) {
    std::uint64_t const at = stream.position();
    std::byte next{};
    if (stream.read({&next, 1}) != 0) stream.fail(at, "there are bytes after the end of the data");
}

std::unique_ptr<Stream> open_range(Source const& source, std::uint64_t offset, std::uint64_t length, std::string context) {
    return std::make_unique<RangeStream>(source, offset, length, std::move(context));
}

std::unique_ptr<Stream> open_inflated(Source const& source, std::uint64_t offset, std::uint64_t length, Wrapping wrapping,
                                      std::string context) {
    return std::make_unique<InflateStream>(source, offset, length, wrapping, std::move(context));
}

std::unique_ptr<Stream> open_maybe_gzip(Source const& source) {
    std::array<std::byte, 2> start{};
    if (source.size() >= start.size()) source.read(0, start);
    bool const gzip = start[0] == std::byte{0x1F} && start[1] == std::byte{0x8B};
    return gzip ? open_inflated(source, 0, source.size(), Wrapping::gzip) : open_range(source, 0, source.size());
}

}  // namespace ca3::io
