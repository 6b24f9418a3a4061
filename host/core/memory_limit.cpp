#include "core/memory_limit.hpp"

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>

namespace ca3 {

namespace {

std::optional<std::uint64_t> number_in(char const* path) {
    std::ifstream file(path);
    std::uint64_t value = 0;
    if (file >> value) return value;  // "max" is no number
    return std::nullopt;
}

}  // namespace

std::uint64_t available_host_bytes() {
    std::uint64_t available = 0;
    std::ifstream info("/proc/meminfo");
    std::string key, unit;
    for (std::uint64_t kibibytes = 0; info >> key >> kibibytes && std::getline(info, unit);) {
        if (key == "MemAvailable:") available = kibibytes << 10;
    }
    for (auto const& [limit_path, used_path] :
         {std::pair{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"},
          std::pair{"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"}}) {
        auto const limit = number_in(limit_path), used = number_in(used_path);
        if (limit && used && available != 0) available = std::min(available, *limit - std::min(*limit, *used));
    }
    return available;
}

}  // namespace ca3
