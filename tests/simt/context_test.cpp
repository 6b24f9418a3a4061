#include <ca3/context.hpp>
#include <ca3/error.hpp>
#include <ca3/matrix.hpp>

#include "core/cuda.hpp"
#include "kernels/common/launch.cuh"
#include "tests/support/simt/executor.hpp"
#include "tests/support/simt/runtime.hpp"

#include <gtest/gtest.h>

#include <vector>

/// The CUDA side of Context, cuda_context.cpp as it is, on the executor's runtime.
namespace {

using namespace ca3;

TEST(ExecutorContext, IsADevice) {
    ASSERT_EQ(cuda_devices().devices.size(), 1u);
    DeviceInfo const device = cuda_devices().devices[0];
    EXPECT_EQ(device.compute_major, 8);
    EXPECT_EQ(device.compute_minor, 0);
    EXPECT_EQ(device.multiprocessors, 2);
    Context const context = Context::cuda();
    EXPECT_EQ(context.backend(), Backend::cuda);
    EXPECT_EQ(context.device(), 0);
    EXPECT_NE(context.stream(), nullptr);
    EXPECT_EQ(Context::best().backend(), Backend::cuda);
    EXPECT_THROW((void)Context::cuda({.device = 1}), DeviceUnavailable);
}

TEST(ExecutorContext, AnOldGpuIsRefusedWithItsCapability) {
    simt::Scope const scope({.compute_capability = 75});
    EXPECT_TRUE(cuda_devices().devices.empty());
    EXPECT_NE(cuda_devices().reason.find("7.5"), std::string::npos) << cuda_devices().reason;
    EXPECT_THROW((void)Context::cuda(), DeviceUnavailable);
    EXPECT_EQ(Context::best().backend(), Backend::cpu);
}

TEST(ExecutorContext, MemoryMakesARoundTripAndIsReturned) {
    auto const before = simt::allocations();
    {
        Context const context = Context::cuda();
        std::vector<int> const in{1, 2, 3};
        std::vector<int> out(3);
        void* const p = cuda::allocate(context.state(), 12);
        cuda::copy_to_device(context.state(), p, in.data(), 12);
        cuda::copy_to_host(context.state(), out.data(), p, 12);
        EXPECT_EQ(out, in);
        cuda::release(context.state(), p);
    }
    EXPECT_EQ(simt::allocations().count, before.count);
}

TEST(ExecutorContext, TooLittleMemoryIsOutOfMemoryWithItsNumbers) {
    simt::Scope const scope({.memory_bytes = 1000});
    Context const context = Context::cuda();
    void* const p = cuda::allocate(context.state(), 700);
    try {
        (void)cuda::allocate(context.state(), 400);
        FAIL() << "nothing was thrown";
    } catch (OutOfMemory const& e) {
        EXPECT_EQ(e.requested_bytes, 400u);
        EXPECT_EQ(e.free_bytes, 300u);
    }
    cuda::release(context.state(), p);
}

int current_device() {
    int device = -1;
    check(cudaGetDevice(&device), "cudaGetDevice");
    return device;
}

__global__ void write_seven(int* out) {
    *out = 7;
}

TEST(ExecutorContext, AStreamServesItsOwnDeviceOnly) {
    simt::Scope const scope({.devices = 2});
    Context const second = Context::cuda({.device = 1});
    Buffer<int> const out(second, 1);

    EXPECT_THROW(launch(write_seven, {.stream = second.stream()}, out.data()), DeviceError);
    launch(second, write_seven, {}, out.data());

    int value = 0;
    out.copy_to_host(&value);
    EXPECT_EQ(value, 7);
}

TEST(ExecutorContext, NoCallChangesTheCurrentDevice) {
    simt::Scope const scope({.devices = 2});
    for (int const before : {0, 1}) {
        for (int const device : {0, 1}) {
            check(cudaSetDevice(before), "cudaSetDevice");
            auto const expect_unchanged = [&](char const* after) { EXPECT_EQ(current_device(), before) << device << ' ' << after; };
            {
                Context const context = Context::cuda({.device = device});
                expect_unchanged("Context::cuda");
                Buffer<int> out(context, 1);
                expect_unchanged("an allocation");
                cuda::fill(context.state(), out.data(), 0xFF, 4);
                expect_unchanged("a fill");
                int value = 0;
                out.copy_to_host(&value);
                EXPECT_EQ(value, -1);
                out.copy_from_host(&value);
                expect_unchanged("copies");
                launch(context, write_seven, {}, out.data());
                expect_unchanged("a launch");
                EXPECT_THROW(launch(context, write_seven, {.block = 1025}, out.data()), DeviceError);
                expect_unchanged("a refused launch");
                EXPECT_THROW((void)Buffer<int>(context, std::int64_t{1} << 40), OutOfMemory);
                expect_unchanged("a refused allocation");
                context.synchronize();
                expect_unchanged("synchronize");
            }
            expect_unchanged("the end of the context");
        }
    }
    check(cudaSetDevice(0), "cudaSetDevice");
}

TEST(ExecutorContext, EachDeviceHasItsOwnMemory) {
    simt::Scope const scope({.memory_bytes = 1000, .devices = 2});
    Context const first = Context::cuda({.device = 0}), second = Context::cuda({.device = 1});
    Buffer<char> const on_first(first, 700), on_second(second, 700);
    EXPECT_THROW((void)Buffer<char>(second, 400), OutOfMemory);
    EXPECT_THROW((void)Context::cuda({.device = 2}), DeviceUnavailable);
}

}  // namespace
