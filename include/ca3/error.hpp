#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace ca3 {

/// Base of every exception that this library throws. After a throw the object concerned is as it was before the call.
class Error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// An argument is outside its domain. The message names the argument, what was expected and what came.
class InvalidArgument : public Error {
public:
    using Error::Error;
};

/// Memory could not be had.
class OutOfMemory : public Error {
public:
    OutOfMemory(std::string const& where, std::uint64_t requested_bytes, std::uint64_t free_bytes);

    std::uint64_t requested_bytes;
    std::uint64_t free_bytes;  ///< 0 when the system does not tell
};

/// The device asked for cannot be used; the message holds the driver's reason.
class DeviceUnavailable : public Error {
public:
    using Error::Error;
};

/// A call into CUDA failed.
class DeviceError : public Error {
public:
    DeviceError(int code, std::string const& name, std::string const& what, char const* file, int line);

    int code;          ///< the cudaError_t
    std::string name;  ///< its name, such as cudaErrorIllegalAddress
};

/// The build holds no code for the request, such as CUDA in a build without it.
class NotCompiled : public Error {
public:
    using Error::Error;
};

/// A file is not what it claims to be.
class FormatError : public Error {
public:
    FormatError(std::string const& file, std::uint64_t offset, std::string const& what);

    std::string file;
    std::uint64_t offset;  ///< byte at which reading failed
};

/// A file could not be opened, read or written (the operating system's reason is in the message).
class FileError : public Error {
public:
    using Error::Error;
};

/// NaN or an infinity came up in a computation, which stopped before it changed anything.
class NonFinite : public Error {
public:
    NonFinite(std::string const& what, std::int64_t at_epoch, std::int64_t at_step, int at_layer)
        : Error(what), epoch(at_epoch), step(at_step), layer(at_layer) {}

    std::int64_t epoch;  ///< 1, 2, ...
    std::int64_t step;   ///< 1, 2, ... of the epoch
    int layer;           ///< whose output is the first that is not finite; -1: the data
};

/// A number would leave the range in which the result is exact.
class Overflow : public Error {
public:
    using Error::Error;
};

}  // namespace ca3
