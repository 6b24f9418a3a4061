#include <ca3/error.hpp>

#include "core/check.hpp"
#include "support/compare.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <type_traits>

namespace ca3 {
namespace {

TEST(Errors, AreAllErrors) {
    static_assert(std::is_base_of_v<std::runtime_error, Error>);
    static_assert(std::is_base_of_v<Error, InvalidArgument>);
    static_assert(std::is_base_of_v<Error, OutOfMemory>);
    static_assert(std::is_base_of_v<Error, DeviceUnavailable>);
    static_assert(std::is_base_of_v<Error, DeviceError>);
    static_assert(std::is_base_of_v<Error, NotCompiled>);
    static_assert(std::is_base_of_v<Error, FormatError>);
    static_assert(std::is_base_of_v<Error, FileError>);
    static_assert(std::is_base_of_v<Error, Overflow>);
}

TEST(Errors, OutOfMemoryNamesTheBytes) {
    OutOfMemory const error("Buffer", 12345, 678);
    EXPECT_EQ(error.requested_bytes, 12345u);
    EXPECT_EQ(error.free_bytes, 678u);
    std::string const text = error.what();
    EXPECT_NE(text.find("Buffer"), std::string::npos);
    EXPECT_NE(text.find("12345"), std::string::npos);
    EXPECT_NE(text.find("678"), std::string::npos);
    EXPECT_EQ(std::string(OutOfMemory("Buffer", 1, 0).what()).find("free"), std::string::npos) << "0 means that the system does not tell";
}

TEST(Errors, DeviceErrorNamesCodeAndPlace) {
    DeviceError const error(700, "cudaErrorIllegalAddress", "an illegal memory access", "kernel.cu", 42);
    EXPECT_EQ(error.code, 700);
    EXPECT_EQ(error.name, "cudaErrorIllegalAddress");
    for (char const* part : {"700", "cudaErrorIllegalAddress", "an illegal memory access", "kernel.cu:42"})
        EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << part;
}

TEST(Errors, FormatErrorNamesFileAndOffset) {
    FormatError const error("memory.safetensors", 8, "the header is cut short");
    EXPECT_EQ(error.file, "memory.safetensors");
    EXPECT_EQ(error.offset, 8u);
    for (char const* part : {"memory.safetensors", "8", "the header is cut short"})
        EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << part;
}

TEST(Checks, NameFunctionArgumentAndBothShapes) {
    std::array<int, 6> data{};
    MatrixView<int> const matrix(data.data(), 2, 3);
    EXPECT_NO_THROW(require_shape(matrix, 2, 3, "f", "a"));
    auto const message = test::message_of<InvalidArgument>([&] { require_shape(matrix, 3, 2, "f", "a"); });
    for (char const* part : {"f", "a", "(3 x 2)", "(2 x 3)"}) EXPECT_NE(message.find(part), std::string::npos) << message;
}

TEST(Checks, RefuseViewsThatAreNotWellFormed) {
    std::array<int, 6> data{};
    EXPECT_THROW(require_view(MatrixView<int>(data.data(), -1, 3), "f", "a"), InvalidArgument);
    EXPECT_THROW(require_view(MatrixView<int>(data.data(), 1, -3), "f", "a"), InvalidArgument);
    EXPECT_THROW(require_view(MatrixView<int>(data.data(), 2, 3, 2), "f", "a"), InvalidArgument);
    EXPECT_THROW(require_view(MatrixView<int>(nullptr, 2, 3), "f", "a"), InvalidArgument);
    EXPECT_NO_THROW(require_view(MatrixView<int>(nullptr, 0, 3), "f", "a"));
    EXPECT_NO_THROW(require_view(MatrixView<int>(nullptr, 2, 0), "f", "a"));
    EXPECT_NO_THROW(require_view(MatrixView<int>(data.data(), 1, 3, 0), "f", "a")) << "the stride of a single row says nothing";
}

}  // namespace
}  // namespace ca3
