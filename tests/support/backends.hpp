#pragma once

#include <ca3/context.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

/// The backends that a test runs on.
namespace ca3::test {

struct NamedContext {
    std::string name;  ///< "reference", "cpu_avx2_2" (instruction set, threads), "cuda"
    Context context;
};

/// The CPU backend on every instruction set of this machine with 1 and with 2 threads. Made once: threads are shared by all tests.
[[nodiscard]] std::vector<NamedContext> const& cpu_contexts();

/// "reference", every instruction set with 2 threads, and "cuda".
[[nodiscard]] std::vector<std::string> backend_names();

/// One test on every backend; where there is no GPU "cuda" is skipped and says why.
///
///     class Recall : public OnEveryBackend {};
///     TEST_P(Recall, Claim) { Memory memory(context()); ... }
///     CA3_ON_EVERY_BACKEND(Recall);
class OnEveryBackend : public testing::TestWithParam<std::string> {
protected:
    void SetUp() override;
    [[nodiscard]] Context context() const;
};

/// What only a GPU has; skipped where there is none.
class OnGpu : public testing::Test {
protected:
    void SetUp() override;
    [[nodiscard]] static Context context() { return Context::cuda(); }
};

}  // namespace ca3::test

#define CA3_ON_EVERY_BACKEND(suite)                                                          \
    INSTANTIATE_TEST_SUITE_P(Backends, suite, testing::ValuesIn(ca3::test::backend_names()), \
                             [](testing::TestParamInfo<std::string> const& backend) { return backend.param; })
