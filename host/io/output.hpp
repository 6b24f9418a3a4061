#pragma once

#include "io/stream.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace ca3::io {

/// Where bytes go.
using Sink = std::function<void(std::span<std::byte const>)>;

/// A file without a name, or under a temporary one, in the folder of its destination. `commit` gives it its name; without it the destructor
/// removes it, so that the destination is never half-written. A destination that is a device, a pipe or an open file of this process
/// (/dev/stdout) is written directly; a symbolic link is followed.
class OutputFile {
public:
    /// @throws FileError
    explicit OutputFile(std::string const& path);
    ~OutputFile();
    OutputFile(OutputFile const&) = delete;
    OutputFile& operator=(OutputFile const&) = delete;

    void write(std::span<std::byte const> bytes);  ///< @throws FileError, such as for a full disk
    void commit();                                 ///< Closes and renames. @throws FileError

    [[nodiscard]] Sink sink() {
        return [this](std::span<std::byte const> bytes) { write(bytes); };
    }

private:
    std::string path_;         ///< as the caller named it, for errors
    std::string destination_;  ///< with symbolic links followed
    std::string temporary_;    ///< empty where there is none
    bool replaces_ = false;    ///< else it is written directly
    int descriptor_ = -1;
};

/// Compresses what is written and passes it on. The same bytes give the same compressed bytes (no time stamp).
class Deflater {
public:
    Deflater(Wrapping wrapping, Sink sink);
    ~Deflater();
    Deflater(Deflater const&) = delete;
    Deflater& operator=(Deflater const&) = delete;

    void write(std::span<std::byte const> bytes);
    void finish();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace ca3::io
