#include "kernels/common/device.cuh"
#include "kernels/common/launch.cuh"
#include "kernels/common/ptx.cuh"
#include "tests/simt/orders.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace {

using namespace ca3;

// ---- shared memory is poisoned for every block ---------------------------------------------------------------------------

template <class T>
__global__ void read_before_writing(T* out) {
    __shared__ T array[33];
    __shared__ T single;
    T* const dynamic = dynamic_shared<T>();
    if (threadIdx.x < 33) {
        out[3 * (33 * blockIdx.x + threadIdx.x)] = array[threadIdx.x];
        out[3 * (33 * blockIdx.x + threadIdx.x) + 1] = single;
        out[3 * (33 * blockIdx.x + threadIdx.x) + 2] = dynamic[threadIdx.x];
    }
    __syncthreads();
    if (threadIdx.x < 33) array[threadIdx.x] = dynamic[threadIdx.x] = 1;
    single = 1;
}

template <class T>
void expect_poison() {
    for (int repeat = 0; repeat < 2; ++repeat) {
        std::vector<T> out(3 * 33 * 4);
        launch(read_before_writing<T>, {.grid = 4, .block = 1, .shared_bytes = 33 * sizeof(T)}, out.data());
        T poisoned;
        std::memset(&poisoned, 0xCB, sizeof(T));
        for (std::size_t block = 0; block < 4; ++block) {
            for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(out[3 * 33 * block + i], poisoned) << "block " << block;
        }
    }
}

TEST(SharedMemory, EveryBlockFindsItPoisonedInTemplatesToo) {
    expect_poison<int>();
    expect_poison<std::uint8_t>();
    expect_poison<std::int64_t>();
}

inline __device__ int& hidden_in_a_function() {
    __shared__ int value;
    return value;
}

__global__ void read_hidden(int* out) {
    out[blockIdx.x] = hidden_in_a_function();
    hidden_in_a_function() = 5;
}

TEST(SharedMemory, AVariableOfAnInlineFunctionIsPoisonedToo) {
    int out[2] = {};
    launch(read_hidden, {.grid = 2}, out);
    EXPECT_EQ(out[0], static_cast<int>(0xCBCBCBCBu));
    EXPECT_EQ(out[1], static_cast<int>(0xCBCBCBCBu));
}

__global__ void share_one_value(int* out) {
    __shared__ int value;
    if (threadIdx.x == 0) value = static_cast<int>(blockIdx.x) + 7;
    __syncthreads();
    out[blockIdx.x * blockDim.x + threadIdx.x] = value;
}

TEST(SharedMemory, AStaticVariableIsSharedByTheBlockAcrossABarrier) {
    for (auto const& options : test::thread_orders()) {
        simt::Scope const scope(options);
        std::vector<int> out(3 * 65);
        launch(share_one_value, {.grid = 3, .block = 65}, out.data());
        for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], static_cast<int>(i / 65) + 7);
    }
}

__global__ void look_at_addresses(bool* ok) {
    __shared__ int array[8];
    auto* const dynamic = dynamic_shared<unsigned char>();
    ok[0] = reinterpret_cast<std::uintptr_t>(dynamic) % 128 == 0;
    ok[1] = simt::is_shared(dynamic, 100) && !simt::is_shared(dynamic + 1, 100) && !simt::is_shared(dynamic - 1, 1);
    ok[2] = simt::is_shared(array, 32) && !simt::is_shared(array + 1, 32);
    ok[3] = !simt::is_shared(ok, 1);
}

TEST(SharedMemory, AddressesAreKnown) {
    bool ok[4] = {};
    launch(look_at_addresses, {.shared_bytes = 100}, ok);
    for (bool const each : ok) EXPECT_TRUE(each);
}

// ---- asynchronous copies ---------------------------------------------------------------------------------------------------

__global__ void copy_rows(std::uint8_t const* in, std::uint8_t* out, std::uint8_t* early, int bytes) {
    auto* const shared = dynamic_shared<std::uint8_t>();
    unsigned const t = threadIdx.x;
    for (unsigned stage = 0; stage < 2; ++stage) {
        ptx::cp_async_16(shared + 16 * (2 * t + stage), in + 16 * (2 * t + stage), bytes);
        ptx::cp_async_commit();
    }
    early[2 * t] = shared[16 * (2 * t)];
    ptx::cp_async_wait<1>();
    early[2 * t + 1] = shared[16 * (2 * t + 1)];
    for (int i = 0; i < 16; ++i) out[32 * t + static_cast<unsigned>(i)] = shared[32 * t + static_cast<unsigned>(i)];
    ptx::cp_async_wait<0>();
    __syncthreads();
    unsigned const other = (t + 1) % blockDim.x;
    for (unsigned i = 16; i < 32; ++i) out[32 * other + i] = shared[32 * other + i];
}

TEST(AsyncCopy, ArrivesWhenWaitedForAndFillsWithZeros) {
    for (int const bytes : {0, 1, 7, 16}) {
        unsigned const threads = 48;
        alignas(16) std::uint8_t in[32 * threads];
        for (std::size_t i = 0; i < sizeof(in); ++i) in[i] = static_cast<std::uint8_t>(i % 100 + 1);
        std::vector<std::uint8_t> out(sizeof(in));
        std::vector<std::uint8_t> early(2 * threads);
        launch(copy_rows, {.block = threads, .shared_bytes = sizeof(in)}, in, out.data(), early.data(), bytes);
        for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], static_cast<int>(i % 16) < bytes ? in[i] : 0);
        for (std::uint8_t const byte : early) EXPECT_EQ(byte, simt::poison);
    }
}

/// Begins a copy of what it writes only afterwards.
__global__ void copy_too_soon(std::uint8_t* memory, std::uint8_t* out) {
    auto* const shared = dynamic_shared<std::uint8_t>();
    ptx::cp_async_16(shared, memory, 16);
    memory[0] = 2;
    ptx::cp_async_commit();
    ptx::cp_async_wait<0>();
    *out = shared[0];
}

TEST(AsyncCopy, BegunTooSoonShowsInOneOrder) {
    alignas(16) std::uint8_t memory[16];
    for (auto const& [order, value] : {std::pair{simt::Order::ascending, 2}, {simt::Order::random, 2}, {simt::Order::descending, 1}}) {
        simt::Scope const scope({.order = order});
        memory[0] = 1;
        std::uint8_t out = 0;
        launch(copy_too_soon, {.shared_bytes = 16}, memory, &out);
        EXPECT_EQ(out, value);
    }
}

__global__ void copy_one(std::uint8_t* to, std::uint8_t const* from, int bytes) {
    ptx::cp_async_16(to != nullptr ? to : dynamic_shared<std::uint8_t>(), from, bytes);
}

TEST(AsyncCopy, WrongAddressesAreFaults) {
    alignas(16) std::uint8_t memory[64] = {};
    LaunchConfig const config{.shared_bytes = 16};
    EXPECT_THROW(launch(copy_one, config, nullptr, memory + 1, 16), simt::KernelFault);
    EXPECT_THROW(launch(copy_one, config, memory + 32, memory, 16), simt::KernelFault);
    EXPECT_THROW(launch(copy_one, config, nullptr, memory, 17), simt::KernelFault);
    EXPECT_THROW(launch(copy_one, {.shared_bytes = 15}, nullptr, memory, 16), simt::KernelFault);
    EXPECT_NO_THROW(launch(copy_one, config, nullptr, memory, 16));
}

// ---- accesses out of bounds -------------------------------------------------------------------------------------------------

__global__ void write_dynamic(unsigned index) {
    dynamic_shared<std::uint8_t>()[index] = 1;
}

__global__ void write_static(unsigned index, int* out) {
    __shared__ int array[37];
    int* volatile begin = array;  // keeps the compiler from seeing the bound
    begin[index] = 1;
    *out = array[0];
}

template <class T>
__global__ void write_static_of_template(unsigned index, T* out) {
    __shared__ T array[37];
    T* volatile begin = array;
    begin[index] = 1;
    *out = array[0];
}

__global__ void write_global(std::uint8_t* p, std::int64_t index) {
    p[index] = 1;
}

TEST(OutOfBounds, TheLastByteOfSharedMemoryIsUsable) {
    EXPECT_NO_THROW(launch(write_dynamic, {.shared_bytes = 100}, 99u));
    int out = 0;
    EXPECT_NO_THROW(launch(write_static, {}, 36u, &out));
}

#ifdef __SANITIZE_ADDRESS__

TEST(OutOfBoundsDeathTest, DynamicSharedMemory) {
    EXPECT_DEATH(launch(write_dynamic, {.shared_bytes = 100}, 100u), "heap-buffer-overflow");
    EXPECT_DEATH(launch(write_dynamic, {}, 0u), "heap-buffer-overflow");
}

TEST(OutOfBoundsDeathTest, StaticSharedMemory) {
    int out = 0;
    EXPECT_DEATH(launch(write_static, {}, 37u, &out), "global-buffer-overflow");
    EXPECT_DEATH(launch(write_static_of_template<int>, {}, 37u, &out), "global-buffer-overflow");
}

TEST(OutOfBoundsDeathTest, DeviceMemory) {
    void* p = nullptr;
    ASSERT_EQ(cudaMalloc(&p, 100), cudaSuccess);
    EXPECT_DEATH(launch(write_global, {}, static_cast<std::uint8_t*>(p), 100), "heap-buffer-overflow");
    EXPECT_DEATH(launch(write_global, {}, static_cast<std::uint8_t*>(p), -1), "heap-buffer-overflow");
    EXPECT_EQ(cudaFree(p), cudaSuccess);
    EXPECT_DEATH(launch(write_global, {}, static_cast<std::uint8_t*>(p), 0), "heap-use-after-free");
}

__global__ void overflow_a_local_array(int count, int* out) {
    int local[8] = {};
    int* volatile begin = local;
    __syncthreads();
    for (int i = 0; i < count; ++i) begin[i] = i;
    *out = local[0];
}

TEST(OutOfBoundsDeathTest, TheStackOfAThread) {
    int out = 0;
    EXPECT_DEATH(launch(overflow_a_local_array, {.block = 40}, 9, &out), "stack-buffer-overflow");
}

#else

TEST(OutOfBounds, AWritePastDynamicSharedMemoryIsAFault) {
    EXPECT_THROW(launch(write_dynamic, {.shared_bytes = 100}, 100u), simt::KernelFault);
}

TEST(OutOfBounds, AWriteAroundDeviceMemoryIsAFault) {
    for (std::int64_t const index : {100, -1}) {
        void* p = nullptr;
        ASSERT_EQ(cudaMalloc(&p, 100), cudaSuccess);
        EXPECT_NO_THROW(launch(write_global, {}, static_cast<std::uint8_t*>(p), 99));
        EXPECT_THROW(launch(write_global, {}, static_cast<std::uint8_t*>(p), index), simt::KernelFault);
        EXPECT_EQ(cudaFree(p), cudaErrorLaunchFailure);
        EXPECT_EQ(cudaGetLastError(), cudaErrorLaunchFailure);
    }
}

#endif

// ---- the device --------------------------------------------------------------------------------------------------------------

TEST(DeviceMemory, IsPoisonedCountedAndLimited) {
    simt::Scope const scope({.memory_bytes = 1000});
    auto const before = simt::allocations();
    void* p = nullptr;
    ASSERT_EQ(cudaMalloc(&p, 600), cudaSuccess);
    EXPECT_EQ(static_cast<std::uint8_t*>(p)[599], simt::poison);
    EXPECT_EQ(simt::allocations().bytes, before.bytes + 600);
    void* q = &p;
    EXPECT_EQ(cudaMalloc(&q, 401), cudaErrorMemoryAllocation);
    EXPECT_EQ(q, nullptr);
    EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
    EXPECT_EQ(cudaGetLastError(), cudaSuccess);
    EXPECT_EQ(cudaFree(p), cudaSuccess);
    EXPECT_EQ(cudaFree(p), cudaErrorInvalidValue);
    EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidValue);
    EXPECT_EQ(simt::allocations().count, before.count);
}

TEST(Device, LimitsFollowTheComputeCapability) {
    EXPECT_EQ(device_limits(0).compute_major, 8);
    EXPECT_EQ(device_limits(0).multiprocessors, 2);
    EXPECT_EQ(device_limits(0).shared_bytes_per_block, 163 * 1024);
    simt::Scope const scope({.compute_capability = 90});
    EXPECT_EQ(device_limits(0).compute_major, 9);
    EXPECT_EQ(device_limits(0).shared_bytes_per_block, 227 * 1024);
    EXPECT_THROW((void)device_limits(1), DeviceError);
}

}  // namespace
