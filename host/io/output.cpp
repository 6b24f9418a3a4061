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
namespace fs = std::filesystem;
namespace {

/// A file in this folder under a name that nobody else has: `make(name)` makes it, and fails with EEXIST where somebody has. Independent of
/// the destination's name, which may be as long as a name can be. @return what `make` returns
int with_new_name(fs::path const& folder, std::string& name, auto&& make) {
    static std::atomic<unsigned> serial{0};
    int result = -1;
    do {
        name = (folder / (".ca3-" + std::to_string(::getpid()) + "-" + std::to_string(serial++) + ".tmp")).string();
        result = make(name.c_str());
    } while (result < 0 && errno == EEXIST);
    return result;
}

std::string descriptor_path(int descriptor) {
    return "/proc/self/fd/" + std::to_string(descriptor);
}

/// A file that is to be renamed once it is whole: without a name until then, so that nothing of it stays when the process ends before.
/// Where the file system has no such files it has a name, which goes with the OutputFile.
int create_temporary(fs::path const& folder, std::string& name) {
    name.clear();
    int const unnamed = ::open(folder.empty() ? "." : folder.c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);
    if (unnamed >= 0 && ::access(descriptor_path(unnamed).c_str(), F_OK) == 0) return unnamed;
    if (unnamed >= 0) ::close(unnamed);
    return with_new_name(folder, name, [](char const* path) { return ::open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666); });
}

/// The open file of this process that a path names, such as /dev/stdout or /proc/self/fd/1; -1: it is no such name.
int open_file_of(fs::path const& path) {
    std::error_code error;
    std::string const number = path.filename().string();
    if (number.empty() || number.size() > 9 || !std::ranges::all_of(number, [](char c) { return c >= '0' && c <= '9'; })) return -1;
    return fs::equivalent(path.parent_path(), "/proc/self/fd", error) ? std::stoi(number) : -1;
}

/// What a path leads to once its symbolic links are followed, whether that is there or not.
struct Target {
    std::string file;
    int open_file = -1;  ///< the links lead through this one of the process
};

Target target_of(std::string const& path) {
    constexpr int most_links = 40;  // as many as Linux follows
    fs::path file(path);
    std::error_code error;
    for (int links = 0; fs::is_symlink(file, error); ++links) {
        if (links == most_links) throw_file_error("write", path, ELOOP);
        if (int const open_file = open_file_of(file); open_file >= 0) return {path, open_file};
        fs::path const target = fs::read_symlink(file, error);
        if (error) throw_file_error("write", path, error.value());
        file = file.parent_path() / target;
    }
    return {file.string()};
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
    } else if (Target const target = target_of(path); target.open_file >= 0) {
        std::fflush(nullptr);  // what this process has written there comes first
        descriptor_ = ::fcntl(target.open_file, F_DUPFD_CLOEXEC, 0);
    } else {
        destination_ = target.file;
        descriptor_ = create_temporary(fs::path(destination_).parent_path(), temporary_);
        replaces_ = true;
    }
    if (descriptor_ < 0) throw_file_error("write", path, errno);
    // A file that was private stays so. Where the system refuses, the file has the mode of any other that this process makes.
    if (exists && replaces_) static_cast<void>(::fchmod(descriptor_, info.st_mode & 0777));
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
    if (replaces_ && temporary_.empty()) {
        std::string const from = descriptor_path(descriptor_);
        auto const link = [&](char const* name) { return ::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, name, AT_SYMLINK_FOLLOW); };
        if (with_new_name(fs::path(destination_).parent_path(), temporary_, link) < 0) {
            int const error = errno;
            temporary_.clear();
            throw_file_error("write", path_, error);
        }
    }
    int const descriptor = std::exchange(descriptor_, -1);
    if (::close(descriptor) != 0 && errno != EINTR) throw_file_error("write", path_, errno);
    if (!replaces_) return;
    if (std::rename(temporary_.c_str(), destination_.c_str()) != 0) throw_file_error("write", path_, errno);
    temporary_.clear();
}

}  // namespace ca3::io
