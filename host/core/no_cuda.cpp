#include <ca3/error.hpp>

#include "core/cuda.hpp"

#include <string>

/// The CUDA runtime of a build without CUDA.
namespace ca3::cuda {

namespace {
[[noreturn]] void not_compiled(char const* function) {
    throw NotCompiled(std::string("ca3 was built without CUDA: ") + function);
}
}  // namespace

DeviceList devices() noexcept {
    return {.devices = {}, .reason = "ca3 was built without CUDA"};
}

void open(CudaOptions const&, detail::ContextState&) {
    not_compiled("Context::cuda");
}
void close(detail::ContextState&) noexcept {}

void* allocate(detail::ContextState const&, std::size_t) {
    not_compiled("allocate");
}
void release(detail::ContextState const&, void*) noexcept {}

void copy_to_device(detail::ContextState const&, void*, void const*, std::size_t) {
    not_compiled("copy_to_device");
}
void copy_to_host(detail::ContextState const&, void*, void const*, std::size_t) {
    not_compiled("copy_to_host");
}
void synchronize(detail::ContextState const&) {
    not_compiled("synchronize");
}

}  // namespace ca3::cuda
