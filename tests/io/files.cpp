#include "files.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace ca3::io::test {

Bytes bytes(std::string_view text) {
    return raw(std::vector<char>(text.begin(), text.end()));
}

Bytes operator+(Bytes left, Bytes const& right) {
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

Bytes little(std::uint64_t value, int count) {
    Bytes result;
    for (int i = 0; i < count; ++i) result.push_back(static_cast<std::byte>(value >> (8 * i)));
    return result;
}

Bytes big(std::uint64_t value, int count) {
    Bytes result = little(value, count);
    std::ranges::reverse(result);
    return result;
}

Folder::Folder() {
    std::string name = (std::filesystem::temp_directory_path() / ("ca3_io_" + std::string(6, 'X'))).string();  // which mkdtemp replaces
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder can be made");
    path_ = name;
}

Folder::~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::vector<std::string> Folder::names() const {
    std::vector<std::string> result;
    for (auto const& entry : std::filesystem::directory_iterator(path_)) result.push_back(entry.path().filename().string());
    std::ranges::sort(result);
    return result;
}

Bytes slurp(std::string const& path) {
    std::ifstream file(path, std::ios::binary);
    EXPECT_TRUE(file.good()) << path;
    return bytes(std::string(std::istreambuf_iterator<char>(file), {}));
}

void spill(std::string const& path, Bytes const& content) {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<char const*>(content.data()), static_cast<std::streamsize>(content.size()));
    EXPECT_TRUE(file.good()) << path;
}

std::uint32_t crc32(Bytes const& content) {
    std::uint32_t crc = 0xFFFFFFFF;
    for (std::byte const byte : content) {
        crc ^= std::to_integer<std::uint32_t>(byte);
        for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
    }
    return ~crc;
}

Bytes deflate_stored(Bytes const& content) {
    return bytes("\x01") + little(content.size(), 2) + little(~content.size(), 2) + content;
}

Bytes gzip_stored(Bytes const& content) {
    using namespace std::string_view_literals;
    return bytes("\x1F\x8B\x08\0\0\0\0\0\0\xFF"sv) + deflate_stored(content) + little(crc32(content), 4) + little(content.size(), 4);
}

std::uint64_t peak_memory() {
    rusage usage = {};
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace ca3::io::test
