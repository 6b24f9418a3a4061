#pragma once

#include "options.hpp"
#include "sign_array.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace ca3::cli {

/// Images as +-1 rows: +1 where pixel / 255 > 0.5.
struct SignImages {
    SignArray signs;
    std::vector<int> labels;
    std::int64_t height = 0;
    std::int64_t width = 0;

    [[nodiscard]] std::int64_t count() const { return signs.rows; }
    [[nodiscard]] std::int64_t neurons() const { return signs.cols; }
};

struct Dataset {
    std::string name;  ///< "MNIST" or "synthetic digits"
    SignImages train;
    SignImages test;  ///< images that are in no training set
};

/// The digits asked for, in the order of the files: MNIST when `options.data` names a folder, else the synthetic digits
/// (2,000 to train, 1,000 to test, always the same ones).
/// @throws FormatError, FileError; InvalidArgument when no image is left
[[nodiscard]] Dataset load_digits(Options const& options, std::vector<int> const& digits);

/// The rows with these numbers, in this order.
[[nodiscard]] SignImages select(SignImages const&, std::vector<std::int64_t> const& rows);

/// `count` different rows, chosen at random: a pure function of (seed, draw).
/// @throws InvalidArgument when there are fewer
[[nodiscard]] SignImages sample(SignImages const&, std::int64_t count, std::uint64_t seed, std::uint32_t draw);

/// "0, 1, 2"
[[nodiscard]] std::string join(std::vector<int> const&);

}  // namespace ca3::cli
