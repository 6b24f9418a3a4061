#pragma once

#include <ca3/outer_product.hpp>

/// One declaration per backend. Arguments are checked by api.cpp, entries of `patterns` included (except on CUDA, where the kernel
/// that packs the bits checks them and the launcher throws InvalidArgument before anything is written).
/// T is uint8_t (agreement counts), int16_t or int32_t.
namespace ca3::outer_product {

namespace reference {
template <class T>
void accumulate(Context const&, AccumulateOptions const&, MatrixView<std::int8_t const> patterns, MatrixView<T> weights);
}
namespace cpu {
template <class T>
void accumulate(Context const&, AccumulateOptions const&, MatrixView<std::int8_t const> patterns, MatrixView<T> weights);
}
namespace cuda {
template <class T>
void accumulate(Context const&, AccumulateOptions const&, MatrixView<std::int8_t const> patterns, MatrixView<T> weights);
}

}  // namespace ca3::outer_product
