#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace ca3::cli {

/// A file that appears under its name complete, or not at all.
///
/// The content goes to `temporary()`, a name beside `path`; `commit()` renames it. Without commit the temporary file is removed.
/// What is there already and is not a regular file (a terminal, a pipe, /dev/null), and an open file of this process (/dev/stdout), is
/// written to as it is, never replaced.
class WholeFile {
public:
    explicit WholeFile(std::filesystem::path path);
    WholeFile(WholeFile const&) = delete;
    WholeFile& operator=(WholeFile const&) = delete;
    ~WholeFile();

    [[nodiscard]] std::filesystem::path const& temporary() const noexcept { return temporary_; }
    /// All of the content. @throws FileError
    void write(std::string_view bytes);
    /// @throws FileError
    void commit();

private:
    std::filesystem::path named_;  ///< as the caller names it, for errors
    std::filesystem::path path_;   ///< with links followed
    std::filesystem::path temporary_;
    int open_file_ = -1;  ///< of this process: written to where it stands
    bool committed_ = false;
};

/// @throws FileError
void write_whole(std::filesystem::path const& path, std::string_view bytes);
/// A long run should not end with a file that cannot be written. @param path may be empty, or "-" (standard output)
/// @throws FileError when its folder does not exist or takes no file, or it is a folder itself
void check_can_write(std::filesystem::path const& path);
/// An option and its file, empty where it is not given.
struct NamedFile {
    char const* option;
    std::string file;
};
/// @throws InvalidArgument when two of the files that are written are the same, or one is a file that is read. Terminals, pipes and the
/// like may be named more than once.
void check_apart(std::vector<NamedFile> const& written, std::vector<NamedFile> const& read);
/// Makes the folder and those above it. @throws FileError
void make_folder(std::filesystem::path const& path);

}  // namespace ca3::cli
