#include "corruption.hpp"

#include <ca3/error.hpp>
#include <ca3/random.hpp>

#include <algorithm>
#include <limits>
#include <utility>

namespace ca3::cli {
namespace {

using random::Purpose;

std::vector<std::int64_t> smallest_keys(std::int64_t n, std::int64_t count, std::uint64_t seed, Purpose purpose, std::uint32_t draw,
                                        std::uint32_t row) {
    if (count < 0 || count > n) throw InvalidArgument("choose: " + std::to_string(count) + " of " + std::to_string(n) + " asked for");
    std::vector<std::pair<std::uint32_t, std::int64_t>> keys;
    for (std::int64_t i = 0; i < n; ++i) keys.emplace_back(random::bits(seed, purpose, draw, row, static_cast<std::uint64_t>(i)), i);
    std::partial_sort(keys.begin(), keys.begin() + count, keys.end());
    std::vector<std::int64_t> out;
    for (std::int64_t i = 0; i < count; ++i) out.push_back(keys[static_cast<std::size_t>(i)].second);
    return out;
}

}  // namespace

std::vector<std::int64_t> choose(std::int64_t n, std::int64_t count, std::uint64_t seed, std::uint32_t draw) {
    return smallest_keys(n, count, seed, Purpose::shuffle, draw, 0);
}

SignArray random_signs(std::int64_t rows, std::int64_t cols, std::uint64_t seed, std::uint32_t draw) {
    SignArray out{rows, cols, {}};
    for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t i = 0; i < cols; ++i) {
            auto const bits = random::bits(seed, Purpose::pattern, draw, static_cast<std::uint32_t>(r), static_cast<std::uint64_t>(i));
            out.values.push_back(static_cast<std::int8_t>((bits >> 31) != 0 ? 1 : -1));
        }
    }
    return out;
}

SignArray flip(SignArray const& signs, std::int64_t count, std::uint64_t seed, std::uint32_t draw) {
    SignArray out = signs;
    for (std::int64_t r = 0; r < signs.rows; ++r) {
        for (auto const i : smallest_keys(signs.cols, count, seed, Purpose::corruption, draw, static_cast<std::uint32_t>(r))) {
            auto& value = out.values[static_cast<std::size_t>(r * signs.cols + i)];
            value = static_cast<std::int8_t>(-value);
        }
    }
    return out;
}

SignArray reset(SignArray const& signs, double p, std::uint64_t seed, std::uint32_t draw) {
    SignArray out = signs;
    for (std::int64_t r = 0; r < signs.rows; ++r) {
        for (std::int64_t i = 0; i < signs.cols; ++i) {
            double const u = random::uniform(seed, Purpose::corruption, draw, static_cast<std::uint32_t>(r), static_cast<std::uint64_t>(i));
            // Below p/2 it becomes -1, up to p it becomes +1: one draw decides whether and what.
            if (u < p) out.values[static_cast<std::size_t>(r * signs.cols + i)] = static_cast<std::int8_t>(u < p / 2 ? -1 : 1);
        }
    }
    return out;
}

char const* to_string(Loss loss) {
    switch (loss) {
        case Loss::alternate:
            return "every second pixel";
        case Loss::left:
            return "left half";
        case Loss::right:
            return "right half";
        case Loss::top:
            return "upper half";
        case Loss::bottom:
            return "lower half";
    }
    return "?";
}

SignArray lose_half(SignArray const& signs, std::int64_t width, Loss loss) {
    SignArray out = signs;
    std::int64_t const height = signs.cols / width;
    auto lost = [&](std::int64_t y, std::int64_t x) {
        switch (loss) {
            case Loss::alternate:
                return (x + y) % 2 == 1;
            case Loss::left:
                return 2 * x < width;
            case Loss::right:
                return 2 * x >= width;
            case Loss::top:
                return 2 * y < height;
            case Loss::bottom:
                return 2 * y >= height;
        }
        return false;
    };
    for (std::int64_t i = 0; i < signs.rows * signs.cols; ++i) {
        std::int64_t const pixel = i % signs.cols;
        if (lost(pixel / width, pixel % width)) out.values[static_cast<std::size_t>(i)] = 0;
    }
    return out;
}

std::int64_t errors(SignArray const& a, std::int64_t i, SignArray const& b, std::int64_t j) {
    std::int64_t count = 0;
    for (std::int64_t k = 0; k < a.cols; ++k) count += a.view()(i, k) != b.view()(j, k) ? 1 : 0;
    return count;
}

double mse(SignArray const& a, SignArray const& b) {
    if (a.values.empty()) return std::numeric_limits<double>::quiet_NaN();
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < a.values.size(); ++i) sum += (a.values[i] - b.values[i]) * (a.values[i] - b.values[i]);
    return static_cast<double>(sum) / static_cast<double>(a.values.size());
}

}  // namespace ca3::cli
