#pragma once

#include <cstdint>

namespace ca3::autoencoder::cpu {

/// How many threads to take for steps that repeat and have the same result on any number of them. More threads are not always faster:
/// where cores are far from each other, a small step waits longer for what it exchanges than it saves. So now and then some steps run on
/// half as many threads or twice as many, in turns with as many as now, and the faster number stays. Steps that take longer than a
/// fifth of a millisecond are not tried.
class ThreadChoice {
public:
    explicit ThreadChoice(int most = 1) : most_(most), now_(most) {}

    struct Trial {
        int threads;
        std::int64_t steps;  ///< at most
    };
    /// The first steps of a trial are not timed: threads wake up and caches fill.
    static constexpr std::int64_t warm = 2;

    [[nodiscard]] int most() const { return most_; }
    /// What to run next.
    [[nodiscard]] Trial next() const;
    /// `steps` of it ran, and took so long beyond the warm ones. Where none was timed it need not be told.
    void took(std::int64_t steps, double seconds);

private:
    [[nodiscard]] int other() const;
    void settle();

    int most_;
    int now_;
    bool upwards_ = false;      ///< the other number is twice as many, where both are possible
    int trial_ = 0;             ///< even: as many as now; odd: the other number
    double fastest_[2] = {};    ///< steps of such trials, in seconds
    std::int64_t settled_ = 0;  ///< steps until the next trials
};

}  // namespace ca3::autoencoder::cpu
