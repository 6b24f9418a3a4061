#include <ca3/error.hpp>

#include "outer_product/backend.hpp"

namespace ca3::outer_product::cuda {

template <class T>
void accumulate(Context const&, AccumulateOptions const&, MatrixView<std::int8_t const>, MatrixView<T>) {
    throw NotCompiled("ca3 was built without CUDA: outer_product::accumulate");
}

template void accumulate(Context const&, AccumulateOptions const&, MatrixView<std::int8_t const>, MatrixView<std::uint8_t>);
template void accumulate(Context const&, AccumulateOptions const&, MatrixView<std::int8_t const>, MatrixView<std::int16_t>);
template void accumulate(Context const&, AccumulateOptions const&, MatrixView<std::int8_t const>, MatrixView<std::int32_t>);

}  // namespace ca3::outer_product::cuda
