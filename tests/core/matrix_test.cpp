#include <ca3/error.hpp>
#include <ca3/matrix.hpp>

#include "support/backends.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <numeric>
#include <type_traits>
#include <vector>

namespace ca3 {
namespace {

TEST(View, IsRowMajorWithAStride) {
    std::vector<int> data(12);
    std::iota(data.begin(), data.end(), 0);
    MatrixView<int> const packed(data.data(), 3, 4);
    EXPECT_EQ(packed.stride, 4);
    EXPECT_EQ(packed(2, 1), 9);
    MatrixView<int> const strided(data.data(), 3, 2, 4);
    EXPECT_EQ(strided(2, 1), 9);
    EXPECT_EQ(strided.row(1), data.data() + 4);
    MatrixView<int const> const constant = strided;
    EXPECT_EQ(constant.stride, 4);
    static_assert(!std::is_convertible_v<MatrixView<int const>, MatrixView<int>>);
}

TEST(View, IsEmptyWithoutRowsOrColumns) {
    EXPECT_TRUE(MatrixView<int>().empty());
    EXPECT_TRUE(MatrixView<int>(nullptr, 0, 5).empty());
    EXPECT_TRUE(MatrixView<int>(nullptr, 5, 0).empty());
}

class Memory : public test::OnEveryBackend {};
CA3_ON_EVERY_BACKEND(Memory);

TEST_P(Memory, KeepsWhatIsCopiedIn) {
    std::vector<std::int32_t> const values{3, 1, 4, 1, 5, 9, 2, 6, 5};
    Buffer<std::int32_t> buffer(context(), 9);
    buffer.copy_from_host(values.data());
    std::vector<std::int32_t> back(9);
    buffer.copy_to_host(back.data());
    EXPECT_EQ(back, values);
}

TEST_P(Memory, IsAlignedTo64Bytes) {
    for (std::int64_t const count : {1, 3, 63, 1000}) {
        Buffer<std::int8_t> const buffer(context(), count);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64, 0u);
        EXPECT_EQ(buffer.size(), count);
        EXPECT_EQ(buffer.span().size(), static_cast<std::size_t>(count));
    }
}

TEST_P(Memory, MayBeEmpty) {
    Buffer<double> buffer(context(), 0);
    EXPECT_EQ(buffer.size(), 0);
    buffer.copy_from_host(nullptr);
    buffer.copy_to_host(nullptr);
    Matrix<float> const matrix(context(), 0, 7);
    EXPECT_EQ(matrix.cols(), 7);
    EXPECT_TRUE(matrix.view().empty());
}

TEST_P(Memory, MovesAndLeavesTheSourceEmpty) {
    Buffer<int> first(context(), 4);
    std::vector<int> const values{1, 2, 3, 4};
    first.copy_from_host(values.data());
    int* const data = first.data();
    Buffer<int> second(std::move(first));
    EXPECT_EQ(second.data(), data);
    EXPECT_EQ(first.data(), nullptr);  // NOLINT(bugprone-use-after-move): what is promised
    EXPECT_EQ(first.size(), 0);
    Buffer<int> third(context(), 9);
    third = std::move(second);
    EXPECT_EQ(third.data(), data);
    EXPECT_EQ(third.size(), 4);
    auto& self = third;
    third = std::move(self);
    EXPECT_EQ(third.data(), data);
    static_assert(!std::is_copy_constructible_v<Buffer<int>>);
    static_assert(!std::is_copy_assignable_v<Matrix<int>>);
}

TEST_P(Memory, OutlivesTheHandleOfItsContext) {
    Buffer<int> buffer;
    {
        Context const local = context();
        buffer = Buffer<int>(local, 100);
    }
    std::vector<int> values(100, 7);
    buffer.copy_from_host(values.data());
    EXPECT_EQ(buffer.size(), 100);
}

TEST_P(Memory, RefusesNegativeAndImpossibleSizes) {
    EXPECT_THROW(Buffer<int>(context(), -1), InvalidArgument);
    EXPECT_THROW(Matrix<int>(context(), -1, 2), InvalidArgument);
    EXPECT_THROW(Matrix<int>(context(), 2, -1), InvalidArgument);
    EXPECT_THROW(Matrix<int>(context(), std::int64_t{1} << 40, std::int64_t{1} << 40), Overflow);
    EXPECT_THROW(Buffer<double>(context(), std::numeric_limits<std::int64_t>::max()), Overflow);
}

TEST_P(Memory, SaysHowManyBytesItCouldNotGet) {
    std::int64_t const bytes = std::int64_t{1} << 55;
    try {
        Buffer<std::int8_t> const buffer(context(), bytes);
        FAIL() << "2^55 bytes were given";
    } catch (OutOfMemory const& error) {
        EXPECT_EQ(error.requested_bytes, static_cast<std::uint64_t>(bytes));
    }
}

TEST_P(Memory, HasRowsOneAfterTheOther) {
    Matrix<int> matrix(context(), 2, 3);
    EXPECT_EQ(matrix.rows(), 2);
    EXPECT_EQ(matrix.cols(), 3);
    EXPECT_EQ(matrix.row(1), matrix.data() + 3);
    EXPECT_EQ(matrix.view().stride, 3);
    EXPECT_EQ(matrix.const_view().rows, 2);
    std::vector<int> const values{1, 2, 3, 4, 5, 6};
    matrix.copy_from_host(values.data());
    std::vector<int> back(6);
    matrix.copy_to_host(back.data());
    EXPECT_EQ(back, values);
}

}  // namespace
}  // namespace ca3
