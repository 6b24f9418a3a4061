#include <ca3/context.hpp>
#include <ca3/error.hpp>

#include "support/compare.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace ca3 {
namespace {

using test::contains;
using test::message_of;

TEST(InstructionSets, BeginWithPortableAndRise) {
    auto const sets = supported_instruction_sets();
    ASSERT_FALSE(sets.empty());
    EXPECT_EQ(sets.front(), InstructionSet::portable);
    EXPECT_TRUE(std::is_sorted(sets.begin(), sets.end()));
    EXPECT_EQ(std::count(sets.begin(), sets.end(), InstructionSet::automatic), 0);
}

TEST(InstructionSets, HaveNamesOfTheirOwn) {
    EXPECT_EQ(to_string(InstructionSet::portable), "portable");
    EXPECT_EQ(to_string(InstructionSet::avx2), "avx2");
    EXPECT_EQ(to_string(InstructionSet::avx512_vnni), "avx512_vnni");
    EXPECT_EQ(to_string(InstructionSet::avx512_vpopcntdq), "avx512_vpopcntdq");
    EXPECT_EQ(to_string(InstructionSet::automatic), "automatic");
}

TEST(ReferenceContext, IsOneThreadOfPlainLoops) {
    Context const context = Context::reference();
    EXPECT_EQ(context.backend(), Backend::reference);
    EXPECT_EQ(context.threads(), 1);
    EXPECT_EQ(context.device(), -1);
    EXPECT_EQ(context.stream(), nullptr);
    EXPECT_NE(context.instruction_set(), InstructionSet::automatic);
    EXPECT_TRUE(contains(context.describe(), "reference"));
    context.synchronize();
}

TEST(CpuContext, TakesTheBestInstructionSetAndAllCoresByDefault) {
    Context const context = Context::cpu();
    EXPECT_EQ(context.backend(), Backend::cpu);
    EXPECT_GE(context.threads(), 1);
    EXPECT_EQ(context.instruction_set(), supported_instruction_sets().back());
    EXPECT_EQ(context.device(), -1);
    EXPECT_EQ(context.stream(), nullptr);
}

TEST(CpuContext, TakesEveryInstructionSetOfThisMachine) {
    for (InstructionSet const set : supported_instruction_sets()) {
        Context const context = Context::cpu({.threads = 2, .instruction_set = set});
        EXPECT_EQ(context.instruction_set(), set);
        EXPECT_EQ(context.threads(), 2);
        EXPECT_TRUE(contains(context.describe(), std::string(to_string(set)))) << context.describe();
        EXPECT_TRUE(contains(context.describe(), "2 threads")) << context.describe();
    }
}

TEST(CpuContext, RefusesInstructionSetsThatThisMachineLacks) {
    auto const sets = supported_instruction_sets();
    for (InstructionSet const set : {InstructionSet::avx2, InstructionSet::avx512_vnni, InstructionSet::avx512_vpopcntdq}) {
        if (std::find(sets.begin(), sets.end(), set) != sets.end()) continue;
        auto const message = message_of<InvalidArgument>([&] { (void)Context::cpu({.instruction_set = set}); });
        EXPECT_TRUE(contains(message, std::string(to_string(set)))) << message;
    }
    EXPECT_THROW((void)Context::cpu({.instruction_set = static_cast<InstructionSet>(99)}), InvalidArgument);
}

TEST(CpuContext, RefusesThreadCountsOutsideItsDomain) {
    for (int const threads : {-1, -2147483647, 2147483647}) {
        auto const message = message_of<InvalidArgument>([&] { (void)Context::cpu({.threads = threads}); });
        EXPECT_TRUE(contains(message, "threads")) << message;
        EXPECT_TRUE(contains(message, std::to_string(threads))) << message;
    }
}

TEST(CudaContext, SaysWhyThereIsNone) {
    auto const found = cuda_devices();
    if (!found.devices.empty()) {
        EXPECT_TRUE(found.reason.empty());
        Context const context = Context::cuda();
        EXPECT_EQ(context.backend(), Backend::cuda);
        EXPECT_EQ(context.device(), 0);
        EXPECT_NE(context.stream(), nullptr);
        context.synchronize();
        return;
    }
    EXPECT_FALSE(found.reason.empty());
    try {
        (void)Context::cuda();
        FAIL() << "a context on a GPU that is not there";
    } catch (DeviceUnavailable const& error) {
        EXPECT_FALSE(std::string(error.what()).empty());
    } catch (NotCompiled const& error) {
        EXPECT_TRUE(contains(error.what(), "without CUDA")) << error.what();
    }
}

TEST(CudaContext, RefusesDevicesThatDoNotExist) {
    for (int const device : {-1, 1000}) EXPECT_THROW((void)Context::cuda({.device = device}), Error);
}

TEST(BestContext, FallsBackToTheCpuAndSaysWhy) {
    Context const context = Context::best();
    auto const found = cuda_devices();
    if (found.devices.empty()) {
        EXPECT_EQ(context.backend(), Backend::cpu);
        EXPECT_TRUE(contains(context.describe(), found.reason)) << context.describe();
    } else {
        EXPECT_EQ(context.backend(), Backend::cuda);
        EXPECT_TRUE(contains(context.describe(), found.devices[0].name)) << context.describe();
    }
}

TEST(ContextHandle, SharesItsResourcesBetweenCopies) {
    Context const original = Context::cpu({.threads = 2});
    Context const copy = original;
    EXPECT_EQ(&original.state(), &copy.state());
    Context const other = Context::cpu({.threads = 2});
    EXPECT_NE(&original.state(), &other.state());
}

}  // namespace
}  // namespace ca3
