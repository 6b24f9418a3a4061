#pragma once

#include <cstdint>

namespace ca3 {

/// Bytes of host memory that this process may still take: what the system has available and, inside a control group, what its limit leaves.
/// 0 when the system does not tell.
[[nodiscard]] std::uint64_t available_host_bytes();

}  // namespace ca3
