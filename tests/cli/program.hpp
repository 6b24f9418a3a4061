#pragma once

#include <ca3/io/npy.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace ca3::test {

struct Outcome {
    int exit_code = -1;
    std::string out;
    std::string err;
};

/// A test with a folder of its own, which is the program's working folder and is removed afterwards.
class Program : public testing::Test {
protected:
    void SetUp() override;
    void TearDown() override;

    /// Runs ca3 with these arguments, in `folder`.
    Outcome run(std::vector<std::string> arguments) const;
    /// The same, and expects success without a word on standard error.
    Outcome run_well(std::vector<std::string> arguments) const;
    /// The same, and expects exit code 1, nothing on standard output and one line "ca3: error: ..." that contains `words`.
    void run_badly(std::vector<std::string> arguments, std::string const& words) const;

    [[nodiscard]] std::string path(std::string const& file) const { return (folder / file).string(); }
    [[nodiscard]] nlohmann::json json(std::string const& file) const;
    [[nodiscard]] std::string text(std::string const& file) const;
    [[nodiscard]] std::vector<std::string> files() const;

    template <class T>
    void write(std::string const& file, io::DType dtype, std::vector<std::int64_t> shape, std::vector<T> const& values) const {
        io::Array array{.dtype = dtype, .shape = std::move(shape), .data = {}};
        auto const* bytes = reinterpret_cast<std::byte const*>(values.data());
        array.data.assign(bytes, bytes + values.size() * sizeof(T));
        io::write_npy(path(file), array);
    }

    std::filesystem::path folder;
};

/// The elements of an array of this type.
template <class T>
std::vector<T> values(io::Array const& array) {
    return {array.as<T>(), array.as<T>() + array.size()};
}

}  // namespace ca3::test
