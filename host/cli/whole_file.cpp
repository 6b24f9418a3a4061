#include "whole_file.hpp"

#include <ca3/error.hpp>

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>

namespace ca3::cli {
namespace fs = std::filesystem;

namespace {

constexpr int most_links = 40;  // as many as Linux follows

/// The open file of this process that a path names, such as /proc/self/fd/1; -1: it is no such name.
int open_file_of(fs::path const& path) {
    std::error_code error;
    std::string const number = path.filename().string();
    if (number.empty() || number.size() > 9 || number.find_first_not_of("0123456789") != std::string::npos) return -1;
    return fs::equivalent(path.parent_path(), "/proc/self/fd", error) ? std::stoi(number) : -1;
}

std::string reason(int error) {
    return error != 0 ? std::strerror(error) : "unknown reason";
}

}  // namespace

WholeFile::WholeFile(fs::path path) : named_(std::move(path)), path_(named_) {
    std::error_code ignored;
    auto const status = fs::status(path_, ignored);
    bool in_place = fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status);
    // /dev/stdout may lead to a pipe, which has no name that could be found.
    for (int links = 0; !in_place && fs::is_symlink(path_, ignored); ++links) {
        if (links == most_links) throw FileError(named_.string() + ": cannot be written: too many levels of symbolic links");
        open_file_ = open_file_of(path_);
        in_place = open_file_ >= 0;
        if (!in_place) path_ = path_.parent_path() / fs::read_symlink(path_, ignored);
    }
    temporary_ = in_place ? path_ : fs::path(path_.string() + ".part-" + std::to_string(::getpid()));
    committed_ = in_place;
}

WholeFile::~WholeFile() {
    std::error_code ignored;
    if (!committed_) fs::remove(temporary_, ignored);
}

void WholeFile::write(std::string_view bytes) {
    auto const fail = [&] { throw FileError(named_.string() + ": cannot be written: " + reason(errno)); };
    errno = 0;
    if (open_file_ < 0) {
        std::ofstream out(temporary_, std::ios::binary);
        out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        out.close();
        if (!out) fail();
        return;
    }
    std::cout.flush();  // comes first
    while (!bytes.empty()) {
        auto const put = ::write(open_file_, bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) fail();
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
}

void WholeFile::commit() {
    if (committed_) return;
    std::error_code error;
    // A file that was private stays so.
    if (auto const former = fs::status(path_, error); fs::is_regular_file(former)) fs::permissions(temporary_, former.permissions(), error);
    fs::rename(temporary_, path_, error);
    if (error) throw FileError(named_.string() + ": cannot be written: " + error.message());
    committed_ = true;
}

void write_whole(fs::path const& path, std::string_view bytes) {
    WholeFile file(path);
    file.write(bytes);
    file.commit();
}

void check_can_write(fs::path const& path) {
    std::error_code error;
    if (path.empty() || path == "-") return;
    if (path.has_parent_path() && !fs::is_directory(path.parent_path(), error))
        throw FileError("cannot write '" + path.string() + "': there is no folder '" + path.parent_path().string() + "'");
    if (fs::is_directory(path, error)) throw FileError("cannot write '" + path.string() + "': it is a folder");
    WholeFile const file(path);
    if (fs::exists(file.temporary(), error)) return;  // written in place
    errno = 0;
    if (!std::ofstream(file.temporary(), std::ios::binary)) throw FileError("cannot write '" + path.string() + "': " + reason(errno));
}

void check_apart(std::vector<NamedFile> const& written, std::vector<NamedFile> const& read) {
    auto const same = [](std::string const& a, std::string const& b) {
        std::error_code error;
        if (a.empty() || b.empty() || a == "-" || b == "-") return false;
        if (fs::exists(a, error) && !fs::is_regular_file(a, error)) return false;
        return fs::equivalent(a, b, error) || fs::weakly_canonical(fs::absolute(a), error) == fs::weakly_canonical(fs::absolute(b), error);
    };
    for (std::size_t i = 0; i < written.size(); ++i) {
        for (std::size_t k = 0; k < i; ++k)
            if (same(written[i].file, written[k].file))
                throw InvalidArgument(std::string(written[k].option) + " and " + written[i].option + " are the same file, " +
                                      written[i].file);
        for (auto const& input : read)
            if (same(written[i].file, input.file))
                throw InvalidArgument(std::string(written[i].option) + " would overwrite " + input.option + ", " + input.file);
    }
}

void make_folder(fs::path const& path) {
    std::error_code error;
    fs::create_directories(path, error);
    if (error || !fs::is_directory(path, error))
        throw FileError(path.string() + ": cannot be made a folder: " + (error ? error.message() : "a file of that name exists"));
}

}  // namespace ca3::cli
