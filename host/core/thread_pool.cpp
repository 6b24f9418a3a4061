#include "core/thread_pool.hpp"

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace ca3 {

struct ThreadPool::State {
    using Task = std::function<void(std::int64_t, int)>;

    std::vector<std::thread> threads;
    std::mutex mutex;
    std::condition_variable work_ready;
    std::condition_variable work_done;
    Task const* task = nullptr;
    std::int64_t count = 0;
    std::uint64_t round = 0;  ///< rises with every run(), so that a thread looks at each once
    int active = 0;           ///< threads that take indices of this round
    bool stopping = false;
    std::atomic<std::int64_t> next{0};
    std::exception_ptr failure;

    /// Takes indices until none is left. After a failure the remaining ones are skipped.
    void drain(int thread) {
        for (;;) {
            std::int64_t const index = next.fetch_add(1, std::memory_order_relaxed);
            if (index >= count) return;
            try {
                (*task)(index, thread);
            } catch (...) {
                std::lock_guard const lock(mutex);
                if (!failure) failure = std::current_exception();
                next.store(count, std::memory_order_relaxed);
            }
        }
    }

    void serve(int thread) {
        std::uint64_t seen = 0;
        for (;;) {
            {
                std::unique_lock lock(mutex);
                work_ready.wait(lock, [&] { return stopping || round != seen; });
                if (stopping) return;
                seen = round;
                // One that wakes when all indices are taken is not waited for: on a busy machine that would cost a time slice.
                if (next.load(std::memory_order_relaxed) >= count) continue;
                ++active;
            }
            drain(thread);
            std::lock_guard const lock(mutex);
            if (--active == 0) work_done.notify_one();
        }
    }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
    try {
        for (int t = 1; t < threads; ++t) state_->threads.emplace_back([state = state_.get(), t] { state->serve(t); });
    } catch (...) {
        // The system refuses more threads: go on with those there are.
    }
}

ThreadPool::~ThreadPool() {
    {
        std::lock_guard const lock(state_->mutex);
        state_->stopping = true;
    }
    state_->work_ready.notify_all();
    for (auto& thread : state_->threads) thread.join();
}

int ThreadPool::size() const noexcept {
    return static_cast<int>(state_->threads.size()) + 1;
}

void ThreadPool::run(std::int64_t count, std::function<void(std::int64_t, int)> const& task) {
    if (count <= 0) return;
    if (count == 1 || state_->threads.empty()) {
        for (std::int64_t i = 0; i < count; ++i) task(i, 0);
        return;
    }
    {
        std::lock_guard const lock(state_->mutex);
        state_->task = &task;
        state_->count = count;
        state_->next.store(0, std::memory_order_relaxed);
        state_->failure = nullptr;
        ++state_->round;
    }
    state_->work_ready.notify_all();
    state_->drain(0);
    std::unique_lock lock(state_->mutex);
    state_->work_done.wait(lock, [&] { return state_->active == 0; });
    if (state_->failure) std::rethrow_exception(std::exchange(state_->failure, nullptr));
}

}  // namespace ca3
