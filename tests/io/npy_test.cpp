#include <ca3/io/npy.hpp>

#include "files.hpp"

#include <limits>

namespace ca3::io::test {
namespace {

using namespace std::string_view_literals;

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

/// Magic, version and header as NumPy writes them, the dictionary given.
Bytes npy(std::string const& dictionary, Bytes const& data, int version = 1) {
    int const length_bytes = version == 1 ? 2 : 4;
    std::size_t const fixed = 8 + static_cast<std::size_t>(length_bytes);
    std::string text = dictionary;
    while ((fixed + text.size() + 1) % 64 != 0) text += ' ';
    text += '\n';
    return bytes("\x93NUMPY") + little(static_cast<std::uint64_t>(version), 2) + little(text.size(), length_bytes) + bytes(text) + data;
}

Bytes header_of(std::string const& type, std::string const& shape, bool fortran, Bytes const& data) {
    return npy("{'descr': '" + type + "', 'fortran_order': " + (fortran ? "True" : "False") + ", 'shape': " + shape + ", }", data);
}

Array parse(Bytes const& file) {
    return parse_npy(file, "file");
}

Array matrix() {
    return {DType::f32, {2, 3}, raw<float>({1, 2, 3, 4, 5, 6})};
}

void expect_equal(Array const& a, Array const& b) {
    EXPECT_EQ(a.dtype, b.dtype);
    EXPECT_EQ(a.shape, b.shape);
    EXPECT_EQ(a.data, b.data);
}

TEST(Npy, WritesTheBytesThatNumPyWrites) {
    Folder const folder;
    write_npy(folder / "a.npy", {DType::f64, {2}, raw<double>({1.0, -2.0})});
    // numpy.save of float64 [1, -2]: the dictionary, 20 spaces for the first dimension to grow, padding to 128, a newline.
    std::string const header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }";
    EXPECT_EQ(slurp(folder / "a.npy"), bytes("\x93NUMPY\x01\0\x76\0"sv) + bytes(header + std::string(117 - header.size(), ' ') + "\n") +
                                           bytes("\0\0\0\0\0\0\xF0\x3F\0\0\0\0\0\0\0\xC0"sv));
}

TEST(Npy, EveryTypeSurvivesARoundTrip) {
    Folder const folder;
    std::vector<Array> const arrays{
        {DType::boolean, {2}, bytes("\0\x01"sv)},
        {DType::i8, {2}, raw<std::int8_t>({-128, 127})},
        {DType::u8, {1, 1, 2}, raw<std::uint8_t>({0, 255})},
        {DType::i16, {1}, raw<std::int16_t>({-2})},
        {DType::u16, {1}, raw<std::uint16_t>({65534})},
        {DType::i32, {1}, raw<std::int32_t>({-70000})},
        {DType::u32, {1}, raw<std::uint32_t>({4000000000})},
        {DType::i64, {1}, raw<std::int64_t>({std::numeric_limits<std::int64_t>::min()})},
        {DType::u64, {1}, raw<std::uint64_t>({~std::uint64_t{0}})},
        {DType::f16, {2}, raw<std::uint16_t>({0x3C00, 0x7E00})},
        matrix(),
        {DType::f64, {}, raw<double>({std::numeric_limits<double>::quiet_NaN()})},
        {DType::f64, {0}, {}},
        {DType::i8, {3, 0, std::int64_t{1} << 40}, {}},
        {DType::u8, std::vector<std::int64_t>(64, 1), Bytes(1)},
    };
    for (Array const& array : arrays) {
        write_npy(folder / "a.npy", array);
        expect_equal(read_npy(folder / "a.npy"), array);
        EXPECT_EQ(slurp(folder / "a.npy").size() % 64, array.data.size() % 64) << "the data is not aligned to 64 bytes";
    }
}

TEST(Npy, ReadsTypesAndOrders) {
    expect_equal(parse(header_of(">i2", "(2,)", false, bytes("\x01\x02\xFF\xFE"))), {DType::i16, {2}, raw<std::int16_t>({258, -2})});
    expect_equal(parse(header_of("<i2", "(2,)", false, bytes("\x02\x01\xFE\xFF"))), {DType::i16, {2}, raw<std::int16_t>({258, -2})});
    expect_equal(parse(header_of("=u1", "(1,)", false, bytes("\x07"))), {DType::u8, {1}, raw<std::uint8_t>({7})});
    expect_equal(parse(header_of(">f8", "()", false, bytes("\x3F\xF0\0\0\0\0\0\0"sv))), {DType::f64, {}, raw<double>({1.0})});
}

TEST(Npy, ConvertsFortranOrder) {
    expect_equal(parse(header_of("<f4", "(2, 3)", true, raw<float>({1, 4, 2, 5, 3, 6}))), matrix());
    // Element (i, j, k) of shape (2, 1, 3), column-major, lies at i + 2 j + 2 k.
    expect_equal(parse(header_of("<f4", "(2, 1, 3)", true, raw<float>({1, 4, 2, 5, 3, 6}))), {DType::f32, {2, 1, 3}, matrix().data});
    expect_equal(parse(header_of(">i2", "(2, 2)", true, bytes("\0\1\0\2\0\3\0\4"sv))),
                 {DType::i16, {2, 2}, raw<std::int16_t>({1, 3, 2, 4})});
    // (2, 3, 2): element (i, j, k) lies at i + 2 j + 6 k; the values are their row-major positions.
    std::vector<std::uint8_t> columns(12);
    std::vector<std::uint8_t> rows(12);
    for (std::size_t i = 0; i < 2; ++i)
        for (std::size_t j = 0; j < 3; ++j)
            for (std::size_t k = 0; k < 2; ++k)
                columns[i + 2 * j + 6 * k] = rows[6 * i + 2 * j + k] = static_cast<std::uint8_t>(6 * i + 2 * j + k);
    expect_equal(parse(header_of("|u1", "(2, 3, 2)", true, raw(columns))), {DType::u8, {2, 3, 2}, raw(rows)});
    expect_equal(parse(header_of("|u1", "(0, 3)", true, {})), {DType::u8, {0, 3}, {}});
}

TEST(Npy, ReadsAllVersionsAndWritings) {
    Bytes const data = matrix().data;
    for (int const version : {1, 2, 3}) {
        expect_equal(parse(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", data, version)), matrix());
    }
    expect_equal(parse(npy("{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\"<f4\"}", data)), matrix());
    expect_equal(parse(npy(" { 'descr' : '<f4' , 'fortran_order' : False , 'shape' : ( 2L , 3L , ) } ", data)), matrix());
}

TEST(Npy, RefusesWhatIsNoPlainArray) {
    auto const refused = [](std::string const& dictionary) {
        Bytes const file = npy(dictionary, Bytes(8));
        EXPECT_GE(format_error([&] { return parse(file); }).offset, 8U) << dictionary;
    };
    for (std::string const type : {"|O", "<U1", "|S8", "<c8", "<M8[s]", "<f16", "|V8", "i3", "", "<", "b8", "<<i8"}) {
        refused("{'descr': '" + type + "', 'fortran_order': False, 'shape': (1,), }");
    }
    refused("{'descr': [('x', '<i8')], 'fortran_order': False, 'shape': (1,), }");
    for (std::string const shape :
         {"(-1,)", "(1)", "1", "[1]", "(1.0,)", "(1,,)", "(,)", "(1 1)", "(None,)", "(1", "(9223372036854775808,)",
          "(4294967296, 4294967296)", "(4294967296, 4294967296, 0)", "(1152921504606846976,)"}) {
        refused("{'descr': '<i8', 'fortran_order': False, 'shape': " + shape + ", }");
    }
    std::string many = "(";
    for (int i = 0; i < 65; ++i) many += "1, ";
    refused("{'descr': '<i8', 'fortran_order': False, 'shape': " + many + "), }");
    refused("{'descr': '<i8', 'fortran_order': 0, 'shape': (1,), }");
    refused("{'descr': '<i8', 'fortran_order': False, }");
    refused("{'descr': '<i8', 'shape': (1,), }");
    refused("{'fortran_order': False, 'shape': (1,), }");
    refused("{'descr': '<i8', 'descr': '<i8', 'fortran_order': False, 'shape': (1,), }");
    refused("{'descr': '<i8', 'fortran_order': False, 'shape': (1,), 'more': 1, }");
    refused("{'descr': '<i8', 'fortran_order': False, 'shape': (1,), } x");
    refused("{'descr': '<i8' 'fortran_order': False, 'shape': (1,), }");
    refused("{'descr': '<i\\x38', 'fortran_order': False, 'shape': (1,), }");
    refused("{'descr': '<i8");
    refused("");
}

TEST(Npy, ErrorsCarryFileAndOffset) {
    EXPECT_EQ(format_error([] { return parse_npy(bytes("\x93NUMPX\x01\0"sv), "a name"); }).file, "a name");
    EXPECT_EQ(format_error([] { return parse(bytes("\x93NUMPY\x04\0"sv)); }).offset, 6U);
    EXPECT_EQ(format_error([] { return parse(bytes("\x93NUMPY\x01\0\x10\0abc"sv)); }).offset, 13U) << "the header is cut short";
    Bytes const valid = header_of("|b1", "(3,)", false, bytes("\x01\0\x02"sv));
    EXPECT_EQ(format_error([&] { return parse(valid); }).offset, valid.size() - 1) << "2 is no bool";
    Bytes const longer = header_of("|u1", "(1,)", false, Bytes(2));
    EXPECT_EQ(format_error([&] { return parse(longer); }).offset, longer.size() - 1);
    Bytes const shorter = header_of("|u1", "(3,)", false, Bytes(2));
    EXPECT_EQ(format_error([&] { return parse(shorter); }).offset, shorter.size());
}

TEST(Npy, TruncationsAreRefused) {
    expect_every_truncation_refused(header_of("<f4", "(2, 3)", false, matrix().data), parse);
    expect_every_truncation_refused(npy("{'descr': '>i2', 'fortran_order': True, 'shape': (2, 2), }", Bytes(8), 2), parse);
}

TEST(Npy, ChangedBytesAreSurvived) {
    expect_every_changed_byte_survived(header_of("<f4", "(2, 3)", true, matrix().data), parse);
}

TEST(Npy, LyingHeadersTakeNoMemory) {
    auto const before = peak_memory();
    EXPECT_THROW(static_cast<void>(parse(header_of("<f8", "(1000000, 1000000)", false, Bytes(64)))), FormatError);
    EXPECT_THROW(static_cast<void>(parse(bytes("\x93NUMPY\x02\0\xFF\xFF\xFF\xFF"sv))), FormatError);
    EXPECT_LT(peak_memory() - before, 32 * mebibyte);
}

TEST(Npy, WriterRefusesWhatTheFormatCannotHold) {
    Folder const folder;
    std::string const path = folder / "a.npy";
    EXPECT_THROW(write_npy(path, {DType::bf16, {1}, Bytes(2)}), InvalidArgument);
    EXPECT_THROW(write_npy(path, {DType::f32, {2}, Bytes(7)}), InvalidArgument);
    EXPECT_THROW(write_npy(path, {DType::f32, {-2}, {}}), InvalidArgument);
    EXPECT_THROW(write_npy(path, {DType::u8, {std::int64_t{1} << 62, 4}, {}}), InvalidArgument);
    EXPECT_THROW(write_npy(path, {DType::u8, std::vector<std::int64_t>(65, 1), Bytes(1)}), InvalidArgument);
    EXPECT_THROW(write_npy(path, {static_cast<DType>(99), {0}, {}}), InvalidArgument);
    EXPECT_TRUE(folder.names().empty());
}

TEST(Npy, SizeIsTheProductOfTheShape) {
    EXPECT_EQ((Array{DType::f32, {2, 3}, {}}).size(), 6);
    EXPECT_EQ((Array{DType::f32, {}, {}}).size(), 1);
    EXPECT_EQ((Array{DType::f32, {2, 0}, {}}).size(), 0);
    EXPECT_THROW(static_cast<void>((Array{DType::f32, {-1}, {}}).size()), InvalidArgument);
    EXPECT_THROW(static_cast<void>((Array{DType::u8, {std::int64_t{1} << 32, std::int64_t{1} << 32}, {}}).size()), InvalidArgument);
}

TEST(Npy, TypesAreNamedAsInNumPy) {
    EXPECT_EQ(to_string(DType::boolean), "bool");
    EXPECT_EQ(to_string(DType::u16), "uint16");
    EXPECT_EQ(to_string(DType::bf16), "bfloat16");
    EXPECT_EQ(to_string(DType::f64), "float64");
    EXPECT_EQ(size_of(DType::boolean), 1U);
    EXPECT_EQ(size_of(DType::bf16), 2U);
    EXPECT_EQ(size_of(DType::u32), 4U);
    EXPECT_EQ(size_of(DType::f64), 8U);
}

}  // namespace
}  // namespace ca3::io::test
