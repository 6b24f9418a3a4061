#include "bench/limits.hpp"

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ca3::bench {

namespace {

using Clock = std::chrono::steady_clock;

/// Seconds of the fastest of `runs` runs of work(thread) on all threads at once, from the first start to the last end.
double fastest(int threads, int runs, std::function<void(int)> const& work) {
    std::barrier gate(threads);
    std::vector<double> seconds;
    auto const body = [&](int thread) {
        for (int run = 0; run < runs; ++run) {
            gate.arrive_and_wait();
            auto const start = Clock::now();
            work(thread);
            gate.arrive_and_wait();
            if (thread == 0) seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
        }
    };
    std::vector<std::jthread> others;
    for (int thread = 1; thread < threads; ++thread) others.emplace_back(body, thread);
    body(0);
    return *std::min_element(seconds.begin(), seconds.end());
}

#if defined(__x86_64__)
constexpr std::int64_t words = 64;
constexpr int rows = 8;

/// The inner loop of the library: 8 broadcast words against 2 vectors.
__attribute__((target("avx512f,avx512vpopcntdq"))) std::int64_t count_bits(std::uint64_t const* bits, std::int64_t rounds) {
    __m512i sum[rows][2];
    for (auto& row : sum) row[0] = row[1] = _mm512_setzero_si512();
    for (std::int64_t round = 0; round < rounds; ++round) {
        for (std::int64_t k = 0; k < words; ++k) {
            __m512i const left = _mm512_loadu_si512(bits + 8 * k), right = _mm512_loadu_si512(bits + 8 * (words + k));
#pragma GCC unroll 8
            for (int r = 0; r < rows; ++r) {
                __m512i const word = _mm512_set1_epi64(static_cast<long long>(bits[8 * k + r]));
                sum[r][0] = _mm512_add_epi64(sum[r][0], _mm512_popcnt_epi64(_mm512_xor_si512(word, left)));
                sum[r][1] = _mm512_add_epi64(sum[r][1], _mm512_popcnt_epi64(_mm512_xor_si512(word, right)));
            }
        }
    }
    __m512i total = _mm512_setzero_si512();
    for (auto const& row : sum) total = _mm512_add_epi64(total, _mm512_add_epi64(row[0], row[1]));
    std::int64_t lanes[8];
    _mm512_storeu_si512(lanes, total);
    return lanes[0] + lanes[1] + lanes[2] + lanes[3] + lanes[4] + lanes[5] + lanes[6] + lanes[7];
}

void stream(std::byte* to, std::size_t bytes) {
    __m128i const value = _mm_set1_epi8(1);
    for (std::size_t i = 0; i + 16 <= bytes; i += 16) _mm_stream_si128(reinterpret_cast<__m128i*>(to + i), value);
    _mm_sfence();
}
#else
void stream(std::byte* to, std::size_t bytes) {
    std::fill(to, to + bytes, std::byte{1});
}
#endif

struct Free {
    void operator()(std::byte* p) const { ::operator delete (p, std::align_val_t{64}); }
};

}  // namespace

double popcount_words_per_second(int threads) {
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx512vpopcntdq")) return 0.0;
    std::vector<std::uint64_t> const bits(16 * words, 0x123456789ABCDEFu);
    std::vector<std::int64_t> sink(static_cast<std::size_t>(threads));
    constexpr std::int64_t rounds = 2000;
    double const seconds =
        fastest(threads, 15, [&](int thread) { sink[static_cast<std::size_t>(thread)] += count_bits(bits.data(), rounds); });
    return static_cast<double>(threads) * rounds * words * rows * 2 / seconds;
#else
    static_cast<void>(threads);
    return 0.0;
#endif
}

double write_bytes_per_second(int threads, std::size_t bytes) {
    std::unique_ptr<std::byte, Free> const buffer(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{64})));
    std::size_t const share = bytes / static_cast<std::size_t>(threads) / 64 * 64;
    double const seconds =
        fastest(threads, 15, [&](int thread) { stream(buffer.get() + static_cast<std::size_t>(thread) * share, share); });
    return static_cast<double>(share) * threads / seconds;
}

}  // namespace ca3::bench
