#pragma once

#include "tests/support/simt/executor.hpp"

#include <vector>

namespace ca3::test {

/// Ascending, descending and four random orders.
inline std::vector<simt::Options> thread_orders() {
    std::vector<simt::Options> out{{.order = simt::Order::ascending}, {.order = simt::Order::descending}};
    for (std::uint64_t seed = 0; seed < 4; ++seed)
        out.push_back({.order = simt::Order::random, .blocks = simt::Order::random, .seed = seed});
    return out;
}

}  // namespace ca3::test
