#pragma once

#include <cstddef>
#include <cstdint>

/// Signatures and fixed sizes of zip's records.
namespace ca3::io::zip {

inline constexpr std::uint32_t local_signature = 0x04034B50;
inline constexpr std::uint32_t entry_signature = 0x02014B50;
inline constexpr std::uint32_t end_signature = 0x06054B50;
inline constexpr std::uint32_t end64_signature = 0x06064B50;
inline constexpr std::uint32_t locator_signature = 0x07064B50;

inline constexpr std::size_t local_size = 30;  ///< before name and extra field
inline constexpr std::size_t entry_size = 46;  ///< before name, extra field and comment
inline constexpr std::size_t end_size = 22;    ///< before the comment
inline constexpr std::size_t end64_size = 56;
inline constexpr std::size_t locator_size = 20;

inline constexpr std::uint16_t zip64_extra = 0x0001;
inline constexpr std::uint16_t stored = 0;
inline constexpr std::uint16_t deflated = 8;

inline constexpr std::uint16_t flag_encrypted = 0x0001;
inline constexpr std::uint16_t flag_patched = 0x0020;
inline constexpr std::uint16_t flag_strongly_encrypted = 0x0040;
inline constexpr std::uint16_t flag_utf8 = 0x0800;
inline constexpr std::uint16_t flag_masked = 0x2000;

inline constexpr std::uint32_t see_zip64 = 0xFFFFFFFF;  ///< stands in a 32-bit field whose value is in the zip64 extra field
inline constexpr std::uint16_t see_zip64_short = 0xFFFF;

}  // namespace ca3::io::zip
