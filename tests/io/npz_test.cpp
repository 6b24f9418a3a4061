#include <ca3/io/npy.hpp>

#include "files.hpp"
#include "io/output.hpp"
#include "io/zip.hpp"

#include <functional>

namespace ca3::io::test {
namespace {

using namespace std::string_view_literals;

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

/// One member, every field of which a test may set wrongly.
struct Member {
    std::string name;
    Bytes content;  ///< as it lies in the file
    std::uint64_t size = 0;
    std::uint32_t crc = 0;
    std::uint16_t method = 0;
    std::uint16_t flags = 0;
    std::string local_name = {};  ///< empty: `name`
    bool zip64 = false;
};

Member stored(std::string const& name, Bytes const& content) {
    return {.name = name, .content = content, .size = content.size(), .crc = crc32(content)};
}
Member deflated(std::string const& name, Bytes const& content) {
    return {.name = name, .content = deflate_stored(content), .size = content.size(), .crc = crc32(content), .method = 8};
}

/// A zip file as its specification describes it.
Bytes zip(std::vector<Member> const& members) {
    Bytes file;
    Bytes directory;
    for (Member const& m : members) {
        std::uint64_t const offset = file.size();
        std::string const local = m.local_name.empty() ? m.name : m.local_name;
        Bytes const sizes = m.zip64 ? little(~std::uint64_t{0}, 8) : little(m.content.size(), 4) + little(m.size, 4);
        Bytes const common = little(m.flags, 2) + little(m.method, 2) + little(0, 2) + little(0x21, 2) + little(m.crc, 4) + sizes;
        Bytes const extra64 = little(1, 2) + little(16, 2) + little(m.size, 8) + little(m.content.size(), 8);
        Bytes const extra = m.zip64 ? extra64 : Bytes{};
        Bytes const version = little(m.zip64 ? 45 : 20, 2);
        file = file + bytes("PK\3\4") + version + common + little(local.size(), 2) + little(extra.size(), 2) + bytes(local) + extra +
               m.content;
        directory = directory + bytes("PK\1\2") + version + version + common + little(m.name.size(), 2) + little(extra.size(), 2) +
                    little(0, 2) + little(0, 2) + little(0, 2) + little(0, 4) + little(offset, 4) + bytes(m.name) + extra;
    }
    return file + directory + bytes("PK\5\6") + little(0, 4) + little(members.size(), 2) + little(members.size(), 2) +
           little(directory.size(), 4) + little(file.size(), 4) + little(0, 2);
}

std::map<std::string, Array> parse(Bytes const& file) {
    return parse_npz(file, "file");
}

Array numbers() {
    return {DType::i32, {3}, raw<std::int32_t>({1, -2, 3})};
}
Array flags() {
    return {DType::boolean, {1, 2}, bytes("\x01\0"sv)};
}

Bytes npy(Array const& array) {
    Folder const folder;
    write_npy(folder / "a.npy", array);
    return slurp(folder / "a.npy");
}

void expect_equal(std::map<std::string, Array> const& a, std::map<std::string, Array> const& b) {
    ASSERT_EQ(a.size(), b.size());
    for (auto const& [name, array] : a) {
        ASSERT_TRUE(b.contains(name)) << name;
        EXPECT_EQ(array.dtype, b.at(name).dtype);
        EXPECT_EQ(array.shape, b.at(name).shape);
        EXPECT_EQ(array.data, b.at(name).data);
    }
}

TEST(Npz, WritesStoredMembersByteForByte) {
    Folder const folder;
    write_npz(folder / "a.npz", {{"x", numbers()}, {"flags", flags()}});
    EXPECT_EQ(slurp(folder / "a.npz"), zip({stored("flags.npy", npy(flags())), stored("x.npy", npy(numbers()))}));
}

TEST(Npz, ReadsStoredAndDeflatedMembersAndZip64Fields) {
    Member far = stored("far.npy", npy(flags()));
    far.zip64 = true;
    Bytes const file = zip({stored("x.npy", npy(numbers())), deflated("y.npy", npy(flags())), far});
    expect_equal(parse(file), {{"x", numbers()}, {"y", flags()}, {"far", flags()}});
}

TEST(Npz, RoundTripsWithAndWithoutCompression) {
    Folder const folder;
    std::map<std::string, Array> const arrays{
        {"", numbers()},
        {"with space/and slash", flags()},
        {"\xC3\xA9t\xC3\xA9", {DType::f64, {}, raw<double>({2.5})}},
        {"empty", {DType::f32, {0, 4}, {}}},
        {"large", {DType::u8, {300, 1000}, Bytes(300000, std::byte{7})}},
        {"x.npy", numbers()},
    };
    for (bool const compress : {false, true}) {
        write_npz(folder / "a.npz", arrays, compress);
        expect_equal(read_npz(folder / "a.npz"), arrays);
        write_npz(folder / "b.npz", arrays, compress);
        EXPECT_EQ(slurp(folder / "a.npz"), slurp(folder / "b.npz")) << "the same arrays must give the same bytes";
    }
    EXPECT_LT(slurp(folder / "a.npz").size(), 5000U);
    write_npz(folder / "none.npz", {});
    EXPECT_TRUE(read_npz(folder / "none.npz").empty());
}

TEST(Npz, Zip64RecordsAreWrittenAndRead) {
    Bytes file;
    ZipWriter writer([&](std::span<std::byte const> part) { file.insert(file.end(), part.begin(), part.end()); }, 100);
    std::map<std::string, Array> const arrays{{"a", numbers()}, {"b", flags()}};
    for (auto const& [name, array] : arrays) {
        Bytes const content = npy(array);
        writer.add(
            name + ".npy", [&](Sink const& sink) { sink(content); }, name == "b");
    }
    writer.finish();
    expect_equal(parse(file), arrays);
    expect_every_truncation_refused(file, parse);
    expect_every_changed_byte_survived(file, parse);
}

TEST(Npz, TruncationsAreRefused) {
    expect_every_truncation_refused(zip({stored("x.npy", npy(numbers())), deflated("y.npy", npy(flags()))}), parse);
}

TEST(Npz, ChangedBytesAreSurvived) {
    expect_every_changed_byte_survived(zip({stored("x.npy", npy(numbers())), deflated("y.npy", npy(flags()))}), parse);
}

TEST(Npz, ACommentIsAllowedGarbageIsNot) {
    Bytes file = zip({stored("x.npy", npy(numbers()))});
    Bytes const garbage = file + bytes("hello");
    EXPECT_THROW(static_cast<void>(parse(garbage)), FormatError);
    EXPECT_THROW(static_cast<void>(parse(bytes("hello") + file)), FormatError);
    file[file.size() - 2] = std::byte{5};
    EXPECT_NO_THROW(static_cast<void>(parse(file + bytes("hello"))));
}

TEST(Npz, BadMembersAreRefused) {
    Bytes const content = npy(numbers());
    auto const refused = [&](char const* why, std::function<void(Member&)> const& spoil, bool compress = false) {
        Member member = compress ? deflated("x.npy", content) : stored("x.npy", content);
        spoil(member);
        EXPECT_THROW(static_cast<void>(parse(zip({member}))), FormatError) << why;
    };
    refused("encrypted", [](Member& m) { m.flags = 1; });
    refused("strongly encrypted", [](Member& m) { m.flags = 0x41; });
    refused("patch data", [](Member& m) { m.flags = 0x20; });
    refused("LZMA", [](Member& m) { m.method = 14; });
    refused("deflate64", [](Member& m) { m.method = 9; });
    refused("CRC", [](Member& m) { m.crc ^= 1; });
    refused(
        "CRC of deflated", [](Member& m) { m.crc ^= 1; }, true);
    refused("two sizes", [](Member& m) { m.size += 1; });
    refused(
        "longer than there is", [](Member& m) { m.size += 1; }, true);
    refused(
        "shorter than there is", [](Member& m) { m.size -= 1; }, true);
    refused("another local name", [](Member& m) { m.local_name = "y.npy"; });
    refused("no NPY name", [](Member& m) { m.name = "x.txt"; });
    refused(
        "data after the deflate stream", [](Member& m) { m.content.push_back(std::byte{0}); }, true);
    refused(
        "deflate stream cut short", [](Member& m) { m.content.pop_back(); }, true);
    refused(
        "damaged deflate stream", [](Member& m) { m.content[0] = std::byte{7}; }, true);
}

TEST(Npz, TwoMembersOfOneNameAreRefused) {
    EXPECT_THROW(static_cast<void>(parse(zip({stored("x.npy", npy(numbers())), stored("x.npy", npy(flags()))}))), FormatError);
}

TEST(Npz, OverlappingMembersAreRefused) {
    Bytes file = zip({stored("x.npy", npy(numbers())), stored("x2.npy", npy(numbers()))});
    // The second directory entry, 46 + 6 bytes long, stands before the end record of 22 bytes; its offset field is at 42.
    std::size_t const field = file.size() - 22 - 52 + 42;
    for (std::size_t i = 0; i < 4; ++i) file[field + i] = std::byte{0};
    EXPECT_THROW(static_cast<void>(parse(file)), FormatError);
}

TEST(Npz, ErrorsNameTheMember) {
    Bytes content = npy(flags());
    content.back() = std::byte{2};
    auto const plain = format_error([&] { return parse(zip({stored("who.npy", content)})); });
    EXPECT_NE(std::string(plain.what()).find("who.npy"), std::string::npos) << plain.what();
    EXPECT_EQ(plain.offset, 30 + 7 + content.size() - 1) << "an offset into the file";
    auto const packed = format_error([&] { return parse(zip({deflated("who.npy", content)})); });
    EXPECT_NE(std::string(packed.what()).find("inflated"), std::string::npos) << packed.what();
    EXPECT_EQ(packed.offset, content.size() - 1) << "an offset into the inflated member";
}

TEST(Npz, BombsAreInflatedNoFurtherThanAnnounced) {
    Member bomb{.name = "x.npy", .content = {}, .size = 144, .method = 8};
    Deflater deflater(Wrapping::raw,
                      [&](std::span<std::byte const> part) { bomb.content.insert(bomb.content.end(), part.begin(), part.end()); });
    deflater.write(npy(numbers()));
    for (int i = 0; i < 128; ++i) deflater.write(Bytes(mebibyte));
    deflater.finish();
    Bytes const file = zip({bomb});
    ASSERT_LT(file.size(), mebibyte);
    auto const before = peak_memory();
    EXPECT_THROW(static_cast<void>(parse(file)), FormatError);
    EXPECT_LT(peak_memory() - before, 32 * mebibyte);
}

TEST(Npz, LyingSizesTakeNoMemory) {
    std::string const dictionary = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }";
    Bytes const liar = bytes("\x93NUMPY\x01\0"sv) + little(dictionary.size(), 2) + bytes(dictionary) + Bytes(64);
    Member member = deflated("x.npy", liar);
    member.size = std::uint64_t{1} << 50;
    member.zip64 = true;
    auto const before = peak_memory();
    EXPECT_THROW(static_cast<void>(parse(zip({member}))), FormatError);
    EXPECT_LT(peak_memory() - before, 32 * mebibyte);
}

TEST(Npz, WriterRefusesWhatTheFormatCannotHold) {
    Folder const folder;
    EXPECT_THROW(write_npz(folder / "a.npz", {{"x", {DType::f32, {2}, Bytes(7)}}}), InvalidArgument);
    EXPECT_THROW(write_npz(folder / "a.npz", {{"x", {DType::bf16, {1}, Bytes(2)}}}), InvalidArgument);
    EXPECT_THROW(write_npz(folder / "a.npz", {{std::string(65536, 'x'), numbers()}}), InvalidArgument);
    EXPECT_THROW(write_npz(folder / "a.npz", {{std::string(1, '\0'), numbers()}}), InvalidArgument);
    EXPECT_TRUE(folder.names().empty());
}

}  // namespace
}  // namespace ca3::io::test
