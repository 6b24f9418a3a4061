#include "dataset.hpp"

#include "corruption.hpp"

#include <ca3/digits.hpp>
#include <ca3/error.hpp>
#include <ca3/io/idx.hpp>

#include <algorithm>

namespace ca3::cli {
namespace {

SignImages binarise(Images const& images, std::vector<int> const& digits, std::int64_t begin, std::int64_t end) {
    std::int64_t const size = images.rows * images.cols;
    SignImages out{.signs = {0, size, {}}, .labels = {}, .height = images.rows, .width = images.cols};
    for (std::int64_t n = begin; n < end; ++n) {
        int const label = images.labels[static_cast<std::size_t>(n)];
        if (std::find(digits.begin(), digits.end(), label) == digits.end()) continue;
        out.labels.push_back(label);
        for (std::int64_t i = n * size; i < (n + 1) * size; ++i) {
            bool const ink = 2 * images.pixels[static_cast<std::size_t>(i)] > 255;
            out.signs.values.push_back(static_cast<std::int8_t>(ink ? 1 : -1));
        }
    }
    out.signs.rows = static_cast<std::int64_t>(out.labels.size());
    return out;
}

}  // namespace

Dataset load_digits(Options const& options, std::vector<int> const& digits) {
    Dataset out;
    if (options.data.empty()) {
        constexpr std::int64_t train = 2000, test = 1000;
        Images const images = synthetic_digits(train + test);
        out = {"synthetic digits", binarise(images, digits, 0, train), binarise(images, digits, train, train + test)};
    } else {
        Images const train = io::read_mnist(options.data, io::Split::train);
        Images const test = io::read_mnist(options.data, io::Split::test);
        out = {"MNIST", binarise(train, digits, 0, train.count), binarise(test, digits, 0, test.count)};
    }
    if (out.train.count() == 0 || out.test.count() == 0)
        throw InvalidArgument("--digits: no image of " + join(digits) + " among the " + out.name);
    return out;
}

SignImages select(SignImages const& images, std::vector<std::int64_t> const& rows) {
    SignImages out{.signs = {static_cast<std::int64_t>(rows.size()), images.neurons(), {}},
                   .labels = {},
                   .height = images.height,
                   .width = images.width};
    for (auto const row : rows) {
        auto const begin = images.signs.values.begin() + row * images.neurons();
        out.signs.values.insert(out.signs.values.end(), begin, begin + images.neurons());
        out.labels.push_back(images.labels[static_cast<std::size_t>(row)]);
    }
    return out;
}

SignImages sample(SignImages const& images, std::int64_t count, std::uint64_t seed, std::uint32_t draw) {
    if (count > images.count())
        throw InvalidArgument(std::to_string(count) + " images asked for, there are only " + std::to_string(images.count()));
    return select(images, choose(images.count(), count, seed, draw));
}

std::string join(std::vector<int> const& numbers) {
    std::string text;
    for (int n : numbers) text += (text.empty() ? "" : ", ") + std::to_string(n);
    return text;
}

}  // namespace ca3::cli
