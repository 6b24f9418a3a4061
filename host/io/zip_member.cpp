#include "io/zip.hpp"

#include <zlib.h>

#include <algorithm>

namespace ca3::io {
namespace {

/// Holds a member to the size and CRC that the directory announces.
class MemberStream final : public Stream {
public:
    MemberStream(ZipMember const& member, std::unique_ptr<Stream> inner) : member_(member), inner_(std::move(inner)) {}

    Rest rest() const override { return {member_.size - position(), inner_->rest().certain}; }
    FormatError error(std::uint64_t at, std::string const& what) const override { return inner_->error(at, what); }

private:
    std::size_t fill(std::span<std::byte> to) override {
        std::uint64_t const left = member_.size - position();
        auto const part = to.first(static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), left)));
        std::size_t const got = inner_->read(part);
        crc_ = extend_crc(crc_, part.first(got));
        if (got < part.size()) fail(position() + got, "the member is shorter than the directory says");
        if (got < to.size()) {
            std::byte extra{};
            if (inner_->read({&extra, 1}) != 0) fail(member_.size, "the member is longer than the directory says");
            if (crc_ != member_.crc) fail(member_.size, "the member's CRC does not match its content");
        }
        return got;
    }

    ZipMember const& member_;
    std::unique_ptr<Stream> inner_;
    std::uint32_t crc_ = 0;
};

}  // namespace

std::uint32_t extend_crc(std::uint32_t crc, std::span<std::byte const> bytes) noexcept {
    if (bytes.empty()) return crc;  // zlib takes a null pointer for the wish to begin anew
    return static_cast<std::uint32_t>(crc32_z(crc, reinterpret_cast<Bytef const*>(bytes.data()), bytes.size()));
}

std::unique_ptr<Stream> open_zip_member(Source const& source, ZipMember const& member) {
    std::string const context = "member '" + member.name + "': ";
    auto inner = member.deflated ? open_inflated(source, member.offset, member.compressed, Wrapping::raw, context)
                                 : open_range(source, member.offset, member.size, context);
    return std::make_unique<MemberStream>(member, std::move(inner));
}

}  // namespace ca3::io
