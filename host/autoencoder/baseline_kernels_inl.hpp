// The kernels in vectors of `lanes` numbers. Included once for each instruction set, in a namespace of its own inside ca3::autoencoder,
// after the constants lanes, block_rows and block_vectors (a block of the product stays in registers).

typedef double Lanes __attribute__((vector_size(8 * lanes), may_alias));
typedef double UnalignedLanes __attribute__((vector_size(8 * lanes), may_alias, aligned(8)));

double dot(double const* x, double const* y, std::int64_t count) {
    constexpr int vectors = 16 / lanes;
    Lanes sum[vectors] = {};
    std::int64_t i = 0;
    for (; i + 16 <= count; i += 16) {
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v)
            sum[v] +=
                *reinterpret_cast<UnalignedLanes const*>(x + i + lanes * v) * *reinterpret_cast<UnalignedLanes const*>(y + i + lanes * v);
    }
    double sums[16];
    for (int k = 0; k < 16; ++k) sums[k] = sum[k / lanes][k % lanes];
    for (int k = 0; i < count; ++i, ++k) sums[k] += x[i] * y[i];
    for (int half = 8; half > 0; half /= 2)
        for (int k = 0; k < half; ++k) sums[k] += sums[k + half];
    return sums[0];
}

void add_scaled(double a, double const* x, double* y, std::int64_t count) {
    std::int64_t i = 0;
    for (; i + lanes <= count; i += lanes) *reinterpret_cast<UnalignedLanes*>(y + i) += a * *reinterpret_cast<UnalignedLanes const*>(x + i);
    for (; i < count; ++i) y[i] += a * x[i];
}

void add_product(double const* a, double const* b, std::int64_t count, double* c, std::int64_t stride) {
    for (int row = 0; row < left_panel; row += block_rows) {
        for (int column = 0; column < right_panel; column += lanes * block_vectors) {
            Lanes sum[block_rows][block_vectors] = {};
            for (std::int64_t k = 0; k < count; ++k) {
                Lanes right[block_vectors];
#pragma GCC unroll 2
                for (int v = 0; v < block_vectors; ++v)
                    right[v] = *reinterpret_cast<Lanes const*>(b + k * right_panel + column + lanes * v);
#pragma GCC unroll 8
                for (int r = 0; r < block_rows; ++r) {
                    double const left = a[k * left_panel + row + r];
#pragma GCC unroll 2
                    for (int v = 0; v < block_vectors; ++v) sum[r][v] += left * right[v];
                }
            }
#pragma GCC unroll 8
            for (int r = 0; r < block_rows; ++r)
#pragma GCC unroll 2
                for (int v = 0; v < block_vectors; ++v)
                    *reinterpret_cast<UnalignedLanes*>(c + (row + r) * stride + column + lanes * v) += sum[r][v];
        }
    }
}

constexpr BaselineKernels table{dot, add_scaled, add_product};
