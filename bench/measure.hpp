#pragma once

#include <ctime>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <thread>
#include <vector>

/// Times of work that takes turns with the work it is compared with.
namespace ca3::bench {

/// Seconds of one run: on the wall, and of the processor summed over all threads of the program.
struct Duration {
    double wall = 0;
    double cpu = 0;
};

[[nodiscard]] inline double cpu_seconds() {
    std::timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

template <class Work>
[[nodiscard]] Duration duration_of(Work const& work) {
    auto const start = std::chrono::steady_clock::now();
    double const cpu = cpu_seconds();
    work();
    return {std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), cpu_seconds() - cpu};
}

/// Linear between the two nearest values. `values` must not be empty.
[[nodiscard]] inline double quantile(std::vector<double> values, double q) {
    std::sort(values.begin(), values.end());
    double const place = q * static_cast<double>(values.size() - 1);
    auto const below = static_cast<std::size_t>(place), above = std::min(below + 1, values.size() - 1);
    return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
}

[[nodiscard]] inline double median(std::vector<double> values) {
    return quantile(std::move(values), 0.5);
}

/// The durations of many runs.
struct Durations {
    std::vector<double> wall, cpu;

    void add(Duration d) {
        wall.push_back(d.wall);
        cpu.push_back(d.cpu);
    }
    [[nodiscard]] Duration median() const { return {bench::median(wall), bench::median(cpu)}; }
};

/// Two pieces of work that take turns, so that the ratio of their medians is not that of two moods of the machine.
struct Comparison {
    Durations ours, baseline;
    std::vector<double> wall_ratios, cpu_ratios;  ///< baseline over ours, of every round

    /// Runs the baseline once, and ours `repeats` times. @returns the median duration of ours in this round
    template <class Ours, class Baseline>
    Duration round(int repeats, Ours const& run_ours, Baseline const& run_baseline) {
        Duration const theirs = duration_of(run_baseline);
        settle();
        Durations mine;
        for (int k = 0; k < repeats; ++k) mine.add(duration_of(run_ours));
        settle();
        baseline.add(theirs);
        ours.wall.insert(ours.wall.end(), mine.wall.begin(), mine.wall.end());
        ours.cpu.insert(ours.cpu.end(), mine.cpu.begin(), mine.cpu.end());
        Duration const median = mine.median();
        wall_ratios.push_back(theirs.wall / median.wall);
        cpu_ratios.push_back(theirs.cpu / median.cpu);
        return median;
    }

    [[nodiscard]] double wall_ratio() const { return baseline.median().wall / ours.median().wall; }
    [[nodiscard]] double cpu_ratio() const { return baseline.median().cpu / ours.median().cpu; }

private:
    /// The threads of OpenMP wait for more work in a loop, a few milliseconds long, which is not the next one's to pay for.
    static void settle() { std::this_thread::sleep_for(std::chrono::milliseconds(15)); }
};

}  // namespace ca3::bench
