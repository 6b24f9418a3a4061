#include <ca3/io/idx.hpp>

#include "files.hpp"

namespace ca3::io::test {
namespace {

void write_split(Folder const& folder, std::string const& prefix, std::string const& suffix, std::int64_t images, Bytes const& labels) {
    write_idx(folder / (prefix + "-images-idx3-ubyte" + suffix),
              {IdxType::u8, {images, 2, 3}, Bytes(static_cast<std::size_t>(6 * images), std::byte{9})});
    write_idx(folder / (prefix + "-labels-idx1-ubyte" + suffix), {IdxType::u8, {static_cast<std::int64_t>(labels.size())}, labels});
}

TEST(Mnist, ReadsBothSplitsPlainOrCompressed) {
    Folder const folder;
    write_split(folder, "train", "", 2, bytes("\x07\x03"));
    write_split(folder, "t10k", ".gz", 1, bytes("\x09"));
    Images const train = read_mnist(folder.path(), Split::train);
    EXPECT_EQ(train.count, 2);
    EXPECT_EQ(train.rows, 2);
    EXPECT_EQ(train.cols, 3);
    EXPECT_EQ(train.pixels, std::vector<std::uint8_t>(12, 9));
    EXPECT_EQ(train.labels, (std::vector<std::uint8_t>{7, 3}));
    EXPECT_EQ(read_mnist(folder.path() + "/", Split::test).labels, (std::vector<std::uint8_t>{9}));
}

TEST(Mnist, MissingFilesAreNamed) {
    Folder const folder;
    try {
        static_cast<void>(read_mnist(folder.path(), Split::test));
        FAIL() << "did not throw";
    } catch (FileError const& error) {
        EXPECT_NE(std::string(error.what()).find("t10k-images-idx3-ubyte.gz"), std::string::npos) << error.what();
        EXPECT_NE(std::string(error.what()).find(folder.path()), std::string::npos) << error.what();
    }
}

TEST(Mnist, WhatIsNoMnistIsRefused) {
    Folder const folder;
    auto const read = [&] { return read_mnist(folder.path(), Split::train); };
    write_split(folder, "train", "", 2, bytes("\x01"));
    EXPECT_EQ(format_error(read).offset, 4U) << "two images, one label";
    write_split(folder, "train", "", 2, bytes("\x01\x0A"));
    EXPECT_EQ(format_error(read).offset, 9U) << "label 10";
    write_idx(folder / "train-images-idx3-ubyte", {IdxType::u8, {2, 6}, Bytes(12)});
    EXPECT_EQ(format_error(read).offset, 3U) << "two dimensions";
    write_idx(folder / "train-images-idx3-ubyte", {IdxType::i8, {2, 2, 3}, Bytes(12)});
    EXPECT_EQ(format_error(read).offset, 2U) << "signed bytes";
}

}  // namespace
}  // namespace ca3::io::test
