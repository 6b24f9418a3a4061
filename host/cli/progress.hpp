#pragma once

#include <cstdint>
#include <string>

namespace ca3::cli {

/// A bar on standard error; nothing when that is not a terminal or when `enabled` is false. Erased when done.
class Progress {
public:
    Progress(bool enabled, std::string label, std::int64_t total);
    Progress(Progress const&) = delete;
    Progress& operator=(Progress const&) = delete;
    ~Progress();

    void advance();

private:
    std::string label_;
    std::int64_t total_;
    std::int64_t done_ = 0;
    int drawn_ = -1;
    bool enabled_;
};

}  // namespace ca3::cli
