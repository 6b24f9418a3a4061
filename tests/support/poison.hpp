#pragma once

#include <ca3/matrix.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

/// Matrices whose surroundings are watched.
namespace ca3::test {

inline constexpr std::uint8_t poison_byte = 0xA5;

/// First byte of `bytes` that is not poison, or -1.
[[nodiscard]] std::int64_t first_touched(std::span<std::uint8_t const> bytes) noexcept;

/// A rows x cols matrix in a context's memory. Every byte, of elements and of what lies around them (`guard` elements before and after,
/// `gap` behind each row), is poison until written.
template <class T>
class Guarded {
public:
    Guarded(Context context, std::int64_t rows, std::int64_t cols, std::int64_t gap = 3, std::int64_t guard = 64)
        : rows_(rows), cols_(cols), stride_(cols + gap), guard_(guard), buffer_(std::move(context), 2 * guard + rows * (cols + gap)) {
        std::vector<T> poison(static_cast<std::size_t>(buffer_.size()));
        std::memset(static_cast<void*>(poison.data()), poison_byte, poison.size() * sizeof(T));
        buffer_.copy_from_host(poison.data());
    }
    Guarded(Context context, std::vector<T> const& values, std::int64_t rows, std::int64_t cols, std::int64_t gap = 3,
            std::int64_t guard = 64)
        : Guarded(std::move(context), rows, cols, gap, guard) {
        auto all = everything();
        for (std::int64_t i = 0; i < rows; ++i)
            for (std::int64_t j = 0; j < cols; ++j) all[at(i, j)] = values[static_cast<std::size_t>(i * cols + j)];
        buffer_.copy_from_host(all.data());
    }

    [[nodiscard]] MatrixView<T> view() const { return {buffer_.data() + guard_, rows_, cols_, stride_}; }
    [[nodiscard]] MatrixView<T const> const_view() const { return view(); }
    /// The elements as a vector: only for one row, or without a gap.
    [[nodiscard]] std::span<T> span() const { return {buffer_.data() + guard_, static_cast<std::size_t>(rows_ * cols_)}; }

    [[nodiscard]] std::vector<T> values() const {
        auto const all = everything();
        std::vector<T> result;
        for (std::int64_t i = 0; i < rows_; ++i)
            for (std::int64_t j = 0; j < cols_; ++j) result.push_back(all[at(i, j)]);
        return result;
    }

    /// Nothing but elements was written.
    [[nodiscard]] testing::AssertionResult guards_intact() const {
        auto all = everything();
        std::vector<std::uint8_t> bytes(all.size() * sizeof(T));
        std::memcpy(bytes.data(), all.data(), bytes.size());
        for (std::int64_t i = 0; i < rows_; ++i)
            if (cols_ > 0) std::memset(bytes.data() + at(i, 0) * sizeof(T), poison_byte, static_cast<std::size_t>(cols_) * sizeof(T));
        auto const touched = first_touched(bytes);
        if (touched < 0) return testing::AssertionSuccess();
        return testing::AssertionFailure() << "byte " << touched - static_cast<std::int64_t>(static_cast<std::size_t>(guard_) * sizeof(T))
                                           << " counted from the first element was written";
    }
    /// No element was written, nor anything around them.
    [[nodiscard]] testing::AssertionResult untouched() const {
        auto const all = everything();
        std::vector<std::uint8_t> bytes(all.size() * sizeof(T));
        std::memcpy(bytes.data(), all.data(), bytes.size());
        auto const touched = first_touched(bytes);
        if (touched < 0) return testing::AssertionSuccess();
        return testing::AssertionFailure() << "byte " << touched << " of the allocation was written";
    }

private:
    [[nodiscard]] std::size_t at(std::int64_t i, std::int64_t j) const { return static_cast<std::size_t>(guard_ + i * stride_ + j); }
    [[nodiscard]] std::vector<T> everything() const {
        std::vector<T> all(static_cast<std::size_t>(buffer_.size()));
        buffer_.copy_to_host(all.data());
        return all;
    }

    std::int64_t rows_;
    std::int64_t cols_;
    std::int64_t stride_;
    std::int64_t guard_;
    Buffer<T> buffer_;
};

}  // namespace ca3::test
