#pragma once

#include <filesystem>
#include <string_view>

namespace ca3::cli {

/// A file that appears under its name complete, or not at all.
///
/// The content goes to `temporary()`, a name beside `path`; `commit()` renames it. Without commit the temporary file is removed.
/// What is there already and is not a regular file (a terminal, a pipe, /dev/null) is written to as it is, never replaced.
class WholeFile {
public:
    explicit WholeFile(std::filesystem::path path);
    WholeFile(WholeFile const&) = delete;
    WholeFile& operator=(WholeFile const&) = delete;
    ~WholeFile();

    [[nodiscard]] std::filesystem::path const& temporary() const noexcept { return temporary_; }
    /// @throws FileError
    void commit();

private:
    std::filesystem::path path_;
    std::filesystem::path temporary_;
    bool committed_ = false;
};

/// @throws FileError
void write_whole(std::filesystem::path const& path, std::string_view bytes);
/// A long run should not end with a file that cannot be written. @param path may be empty
/// @throws FileError when its folder does not exist, or it is a folder itself
void check_can_write(std::filesystem::path const& path);
/// Makes the folder and those above it. @throws FileError
void make_folder(std::filesystem::path const& path);

}  // namespace ca3::cli
