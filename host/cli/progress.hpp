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
    /// Advances to this step of the total, which may not fall.
    void advance_to(std::int64_t done);
    /// Changes the words before the bar.
    void relabel(std::string label);

private:
    void draw(int filled);

    std::string label_;
    std::int64_t total_;
    std::int64_t done_ = 0;
    int drawn_ = -1;
    bool enabled_;
};

}  // namespace ca3::cli
