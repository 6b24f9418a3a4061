#include "io/output.hpp"

#include <ca3/error.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

namespace ca3::io {
namespace {

/// A name that no other writer in this folder has, made as a file. Independent of the destination's name, which may be as long as a name
/// can be.
int create_temporary(std::filesystem::path const& folder, std::string& name) {
    static std::atomic<unsigned> serial{0};
    int descriptor = -1;
    do {
        name = (folder / (".ca3-" + std::to_string(::getpid()) + "-" + std::to_string(serial++) + ".tmp")).string();
        descriptor = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (descriptor < 0 && errno == EEXIST);
    return descriptor;
}

/// The file that a path names once its symbolic links are followed, whether that file is there or not.
std::string link_target(std::string const& path) {
    namespace fs = std::filesystem;
    constexpr int most_links = 40;  // as many as Linux follows
    fs::path file(path);
    std::error_code error;
    for (int links = 0; fs::is_symlink(file, error); ++links) {
        if (links == most_links) throw_file_error("write", path, ELOOP);
        fs::path const target = fs::read_symlink(file, error);
        if (error) throw_file_error("write", path, error.value());
        file = file.parent_path() / target;
    }
    return file.string();
}

}  // namespace

OutputFile::OutputFile(std::string const& path) : path_(path), destination_(path) {
    if (path.find('\0') != std::string::npos) throw FileError("cannot write a file: its name holds a zero byte");
    if (path.empty()) throw_file_error("write", path, ENOENT);
    struct stat info = {};
    bool const exists = ::stat(path.c_str(), &info) == 0;
    if (exists && S_ISDIR(info.st_mode)) throw_file_error("write", path, EISDIR);
    if (exists && !S_ISREG(info.st_mode)) {
        descriptor_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    } else {
        destination_ = link_target(path);
        descriptor_ = create_temporary(std::filesystem::path(destination_).parent_path(), temporary_);
    }
    if (descriptor_ < 0) throw_file_error("write", path, errno);
    // A file that was private stays so. Where the system refuses, the file has the mode of any other that this process makes.
    if (exists && !temporary_.empty()) static_cast<void>(::fchmod(descriptor_, info.st_mode & 0777));
}

OutputFile::~OutputFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void OutputFile::write(std::span<std::byte const> bytes) {
    while (!bytes.empty()) {
        auto const put = ::write(descriptor_, bytes.data(), std::min<std::size_t>(bytes.size(), std::size_t{1} << 30));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) throw_file_error("write", path_, errno);
        bytes = bytes.subspan(static_cast<std::size_t>(put));
    }
}

void OutputFile::commit() {
    int const descriptor = std::exchange(descriptor_, -1);
    if (::close(descriptor) != 0 && errno != EINTR) throw_file_error("write", path_, errno);
    if (temporary_.empty()) return;
    if (std::rename(temporary_.c_str(), destination_.c_str()) != 0) throw_file_error("write", path_, errno);
    temporary_.clear();
}

}  // namespace ca3::io
