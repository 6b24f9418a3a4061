#include "bench/limits.hpp"

#include <ctime>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#ifdef __linux__
#include <sys/mman.h>
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

/// Makes the compiler compute `value`.
template <class T>
void keep(T const& value) {
    asm volatile("" : : "g"(value) : "memory");
}

#if defined(__x86_64__)
/// 24 sums that do not wait for each other: two fused products a cycle with four cycles from one to the next need 8.
__attribute__((target("avx512f"))) float multiply_add_512(std::int64_t rounds) {
    constexpr int sums = 24;
    __m512 sum[sums];
#pragma GCC unroll 24
    for (int i = 0; i < sums; ++i) sum[i] = _mm512_set1_ps(static_cast<float>(i));
    __m512 a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(1e-3f);
    for (std::int64_t round = 0; round < rounds; ++round) {
        asm volatile("" : "+v"(a), "+v"(b));
#pragma GCC unroll 24
        for (int i = 0; i < sums; ++i) sum[i] = _mm512_fmadd_ps(sum[i], a, b);
    }
    float lanes[16], total = 0.0f;
#pragma GCC unroll 24
    for (int i = 0; i < sums; ++i) {
        _mm512_storeu_ps(lanes, sum[i]);
        total += lanes[i % 16];
    }
    return total;
}

/// As above: two a cycle with six cycles from one to the next need 12.
__attribute__((target("avx512f,avx512bf16"))) float multiply_pairs_512(std::int64_t rounds) {
    constexpr int sums = 24;
    __m512 sum[sums];
#pragma GCC unroll 24
    for (int i = 0; i < sums; ++i) sum[i] = _mm512_set1_ps(static_cast<float>(i));
    __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.999f), _mm512_set1_ps(0.5f)), b = a;
    for (std::int64_t round = 0; round < rounds; ++round) {
        asm volatile("" : "+v"(a), "+v"(b));
#pragma GCC unroll 24
        for (int i = 0; i < sums; ++i) sum[i] = _mm512_dpbf16_ps(sum[i], a, b);
    }
    float lanes[16], total = 0.0f;
#pragma GCC unroll 24
    for (int i = 0; i < sums; ++i) {
        _mm512_storeu_ps(lanes, sum[i]);
        total += lanes[i % 16];
    }
    return total;
}

__attribute__((target("avx2,fma"))) float multiply_add_256(std::int64_t rounds) {
    constexpr int sums = 12;
    __m256 sum[sums];
#pragma GCC unroll 12
    for (int i = 0; i < sums; ++i) sum[i] = _mm256_set1_ps(static_cast<float>(i));
    __m256 a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(1e-3f);
    for (std::int64_t round = 0; round < rounds; ++round) {
        asm volatile("" : "+x"(a), "+x"(b));
#pragma GCC unroll 12
        for (int i = 0; i < sums; ++i) sum[i] = _mm256_fmadd_ps(sum[i], a, b);
    }
    float lanes[8], total = 0.0f;
#pragma GCC unroll 12
    for (int i = 0; i < sums; ++i) {
        _mm256_storeu_ps(lanes, sum[i]);
        total += lanes[i % 8];
    }
    return total;
}

constexpr std::int64_t words = 64;
constexpr int rows = 8;

/// The inner loop of the library: 8 broadcast words against 2 vectors.
__attribute__((target("avx512f,avx512vpopcntdq"))) std::int64_t count_bits(std::uint64_t const* bits, std::int64_t rounds) {
    __m512i sum[rows][2];
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) sum[r][0] = sum[r][1] = _mm512_setzero_si512();
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
    std::int64_t lanes[8 * rows * 2];  // so that the compiler keeps what the loop computes
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
        for (int v = 0; v < 2; ++v) _mm512_storeu_si512(lanes + 8 * (2 * r + v), sum[r][v]);
    }
    return std::accumulate(std::begin(lanes), std::end(lanes), std::int64_t{0});
}

/// The inner loop of the library: two states look six patterns up for 8 registers of 32 neurons, in tables of 64 entries of 16 bits.
__attribute__((target("avx512f,avx512bw"))) std::int64_t look_up(std::uint64_t const* bits, std::int64_t rounds) {
    constexpr int states = 2, chunks = 8, sextets = 8;
    __m512i sum[states][chunks];
#pragma GCC unroll 8
    for (int b = 0; b < states; ++b) {
#pragma GCC unroll 8
        for (int v = 0; v < chunks; ++v) sum[b][v] = _mm512_setzero_si512();
    }
    for (std::int64_t round = 0; round < rounds; ++round) {
        for (int g = 0; g < sextets; ++g) {
            __m512i low[states], high[states];
#pragma GCC unroll 2
            for (int b = 0; b < states; ++b) {
                low[b] = _mm512_loadu_si512(bits + 16 * (states * g + b));
                high[b] = _mm512_loadu_si512(bits + 16 * (states * g + b) + 8);
            }
#pragma GCC unroll 8
            for (int n = 0; n < chunks; ++n) {
                __m512i index = _mm512_loadu_si512(bits + 8 * (chunks * g + n));
                asm("" : "+v"(index));  // one load for both states
#pragma GCC unroll 2
                for (int b = 0; b < states; ++b) sum[b][n] = _mm512_add_epi16(sum[b][n], _mm512_permutex2var_epi16(low[b], index, high[b]));
            }
        }
    }
    std::int64_t lanes[8 * states * chunks];  // so that the compiler keeps what the loop computes
#pragma GCC unroll 8
    for (int b = 0; b < states; ++b) {
#pragma GCC unroll 8
        for (int n = 0; n < chunks; ++n) _mm512_storeu_si512(lanes + 8 * (chunks * b + n), sum[b][n]);
    }
    return std::accumulate(std::begin(lanes), std::end(lanes), std::int64_t{0});
}
constexpr std::int64_t lookups_per_round = 2 * 8 * 8;

/// The inner loop of the library: 6 states against 4 registers of 16 neurons by 4 inputs.
__attribute__((target("avx512f,avx512vnni"))) std::int64_t multiply_bytes(std::uint64_t const* bits, std::int64_t rounds) {
    constexpr int states = 6, registers = 4, steps = 16;
    __m512i sum[states][registers];
#pragma GCC unroll 8
    for (int b = 0; b < states; ++b) {
#pragma GCC unroll 8
        for (int v = 0; v < registers; ++v) sum[b][v] = _mm512_setzero_si512();
    }
    auto const* const inputs = reinterpret_cast<std::int32_t const*>(bits);
    for (std::int64_t step = 0; step < rounds * steps; ++step) {
        std::int64_t const j = step % steps;
        __m512i weights[registers];
#pragma GCC unroll 4
        for (int v = 0; v < registers; ++v) weights[v] = _mm512_loadu_si512(bits + 8 * (registers * j + v));
#pragma GCC unroll 6
        for (int b = 0; b < states; ++b) {
            __m512i const four = _mm512_set1_epi32(inputs[states * j + b]);
#pragma GCC unroll 4
            for (int v = 0; v < registers; ++v) sum[b][v] = _mm512_dpbusd_epi32(sum[b][v], weights[v], four);
        }
    }
    std::int64_t lanes[8 * states * registers];  // so that the compiler keeps what the loop computes
#pragma GCC unroll 8
    for (int b = 0; b < states; ++b) {
#pragma GCC unroll 8
        for (int v = 0; v < registers; ++v) _mm512_storeu_si512(lanes + 8 * (registers * b + v), sum[b][v]);
    }
    return std::accumulate(std::begin(lanes), std::end(lanes), std::int64_t{0});
}
constexpr std::int64_t products_per_round = 6 * 4 * 16;

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

#if defined(__x86_64__)
double thread_cpu_seconds() {
    std::timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// Operations per second of loop(bits, rounds), which does `per_round` in each round: the best of every thread while all run, by the
/// thread's own clock, so that other work on the machine does not lower the limit.
double rate(int threads, std::int64_t per_round, std::int64_t (*loop)(std::uint64_t const*, std::int64_t)) {
    std::vector<std::uint64_t> const bits(16 * words, 0x123456789ABCDEFu);
    std::vector<std::int64_t> sink(static_cast<std::size_t>(threads));
    std::vector<double> best(static_cast<std::size_t>(threads), std::numeric_limits<double>::infinity());
    std::int64_t const rounds = 2'000'000 / per_round;
    fastest(threads, 50, [&](int thread) {
        auto const k = static_cast<std::size_t>(thread);
        double const start = thread_cpu_seconds();
        sink[k] += loop(bits.data(), rounds);
        best[k] = std::min(best[k], thread_cpu_seconds() - start);
    });
    double total = 0;
    for (double const seconds : best) total += static_cast<double>(rounds * per_round) / seconds;
    return total;
}
#endif

}  // namespace

#if defined(__x86_64__)
double popcount_words_per_second(int threads) {
    return __builtin_cpu_supports("avx512vpopcntdq") ? rate(threads, words * rows * 2, count_bits) : 0.0;
}

double lookups_per_second(int threads) {
    return __builtin_cpu_supports("avx512bw") ? rate(threads, lookups_per_round, look_up) : 0.0;
}

double byte_products_per_second(int threads) {
    return __builtin_cpu_supports("avx512vnni") ? rate(threads, products_per_round, multiply_bytes) : 0.0;
}
#else
double popcount_words_per_second(int) {
    return 0.0;
}

double lookups_per_second(int) {
    return 0.0;
}

double byte_products_per_second(int) {
    return 0.0;
}
#endif

double fma_flops_per_second(int threads) {
#if defined(__x86_64__)
    constexpr std::int64_t rounds = 200'000;
    if (__builtin_cpu_supports("avx512f"))
        return 24.0 * 16.0 * 2.0 * static_cast<double>(rounds) * threads /
               fastest(threads, 15, [](int) { keep(multiply_add_512(rounds)); });
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return 12.0 * 8.0 * 2.0 * static_cast<double>(rounds) * threads / fastest(threads, 15, [](int) { keep(multiply_add_256(rounds)); });
#else
    (void)threads;
#endif
    return 0.0;
}

double bf16_flops_per_second(int threads) {
#if defined(__x86_64__)
    constexpr std::int64_t rounds = 200'000;
    if (__builtin_cpu_supports("avx512bf16"))
        return 24.0 * 16.0 * 4.0 * static_cast<double>(rounds) * threads /
               fastest(threads, 15, [](int) { keep(multiply_pairs_512(rounds)); });
#else
    (void)threads;
#endif
    return 0.0;
}

double write_bytes_per_second(int threads, std::size_t bytes) {
    std::unique_ptr<std::byte, Free> const buffer(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{64})));
    std::size_t const share = bytes / static_cast<std::size_t>(threads) / 64 * 64;
    double const seconds =
        fastest(threads, 15, [&](int thread) { stream(buffer.get() + static_cast<std::size_t>(thread) * share, share); });
    return static_cast<double>(share) * threads / seconds;
}

double scattered_adds_per_second(int threads, std::size_t words_each) {
    constexpr std::size_t adds = 4096;
    constexpr int rounds = 200;
    double const seconds = fastest(threads, 15, [&](int) {
        std::vector<std::uint32_t> place(adds);
        std::uint32_t x = 1;
        for (auto& p : place) p = static_cast<std::uint32_t>((std::uint64_t{x = x * 1664525u + 1013904223u} * words_each) >> 32);
        std::vector<std::int32_t> sum(words_each);
        std::int32_t* const sums = sum.data();
        for (int round = 0; round < rounds; ++round) {
            for (std::size_t k = 0; k < adds; k += 8) {
#pragma GCC unroll 8
                for (std::size_t j = 0; j < 8; ++j) sums[place[k + j]] += static_cast<std::int32_t>(j);
            }
        }
        keep(sum[place[0]]);
    });
    return static_cast<double>(adds) * rounds * threads / seconds;
}

double scattered_read_bytes_per_second(int threads, std::size_t piece) {
    constexpr std::size_t bytes = std::size_t{1} << 30;
    constexpr std::size_t pieces = 100000, ahead = 8;
    std::vector<std::uint64_t> memory(bytes / 8, 1);
#ifdef __linux__
    static_cast<void>(madvise(memory.data(), bytes, MADV_HUGEPAGE));
#endif
    std::size_t const length = std::max<std::size_t>(piece / 64, 1) * 8;
    double const seconds = fastest(threads, 7, [&](int thread) {
        std::vector<std::size_t> place(pieces + ahead);
        std::uint64_t x = static_cast<std::uint64_t>(thread) + 1;
        for (auto& p : place) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            p = (x >> 33) % (bytes / 8 - length) / 8 * 8;
        }
        std::uint64_t sum = 0;
        for (std::size_t k = 0; k < pieces; ++k) {
            for (std::size_t j = 0; j < length; j += 8) __builtin_prefetch(&memory[place[k + ahead] + j]);
            for (std::size_t j = 0; j < length; ++j) sum += memory[place[k] + j];
        }
        keep(sum);
    });
    return static_cast<double>(pieces * length * 8) * threads / seconds;
}

}  // namespace ca3::bench
