#include <ca3/io/safetensors.hpp>

#include "files.hpp"

namespace ca3::io::test {
namespace {

using namespace std::string_view_literals;

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

Bytes file_of(std::string const& header, Bytes const& data) {
    return little(header.size(), 8) + bytes(header) + data;
}

Tensors parse(Bytes const& file) {
    return parse_safetensors(file, "file");
}

Tensors two() {
    return {.tensors = {{"bias", {DType::i16, {1, 1}, raw<std::int16_t>({-2})}}, {"weight", {DType::f32, {2}, raw<float>({1.0F, -2.0F})}}},
            .metadata = {{"format", "pt"}}};
}

std::string const two_header = R"({"__metadata__":{"format":"pt"},"weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                               R"("bias":{"dtype":"I16","shape":[1,1],"data_offsets":[8,10]}})";
Bytes const two_data = bytes("\0\0\x80\x3F\0\0\0\xC0\xFE\xFF"sv);

void expect_equal(Tensors const& a, Tensors const& b) {
    EXPECT_EQ(a.metadata, b.metadata);
    ASSERT_EQ(a.tensors.size(), b.tensors.size());
    for (auto const& [name, array] : a.tensors) {
        ASSERT_TRUE(b.tensors.contains(name)) << name;
        EXPECT_EQ(array.dtype, b.tensors.at(name).dtype);
        EXPECT_EQ(array.shape, b.tensors.at(name).shape);
        EXPECT_EQ(array.data, b.tensors.at(name).data);
    }
}

TEST(Safetensors, ReadsAFileByHand) {
    expect_equal(parse(file_of(two_header, two_data)), two());
}

TEST(Safetensors, WritesWideElementsFirstAndPadsTheHeader) {
    Folder const folder;
    write_safetensors(folder / "a.safetensors", two());
    std::string const padding((8 - two_header.size() % 8) % 8, ' ');
    EXPECT_EQ(slurp(folder / "a.safetensors"), file_of(two_header + padding, two_data));
}

TEST(Safetensors, EveryTypeSurvivesARoundTrip) {
    Folder const folder;
    Tensors tensors{.tensors = {}, .metadata = {{"k\"\xC3\xA9\n", "v\\"}, {"", ""}}};
    for (DType const dtype : {DType::boolean, DType::i8, DType::u8, DType::i16, DType::u16, DType::i32, DType::u32, DType::i64, DType::u64,
                              DType::f16, DType::bf16, DType::f32, DType::f64}) {
        tensors.tensors[to_string(dtype)] = {dtype, {3, 1}, Bytes(3 * size_of(dtype), std::byte{1})};
        tensors.tensors[to_string(dtype) + " empty"] = {dtype, {2, 0}, {}};
        tensors.tensors[to_string(dtype) + " scalar"] = {dtype, {}, Bytes(size_of(dtype))};
    }
    write_safetensors(folder / "a.safetensors", tensors);
    expect_equal(read_safetensors(folder / "a.safetensors"), tensors);
    write_safetensors(folder / "b.safetensors", tensors);
    EXPECT_EQ(slurp(folder / "a.safetensors"), slurp(folder / "b.safetensors"));
    write_safetensors(folder / "none.safetensors", {});
    expect_equal(read_safetensors(folder / "none.safetensors"), {});
}

TEST(Safetensors, TruncationsAreRefused) {
    expect_every_truncation_refused(file_of(two_header, two_data), parse);
}

TEST(Safetensors, ChangedBytesAreSurvived) {
    expect_every_changed_byte_survived(file_of(two_header, two_data), parse);
}

TEST(Safetensors, WhatTheFormatForbidsIsRefused) {
    auto const refused = [](std::string const& header, std::size_t data) {
        auto const error = format_error([&] { return parse(file_of(header, Bytes(data))); });
        EXPECT_GE(error.offset, 8U) << header;
    };
    refused(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})", 3);  // overlap
    refused(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[3,5]}})", 5);  // hole
    refused(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})", 3);  // hole in front
    refused(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 3);  // data behind
    refused(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 1);  // outside
    refused(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"a":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})", 4);  // twice
    refused(R"({"a":{"dtype":"U8","dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 2);
    refused(R"({"__metadata__":{"k":"1","k":"2"}})", 0);
    refused(R"({"__metadata__":{"k":1}})", 0);
    refused(R"({"__metadata__":[]})", 0);
    refused(R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,2]}})", 2);
    refused(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[2,0]}})", 2);
    refused(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0]}})", 2);
    refused(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,1,2]}})", 2);
    refused(R"({"a":{"dtype":"U8","shape":[-2],"data_offsets":[0,2]}})", 2);
    refused(R"({"a":{"dtype":"U8","shape":[2.0],"data_offsets":[0,2]}})", 2);
    refused(R"({"a":{"dtype":"U8","shape":2,"data_offsets":[0,2]}})", 2);
    refused(R"({"a":{"dtype":"U8","shape":[18446744073709551615,2],"data_offsets":[0,2]}})", 2);
    refused(R"({"a":{"dtype":"U8","shape":[4294967296,4294967296,0],"data_offsets":[0,0]}})", 0);
    refused(R"({"a":{"dtype":"U8","shape":[1e999],"data_offsets":[0,2]}})", 2);
    refused(R"({"a":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}})", 8);
    refused(R"({"a":{"dtype":7,"shape":[1],"data_offsets":[0,8]}})", 8);
    refused(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2],"more":1}})", 2);
    refused(R"({"a":{"dtype":"U8","shape":[[2]],"data_offsets":[0,2]}})", 2);
    refused(R"({"a":{"shape":[2],"data_offsets":[0,2]}})", 2);
    refused(R"({"a":[]})", 0);
    refused(R"({"a":{}} x)", 0);
    refused(R"( {})", 0);
    refused(R"([])", 0);
    refused("{\"\xFF\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0);  // no UTF-8
    refused("", 0);
    refused("{" + std::string(100000, '['), 0);
    refused("{\"a\":" + std::string(100000, '['), 0);
}

TEST(Safetensors, ErrorsCarryFileAndOffset) {
    EXPECT_EQ(format_error([] { return parse_safetensors(bytes("1234"), "a name"); }).file, "a name");
    EXPECT_EQ(format_error([] { return parse(file_of("{]", {})); }).offset, 9U) << "the bracket";
    Bytes const flags = file_of(R"({"a":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}})", bytes("\x01\x02"));
    EXPECT_EQ(format_error([&] { return parse(flags); }).offset, flags.size() - 1) << "2 is no bool";
}

TEST(Safetensors, LyingHeadersTakeNoMemory) {
    auto const before = peak_memory();
    EXPECT_THROW(static_cast<void>(parse(little(~std::uint64_t{0}, 8) + bytes("{}"))), FormatError);
    EXPECT_THROW(static_cast<void>(parse(little(99'000'000, 8) + bytes("{}"))), FormatError);
    EXPECT_THROW(
        static_cast<void>(parse(file_of(R"({"a":{"dtype":"U8","shape":[1099511627776],"data_offsets":[0,1099511627776]}})", Bytes(9)))),
        FormatError);
    EXPECT_LT(peak_memory() - before, 32 * mebibyte);
}

TEST(Safetensors, WriterRefusesWhatTheFormatCannotHold) {
    Folder const folder;
    std::string const path = folder / "a.safetensors";
    EXPECT_THROW(write_safetensors(path, {{{"x", {DType::f32, {2}, Bytes(7)}}}, {}}), InvalidArgument);
    EXPECT_THROW(write_safetensors(path, {{{"__metadata__", {DType::u8, {1}, Bytes(1)}}}, {}}), InvalidArgument);
    EXPECT_THROW(write_safetensors(path, {{{"\xFF", {DType::u8, {1}, Bytes(1)}}}, {}}), InvalidArgument);
    EXPECT_THROW(write_safetensors(path, {{}, {{"k", "\xC3"}}}), InvalidArgument);
    EXPECT_TRUE(folder.names().empty());
}

}  // namespace
}  // namespace ca3::io::test
