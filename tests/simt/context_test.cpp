#include <ca3/context.hpp>
#include <ca3/error.hpp>

#include "core/cuda.hpp"
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

}  // namespace
