#pragma once

#include <atomic>

namespace ca3 {

/// A barrier for threads that meet many thousand times a second. They spin for some ten microseconds; then they sleep, so that on a busy
/// machine the one that is waited for gets their core. Once broken it holds nobody.
class SpinBarrier {
public:
    explicit SpinBarrier(int threads) : threads_(threads) {}

    /// Returns when all threads have arrived, or the barrier is broken. @return whether it is whole
    bool wait() {
        unsigned const round = round_.load(std::memory_order_acquire);
        if (broken_.load(std::memory_order_acquire)) return false;
        if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads_) {
            arrived_.store(0, std::memory_order_relaxed);
            round_.store(round + 1, std::memory_order_release);
            round_.notify_all();
            return !broken_.load(std::memory_order_acquire);
        }
        for (int spins = 0; spins < patience; ++spins) {
            if (round_.load(std::memory_order_acquire) != round) return !broken_.load(std::memory_order_acquire);
#if defined(__x86_64__)
            __builtin_ia32_pause();
#endif
        }
        while (round_.load(std::memory_order_acquire) == round && !broken_.load(std::memory_order_acquire))
            round_.wait(round, std::memory_order_acquire);
        return !broken_.load(std::memory_order_acquire);
    }
    /// A thread that will not come any more lets the others go.
    void break_up() {
        broken_.store(true, std::memory_order_release);
        round_.fetch_add(1, std::memory_order_release);
        round_.notify_all();
    }

private:
    static constexpr int patience = 2000;

    int threads_;
    std::atomic<int> arrived_{0};
    std::atomic<unsigned> round_{0};
    std::atomic<bool> broken_{false};
};

}  // namespace ca3
