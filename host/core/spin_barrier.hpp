#pragma once

#include <atomic>
#include <thread>

namespace ca3 {

/// A barrier for threads that meet many thousand times a second: they spin, and give way to others when the wait grows long (more threads
/// than cores). Once broken it holds nobody.
class SpinBarrier {
public:
    explicit SpinBarrier(int threads) : threads_(threads) {}

    /// Returns when all threads have arrived, or the barrier is broken. @return whether it is whole
    bool wait() {
        unsigned const round = round_.load(std::memory_order_acquire);
        if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads_) {
            arrived_.store(0, std::memory_order_relaxed);
            round_.store(round + 1, std::memory_order_release);
            return !broken_.load(std::memory_order_relaxed);
        }
        for (int spins = 0; round_.load(std::memory_order_acquire) == round; ++spins) {
            if (broken_.load(std::memory_order_acquire)) return false;
            if (spins < patience) {
#if defined(__x86_64__)
                __builtin_ia32_pause();
#endif
            } else {
                std::this_thread::yield();
            }
        }
        return !broken_.load(std::memory_order_relaxed);
    }
    /// A thread that will not come any more lets the others go.
    void break_up() {
        broken_.store(true, std::memory_order_release);
    }

private:
    static constexpr int patience = 4000;

    int threads_;
    std::atomic<int> arrived_{0};
    std::atomic<unsigned> round_{0};
    std::atomic<bool> broken_{false};
};

}  // namespace ca3
