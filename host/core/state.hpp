#pragma once

#include <ca3/context.hpp>

#include "core/thread_pool.hpp"

#include <memory>
#include <string>

namespace ca3::detail {

/// What a Context owns. The stream is destroyed by cuda::close.
struct ContextState {
    Backend backend = Backend::reference;
    InstructionSet instruction_set = InstructionSet::portable;
    std::unique_ptr<ThreadPool> pool;  ///< never null
    std::string remark;                ///< why best() chose this

    DeviceInfo device{.index = -1};
    CUstream_st* stream = nullptr;
    bool owns_stream = false;

    ContextState() = default;
    ~ContextState();
    ContextState(ContextState const&) = delete;
    ContextState& operator=(ContextState const&) = delete;
};

}  // namespace ca3::detail

namespace ca3 {
[[nodiscard]] inline ThreadPool& pool(Context const& context) {
    return *context.state().pool;
}
}  // namespace ca3
