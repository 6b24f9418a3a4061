#include "progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <iostream>

namespace ca3::cli {
namespace {

constexpr int width = 30;

}  // namespace

Progress::Progress(bool enabled, std::string label, std::int64_t total)
    : label_(std::move(label)), total_(total), enabled_(enabled && total > 0 && ::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
    if (enabled_ && drawn_ >= 0) std::cerr << "\r\033[K" << std::flush;
}

void Progress::advance() {
    advance_to(done_ + 1);
}

void Progress::advance_to(std::int64_t done) {
    done_ = std::min(done, total_);
    if (!enabled_) return;
    int const filled = static_cast<int>(done_ * width / total_);
    if (filled != drawn_) draw(filled);
}

void Progress::relabel(std::string label) {
    label_ = std::move(label);
    if (enabled_ && drawn_ >= 0) draw(drawn_);
}

void Progress::draw(int filled) {
    drawn_ = filled;
    std::cerr << "\r\033[K" << label_ << " [" << std::string(static_cast<std::size_t>(filled), '#')
              << std::string(static_cast<std::size_t>(width - filled), ' ') << ']' << std::flush;
}

}  // namespace ca3::cli
