#include <ca3/io/idx.hpp>

#include "files.hpp"
#include "io/output.hpp"

namespace ca3::io::test {
namespace {

using namespace std::string_view_literals;

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

IdxArray small_i16() {
    return {.type = IdxType::i16, .shape = {2, 3}, .data = raw<std::int16_t>({1, -2, 3, 256, -32768, 32767})};
}
Bytes const small_i16_file = bytes("\0\0\x0B\x02\0\0\0\x02\0\0\0\x03"sv) + bytes("\0\x01\xFF\xFE\0\x03\x01\0\x80\0\x7F\xFF"sv);

IdxArray parse(Bytes const& file) {
    return parse_idx(file, "file");
}

void expect_equal(IdxArray const& a, IdxArray const& b) {
    EXPECT_EQ(a.type, b.type);
    EXPECT_EQ(a.shape, b.shape);
    EXPECT_EQ(a.data, b.data);
}

TEST(Idx, ReadsBigEndianByHand) {
    expect_equal(parse(small_i16_file), small_i16());
}

TEST(Idx, WritesBigEndianByHand) {
    Folder const folder;
    write_idx(folder / "a.idx", small_i16());
    EXPECT_EQ(slurp(folder / "a.idx"), small_i16_file);
}

TEST(Idx, EveryTypeSurvivesARoundTripPlainAndCompressed) {
    Folder const folder;
    std::vector<IdxArray> const arrays{
        {IdxType::u8, {3}, raw<std::uint8_t>({0, 128, 255})},
        {IdxType::i8, {1, 2}, raw<std::int8_t>({-128, 127})},
        small_i16(),
        {IdxType::i32, {2, 1, 1}, raw<std::int32_t>({-2147483647 - 1, 7})},
        {IdxType::f32, {2}, raw<float>({1.5F, -0.0F})},
        {IdxType::f64, {1}, raw<double>({-1e300})},
        {IdxType::f64, {}, raw<double>({3.25})},
        {IdxType::u8, {0, 28, 28}, {}},
        {IdxType::i32, {50000}, raw(std::vector<std::int32_t>(50000, 0x01020304))},
    };
    for (IdxArray const& array : arrays) {
        for (std::string const& name : {folder / "a.idx", folder / "b.idx.gz"}) {
            write_idx(name, array);
            expect_equal(read_idx(name), array);
        }
    }
    EXPECT_EQ(folder.names(), (std::vector<std::string>{"a.idx", "b.idx.gz"}));
}

TEST(Idx, ReadsGzipToldByContentNotByName) {
    Folder const folder;
    spill(folder / "plain name", gzip_stored(small_i16_file));
    expect_equal(read_idx(folder / "plain name"), small_i16());
}

TEST(Idx, ReadsGzipOfSeveralMembers) {
    Bytes const first(small_i16_file.begin(), small_i16_file.begin() + 7);
    Bytes const second(small_i16_file.begin() + 7, small_i16_file.end());
    expect_equal(parse(gzip_stored(first) + gzip_stored({}) + gzip_stored(second)), small_i16());
}

TEST(Idx, TheSameArrayGivesTheSameCompressedBytes) {
    Folder const folder;
    write_idx(folder / "a.gz", small_i16());
    write_idx(folder / "b.gz", small_i16());
    EXPECT_EQ(slurp(folder / "a.gz"), slurp(folder / "b.gz"));
}

TEST(Idx, TruncationsAreRefused) {
    expect_every_truncation_refused(small_i16_file, parse);
    expect_every_truncation_refused(gzip_stored(small_i16_file), parse);
}

TEST(Idx, ChangedBytesAreSurvived) {
    expect_every_changed_byte_survived(small_i16_file, parse);
    expect_every_changed_byte_survived(gzip_stored(small_i16_file), parse);
}

TEST(Idx, ErrorsCarryFileAndOffset) {
    EXPECT_EQ(format_error([] { return parse_idx(bytes("\0\x01\x08\x01"), "a name"); }).file, "a name");
    EXPECT_EQ(format_error([] { return parse(bytes("PNG!")); }).offset, 0U);
    EXPECT_EQ(format_error([] { return parse(bytes("\0\0\x0A\x01\0\0\0\x01\0"sv)); }).offset, 2U) << "type 0x0A does not exist";
    EXPECT_EQ(format_error([] { return parse(bytes("\0\0\x08\x02\0\0\0\x01"sv)); }).offset, 8U) << "the second size is missing";
    EXPECT_EQ(format_error([] { return parse(small_i16_file + bytes("!")); }).offset, small_i16_file.size());
    Bytes cut = small_i16_file;
    cut.pop_back();
    EXPECT_EQ(format_error([&] { return parse(cut); }).offset, cut.size());
}

TEST(Idx, GarbageAfterGzipIsRefused) {
    EXPECT_THROW(static_cast<void>(parse(gzip_stored(small_i16_file) + bytes("x"))), FormatError);
    EXPECT_THROW(static_cast<void>(parse(gzip_stored(small_i16_file) + Bytes(16))), FormatError);
    EXPECT_THROW(static_cast<void>(parse(gzip_stored(small_i16_file + bytes("x")))), FormatError);
}

TEST(Idx, WrongGzipChecksumIsRefused) {
    Bytes file = gzip_stored(small_i16_file);
    file[file.size() - 8] ^= std::byte{1};
    EXPECT_THROW(static_cast<void>(parse(file)), FormatError);
}

TEST(Idx, AShapeBeyond64BitsIsRefusedEvenWhenAnotherDimensionIsZero) {
    Bytes const sizes = big(0xFFFFFFFF, 4) + big(0xFFFFFFFF, 4) + big(0xFFFFFFFF, 4);
    EXPECT_EQ(format_error([&] { return parse(bytes("\0\0\x08\x03"sv) + sizes); }).offset, 4U);
    EXPECT_EQ(format_error([&] { return parse(bytes("\0\0\x08\x04"sv) + sizes + big(0, 4)); }).offset, 4U);
}

TEST(Idx, LyingHeadersTakeNoMemory) {
    Bytes const liar = bytes("\0\0\x0E\x02"sv) + big(0x7FFFFFFF, 4) + big(4, 4) + Bytes(8);  // announces 64 GiB
    auto const before = peak_memory();
    EXPECT_THROW(static_cast<void>(parse(liar)), FormatError);
    EXPECT_THROW(static_cast<void>(parse(gzip_stored(liar))), FormatError);
    EXPECT_LT(peak_memory() - before, 32 * mebibyte);
}

TEST(Idx, ABombIsInflatedNoFurtherThanAnnounced) {
    Bytes bomb;
    Deflater deflater(Wrapping::gzip, [&](std::span<std::byte const> part) { bomb.insert(bomb.end(), part.begin(), part.end()); });
    deflater.write(bytes("\0\0\x08\x01\0\0\0\x10"sv));
    for (int i = 0; i < 128; ++i) deflater.write(Bytes(mebibyte));
    deflater.finish();
    ASSERT_LT(bomb.size(), mebibyte);
    auto const before = peak_memory();
    EXPECT_EQ(format_error([&] { return parse(bomb); }).offset, 24U);
    EXPECT_LT(peak_memory() - before, 32 * mebibyte);
}

TEST(Idx, WriterRefusesWhatTheFormatCannotHold) {
    Folder const folder;
    std::string const path = folder / "a.idx";
    EXPECT_THROW(write_idx(path, {IdxType::u8, {3}, Bytes(2)}), InvalidArgument);
    EXPECT_THROW(write_idx(path, {IdxType::u8, {-1}, {}}), InvalidArgument);
    EXPECT_THROW(write_idx(path, {static_cast<IdxType>(1), {0}, {}}), InvalidArgument);
    EXPECT_THROW(write_idx(path, {IdxType::u8, {0, std::int64_t{1} << 32}, {}}), InvalidArgument);
    EXPECT_THROW(write_idx(path, {IdxType::u8, std::vector<std::int64_t>(256, 1), Bytes(1)}), InvalidArgument);
    EXPECT_TRUE(folder.names().empty());
}

}  // namespace
}  // namespace ca3::io::test
