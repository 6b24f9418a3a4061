#include "autoencoder/cpu_threads.hpp"

#include <algorithm>

namespace ca3::autoencoder::cpu {
namespace {

constexpr int trials = 6;
constexpr std::int64_t trial_steps = ThreadChoice::warm + 4;
constexpr double longest_step = 2e-4;  ///< worth a trial: a longer one would be over before a thread that slept has a core of its own
constexpr double between = 0.25;       ///< seconds from trials to trials
constexpr double gain = 0.97;          ///< of a step's time: else all stays as it is

}  // namespace

int ThreadChoice::other() const {
    bool const up = now_ == 1 || (upwards_ && now_ < most_);
    return up ? std::min(most_, 2 * now_) : (now_ + 1) / 2;
}

ThreadChoice::Trial ThreadChoice::next() const {
    if (most_ == 1) return {1, std::int64_t{1} << 40};
    if (settled_ > 0) return {now_, settled_};
    return {trial_ % 2 == 0 ? now_ : other(), trial_steps};
}

void ThreadChoice::took(std::int64_t steps, double seconds) {
    if (most_ == 1) return;
    if (settled_ > 0) {
        settled_ = std::max<std::int64_t>(0, settled_ - steps);
        return;
    }
    double const each = seconds / static_cast<double>(std::max<std::int64_t>(1, steps - warm));
    double& fastest = fastest_[trial_ % 2];
    fastest = trial_ < 2 ? each : std::min(fastest, each);
    ++trial_;
    bool const too_long = each > longest_step && now_ == most_;  // on fewer threads there may be a way back
    if (trial_ == trials || too_long) settle();
}

void ThreadChoice::settle() {
    if (trial_ >= 2 && fastest_[1] < gain * fastest_[0]) {
        upwards_ = other() > now_;
        now_ = other();
        fastest_[0] = fastest_[1];
    } else {
        upwards_ = !upwards_;
    }
    trial_ = 0;
    settled_ = std::max<std::int64_t>(64, static_cast<std::int64_t>(between / std::max(fastest_[0], 1e-9)));
}

}  // namespace ca3::autoencoder::cpu
