#include "support/backends.hpp"

#include <stdexcept>

namespace ca3::test {
namespace {

std::string cpu_name(InstructionSet set, int threads) {
    return "cpu_" + std::string(to_string(set)) + "_" + std::to_string(threads);
}

void skip_without_gpu() {
    auto const found = cuda_devices();
    if (found.devices.empty()) GTEST_SKIP() << "no GPU: " << found.reason;
}

}  // namespace

std::vector<NamedContext> const& cpu_contexts() {
    static std::vector<NamedContext> const contexts = [] {
        std::vector<NamedContext> result;
        for (InstructionSet const set : supported_instruction_sets())
            for (int const threads : {1, 2})
                result.push_back({cpu_name(set, threads), Context::cpu({.threads = threads, .instruction_set = set})});
        return result;
    }();
    return contexts;
}

std::vector<std::string> backend_names() {
    std::vector<std::string> names{"reference"};
    for (InstructionSet const set : supported_instruction_sets()) names.push_back(cpu_name(set, 2));
    names.emplace_back("cuda");
    return names;
}

void OnEveryBackend::SetUp() {
    if (GetParam() == "cuda") skip_without_gpu();
}

void OnGpu::SetUp() {
    skip_without_gpu();
}

Context OnEveryBackend::context() const {
    if (GetParam() == "reference") return Context::reference();
    if (GetParam() == "cuda") return Context::cuda();
    for (auto const& [name, context] : cpu_contexts())
        if (name == GetParam()) return context;
    throw std::logic_error("no backend is called " + GetParam());
}

}  // namespace ca3::test
