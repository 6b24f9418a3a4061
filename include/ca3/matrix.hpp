#pragma once

#include <ca3/context.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace ca3 {

/// A row-major matrix that somebody else owns. Element (i, j) is `data[i * stride + j]`; `stride` counts elements.
/// The memory is the host's for the reference and CPU backends, the device's for CUDA.
template <class T>
struct MatrixView {
    T* data = nullptr;
    std::int64_t rows = 0;
    std::int64_t cols = 0;
    std::int64_t stride = 0;

    constexpr MatrixView() = default;
    constexpr MatrixView(T* d, std::int64_t r, std::int64_t c) : data(d), rows(r), cols(c), stride(c) {}
    constexpr MatrixView(T* d, std::int64_t r, std::int64_t c, std::int64_t s) : data(d), rows(r), cols(c), stride(s) {}
    /// A mutable view serves where a constant one is asked for.
    template <class U>
    requires(std::is_same_v<T, U const>) constexpr MatrixView(MatrixView<U> o)
        : data(o.data), rows(o.rows), cols(o.cols), stride(o.stride) {}

    [[nodiscard]] constexpr T* row(std::int64_t i) const { return data + i * stride; }
    [[nodiscard]] constexpr T& operator()(std::int64_t i, std::int64_t j) const { return data[i * stride + j]; }
    [[nodiscard]] constexpr bool empty() const { return rows == 0 || cols == 0; }
};

namespace detail {
[[nodiscard]] void* allocate(Context const&, std::int64_t count, std::size_t element_bytes);
void release(Context const&, void*) noexcept;
void copy_in(Context const&, void* to, void const* from_host, std::size_t bytes);
void copy_out(Context const&, void* to_host, void const* from, std::size_t bytes);
/// Aligned to 64 bytes. @throws std::bad_alloc
[[nodiscard]] void* allocate_host(std::size_t bytes);
void release_host(void*) noexcept;

/// Leaves elements unset where a vector is made or resized without a value.
template <class T>
struct HostAllocator {
    using value_type = T;
    HostAllocator() = default;
    template <class U>
    constexpr HostAllocator(HostAllocator<U> const&) noexcept {}
    [[nodiscard]] T* allocate(std::size_t count) {
        if (count > std::size_t(-1) / sizeof(T)) throw std::bad_array_new_length();
        return static_cast<T*>(allocate_host(count * sizeof(T)));
    }
    void deallocate(T* pointer, std::size_t) noexcept { release_host(pointer); }
    void construct(T* pointer) noexcept { ::new (static_cast<void*>(pointer)) T; }
    template <class... Arguments>
    void construct(T* pointer, Arguments&&... arguments) {
        ::new (static_cast<void*>(pointer)) T(std::forward<Arguments>(arguments)...);
    }
    bool operator==(HostAllocator const&) const = default;
};
template <class T>
bool operator==(std::vector<T, HostAllocator<T>> const& a, std::vector<T> const& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
}
}  // namespace detail

/// A std::vector for results that are written as a whole: `HostVector<T>(n)` and resize() leave the elements unset.
template <class T>
using HostVector = std::vector<T, detail::HostAllocator<T>>;

/// Memory where the context computes: host memory aligned to 64 bytes, or device memory ordered on the context's stream.
/// Uninitialised; move-only.
template <class T>
class Buffer {
    static_assert(std::is_trivially_copyable_v<T>);

public:
    Buffer() = default;
    /// @throws InvalidArgument when `count` is negative; OutOfMemory
    Buffer(Context context, std::int64_t count)
        : context_(std::move(context)), data_(static_cast<T*>(detail::allocate(*context_, count, sizeof(T)))), size_(count) {}
    Buffer(Buffer&& o) noexcept
        : context_(std::move(o.context_)), data_(std::exchange(o.data_, nullptr)), size_(std::exchange(o.size_, 0)) {}
    Buffer& operator=(Buffer&& o) noexcept {
        if (this != &o) {
            reset();
            context_ = std::move(o.context_);
            data_ = std::exchange(o.data_, nullptr);
            size_ = std::exchange(o.size_, 0);
        }
        return *this;
    }
    ~Buffer() { reset(); }

    [[nodiscard]] T* data() const noexcept { return data_; }
    [[nodiscard]] std::int64_t size() const noexcept { return size_; }
    [[nodiscard]] std::span<T> span() const noexcept { return {data_, static_cast<std::size_t>(size_)}; }

    /// Copies `size()` elements from host memory; returns when `from` may be reused.
    void copy_from_host(T const* from) { detail::copy_in(*context_, data_, from, bytes()); }
    /// Copies `size()` elements to host memory and waits for them.
    void copy_to_host(T* to) const { detail::copy_out(*context_, to, data_, bytes()); }

private:
    [[nodiscard]] std::size_t bytes() const { return static_cast<std::size_t>(size_) * sizeof(T); }
    void reset() noexcept {
        if (data_ != nullptr) detail::release(*context_, data_);
        data_ = nullptr;
        size_ = 0;
    }

    std::optional<Context> context_;
    T* data_ = nullptr;
    std::int64_t size_ = 0;
};

/// A Buffer with a shape, rows packed.
template <class T>
class Matrix {
public:
    Matrix() = default;
    Matrix(Context context, std::int64_t rows, std::int64_t cols)
        : buffer_(std::move(context), checked_size(rows, cols)), rows_(rows), cols_(cols) {}

    [[nodiscard]] std::int64_t rows() const noexcept { return rows_; }
    [[nodiscard]] std::int64_t cols() const noexcept { return cols_; }
    [[nodiscard]] T* data() const noexcept { return buffer_.data(); }
    [[nodiscard]] T* row(std::int64_t i) const noexcept { return buffer_.data() + i * cols_; }
    [[nodiscard]] MatrixView<T> view() const noexcept { return {buffer_.data(), rows_, cols_}; }
    [[nodiscard]] MatrixView<T const> const_view() const noexcept { return view(); }
    void copy_from_host(T const* from) { buffer_.copy_from_host(from); }
    void copy_to_host(T* to) const { buffer_.copy_to_host(to); }

private:
    static std::int64_t checked_size(std::int64_t rows, std::int64_t cols);

    Buffer<T> buffer_;
    std::int64_t rows_ = 0;
    std::int64_t cols_ = 0;
};

namespace detail {
/// rows * cols. @throws InvalidArgument when negative; Overflow past 2^62
[[nodiscard]] std::int64_t checked_product(std::int64_t rows, std::int64_t cols);
}  // namespace detail

template <class T>
std::int64_t Matrix<T>::checked_size(std::int64_t rows, std::int64_t cols) {
    return detail::checked_product(rows, cols);
}

}  // namespace ca3
