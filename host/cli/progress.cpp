#include "progress.hpp"

#include <unistd.h>

#include <iostream>

namespace ca3::cli {

Progress::Progress(bool enabled, std::string label, std::int64_t total)
    : label_(std::move(label)), total_(total), enabled_(enabled && total > 0 && ::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
    if (enabled_ && drawn_ >= 0) std::cerr << "\r\033[K" << std::flush;
}

void Progress::advance() {
    ++done_;
    if (!enabled_) return;
    constexpr int width = 30;
    int const filled = static_cast<int>(done_ * width / total_);
    if (filled == drawn_) return;
    drawn_ = filled;
    std::cerr << '\r' << label_ << " [" << std::string(static_cast<std::size_t>(filled), '#')
              << std::string(static_cast<std::size_t>(width - filled), ' ') << ']' << std::flush;
}

}  // namespace ca3::cli
