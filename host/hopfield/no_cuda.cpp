#include <ca3/error.hpp>

#include "hopfield/backend.hpp"

#include <string>

namespace ca3::hopfield::cuda {

namespace {
[[noreturn]] void not_compiled(char const* function) {
    throw NotCompiled(std::string("ca3 was built without CUDA: hopfield::") + function);
}
}  // namespace

std::unique_ptr<Prepared> prepare(Context const&, Model const&) {
    not_compiled("prepare");
}
void relax(Context const&, Model const&, Prepared&, Job const&) {
    not_compiled("relax");
}
void pattern_overlaps(Context const&, Model const&, Prepared&, MatrixView<std::int8_t const>, std::int32_t*) {
    not_compiled("pattern_overlaps");
}

void overlaps(Context const&, MatrixView<std::int8_t const>, MatrixView<std::int8_t const>, MatrixView<std::int32_t>) {
    not_compiled("overlaps");
}

template <class T>
void sign_update(Context const&, SignUpdateOptions, MatrixView<T const>, std::int64_t, std::int32_t const*, MatrixView<std::int8_t const>,
                 MatrixView<std::int8_t>, std::int32_t*) {
    not_compiled("sign_update");
}
template void sign_update(Context const&, SignUpdateOptions, MatrixView<std::uint8_t const>, std::int64_t, std::int32_t const*,
                          MatrixView<std::int8_t const>, MatrixView<std::int8_t>, std::int32_t*);
template void sign_update(Context const&, SignUpdateOptions, MatrixView<std::int8_t const>, std::int64_t, std::int32_t const*,
                          MatrixView<std::int8_t const>, MatrixView<std::int8_t>, std::int32_t*);
template void sign_update(Context const&, SignUpdateOptions, MatrixView<std::int16_t const>, std::int64_t, std::int32_t const*,
                          MatrixView<std::int8_t const>, MatrixView<std::int8_t>, std::int32_t*);
template void sign_update(Context const&, SignUpdateOptions, MatrixView<std::int32_t const>, std::int64_t, std::int32_t const*,
                          MatrixView<std::int8_t const>, MatrixView<std::int8_t>, std::int32_t*);

void energy(Context const&, MatrixView<std::int32_t const>, std::int32_t const*, MatrixView<std::int8_t const>, std::int64_t*) {
    not_compiled("energy");
}

void softmax_update(Context const&, double, MatrixView<float const>, MatrixView<float const>, MatrixView<float>) {
    not_compiled("softmax_update");
}

}  // namespace ca3::hopfield::cuda
