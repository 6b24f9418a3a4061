#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace ca3 {

/// Persistent threads. The caller is one of them, so a pool of one starts none.
class ThreadPool {
public:
    explicit ThreadPool(int threads);
    ~ThreadPool();
    ThreadPool(ThreadPool const&) = delete;
    ThreadPool& operator=(ThreadPool const&) = delete;

    [[nodiscard]] int size() const noexcept;

    /// Calls task(i, thread) once for every i in [0, count), in any order, on any thread in [0, size()); returns when all are done.
    /// The first exception thrown by a task is thrown here, after all others have ended.
    void run(std::int64_t count, std::function<void(std::int64_t index, int thread)> const& task);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace ca3
