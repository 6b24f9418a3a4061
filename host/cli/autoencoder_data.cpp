#include "autoencoder_data.hpp"

#include "lif_experiments.hpp"
#include "sign_array.hpp"

#include <ca3/error.hpp>
#include <ca3/io/idx.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <limits>
#include <optional>

namespace ca3::cli {
namespace {

using io::DType;

std::string shape_text(std::vector<std::int64_t> const& shape) {
    std::string text;
    for (auto const n : shape) text += (text.empty() ? "" : " x ") + std::to_string(n);
    return text.empty() ? "a single number" : text;
}

template <class T>
std::vector<float> to_floats(io::Array const& array, std::string const& file) {
    auto const* data = array.as<T>();
    std::vector<float> out(static_cast<std::size_t>(array.size()));
    for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = static_cast<float>(data[i]);
        if (!std::isfinite(out[i]))
            throw InvalidArgument(file + ": element " + index_text(array.shape, static_cast<std::int64_t>(i)) + " is " +
                                  plain(static_cast<double>(data[i])) + ", expected a finite number");
    }
    return out;
}

template <class T>
std::vector<std::int64_t> widened(io::Array const& array) {
    return {array.as<T>(), array.as<T>() + array.size()};
}

/// The array in 64-bit integers; nothing where it holds no integers.
std::optional<std::vector<std::int64_t>> to_integers(io::Array const& array, std::string const& file) {
    switch (array.dtype) {
        case DType::i8:
            return widened<std::int8_t>(array);
        case DType::u8:
            return widened<std::uint8_t>(array);
        case DType::i16:
            return widened<std::int16_t>(array);
        case DType::u16:
            return widened<std::uint16_t>(array);
        case DType::i32:
            return widened<std::int32_t>(array);
        case DType::u32:
            return widened<std::uint32_t>(array);
        case DType::i64:
            return widened<std::int64_t>(array);
        case DType::u64: {
            auto const* const data = array.as<std::uint64_t>();
            for (std::int64_t i = 0; i < array.size(); ++i)
                if (data[i] > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
                    throw InvalidArgument(file + ": element " + index_text(array.shape, i) + " is " + std::to_string(data[i]) +
                                          ", no number of a class or a sample");
            return widened<std::int64_t>(array);
        }
        default:
            return std::nullopt;
    }
}

/// An array as N x d. @param list whether one dimension is taken, as N x 1
SampleArray samples_of(io::Array const& array, std::string const& file, bool list) {
    bool const known = array.dtype == DType::f32 || array.dtype == DType::f64 || array.dtype == DType::u8;
    if (!known)
        throw InvalidArgument(file + ": expected float32, float64 or uint8 (bytes count as value / 255), found " +
                              io::to_string(array.dtype) + ": convert the array first, such as x.astype('float32')");
    if (array.shape.size() < (list ? 1 : 2))
        throw InvalidArgument(file + ": expected one row for each sample (2 dimensions or more), found the shape " +
                              shape_text(array.shape) + ": a single sample is x[None, :]");
    SampleArray out{.name = file, .rows = array.shape[0], .cols = 1};
    if (array.size() == 0) throw InvalidArgument(file + ": expected at least one sample, found the shape " + shape_text(array.shape));
    out.cols = array.size() / out.rows;
    if (array.dtype == DType::u8) {
        out.bytes.assign(array.as<std::uint8_t>(), array.as<std::uint8_t>() + array.size());
    } else {
        out.values = array.dtype == DType::f32 ? to_floats<float>(array, file) : to_floats<double>(array, file);
    }
    return out;
}

}  // namespace

autoencoder::Samples SampleArray::view() const {
    if (!bytes.empty()) return MatrixView<std::uint8_t const>(bytes.data(), rows, cols);
    return MatrixView<float const>(values.data(), rows, cols);
}

void SampleArray::check_width(std::int64_t width, std::string const& role) const {
    if (cols != width)
        throw InvalidArgument(name + ": expected " + std::to_string(width) + " values for each sample (" + role + "), found " +
                              std::to_string(rows) + " samples of " + std::to_string(cols));
}

SampleArray read_samples(std::string const& file) {
    return samples_of(io::read_npy(file), file, false);
}

SampleArray to_samples(Images const& images, std::string name) {
    return {.name = std::move(name),
            .rows = images.count,
            .cols = images.rows * images.cols,
            .bytes = images.pixels,
            .labels = {images.labels.begin(), images.labels.end()}};
}

autoencoder::Targets TargetArray::view() const {
    if (!classes.empty()) return std::span<std::int64_t const>(classes);
    return given() ? autoencoder::Targets(samples.view()) : autoencoder::Targets();
}

TargetArray read_targets(std::string const& file) {
    io::Array const array = io::read_npy(file);
    if (array.shape.size() == 1) {
        if (auto classes = to_integers(array, file); classes && !classes->empty()) return {.classes = std::move(*classes)};
    }
    return {.samples = samples_of(array, file, true)};
}

OrderArray read_order(std::string const& file) {
    io::Array const array = io::read_npy(file);
    auto integers = to_integers(array, file);
    if (!integers) throw InvalidArgument(file + ": expected sample numbers of an integer type, found " + io::to_string(array.dtype));
    if (array.shape.empty() || array.shape.size() > 2 || array.size() == 0)
        throw InvalidArgument(file + ": expected a row of sample numbers for each epoch (epochs x samples), found the shape " +
                              shape_text(array.shape));
    bool const flat = array.shape.size() == 1;
    return {.rows = flat ? 1 : array.shape[0], .cols = array.shape.back(), .values = std::move(*integers)};
}

ImageSplits load_images(Options const& options, std::int64_t train, std::int64_t test) {
    ImageSplits out;
    if (options.data.empty()) {
        constexpr std::int64_t train_count = 10000, test_count = 2000;
        Images const all = synthetic_digits(train_count + test_count);
        out = {.name = "synthetic digits", .train = head(all, train_count), .test = all};
        auto const size = out.test.rows * out.test.cols;
        out.test.pixels.erase(out.test.pixels.begin(), out.test.pixels.begin() + train_count * size);
        out.test.labels.erase(out.test.labels.begin(), out.test.labels.begin() + train_count);
        out.test.count = test_count;
    } else {
        if (std::error_code ignored; std::filesystem::is_regular_file(options.data, ignored))
            throw InvalidArgument("--data: expected a folder with the four MNIST files, found the file " + options.data);
        out = {"MNIST", io::read_mnist(options.data, io::Split::train), io::read_mnist(options.data, io::Split::test)};
    }
    if (train > 0) out.train = head(out.train, train);
    if (test > 0) out.test = head(out.test, test);
    return out;
}

Images head(Images const& images, std::int64_t count) {
    auto const kept = std::min(count, images.count);
    Images out{.count = kept, .rows = images.rows, .cols = images.cols, .pixels = {}, .labels = {}};
    out.pixels.assign(images.pixels.begin(), images.pixels.begin() + kept * images.rows * images.cols);
    if (!images.labels.empty()) out.labels.assign(images.labels.begin(), images.labels.begin() + kept);
    return out;
}

std::vector<float> pixels_of(Images const& images, std::vector<std::int64_t> const& numbers) {
    std::vector<float> out;
    auto const size = images.rows * images.cols;
    out.reserve(numbers.size() * static_cast<std::size_t>(size));
    for (auto const n : numbers)
        for (std::int64_t i = n * size; i < (n + 1) * size; ++i)
            out.push_back(static_cast<float>(images.pixels[static_cast<std::size_t>(i)]) / 255.0F);
    return out;
}

std::vector<float> pixels_of(Images const& images) {
    std::vector<float> out(images.pixels.size());
    std::ranges::transform(images.pixels, out.begin(), [](std::uint8_t pixel) { return static_cast<float>(pixel) / 255.0F; });
    return out;
}

std::vector<std::int64_t> one_of_each(Images const& images) {
    std::array<std::int64_t, 256> first{};
    first.fill(-1);
    for (std::int64_t i = 0; i < images.count; ++i) {
        auto& n = first[images.labels[static_cast<std::size_t>(i)]];
        if (n < 0) n = i;
    }
    std::vector<std::int64_t> out;
    std::ranges::copy_if(first, std::back_inserter(out), [](std::int64_t n) { return n >= 0; });
    return out;
}

}  // namespace ca3::cli
