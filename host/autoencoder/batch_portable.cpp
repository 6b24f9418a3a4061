#include "autoencoder/batch_kernels.hpp"

namespace ca3::autoencoder {

namespace {

void from_bytes(std::uint8_t const* from, std::int64_t count, float* to) {
    for (std::int64_t i = 0; i < count; ++i) to[i] = static_cast<float>(from[i]) / 255.0f;
}

void add_noise(float* values, std::uint32_t const* draws, std::int64_t count, float sigma) {
    for (std::int64_t i = 0; i < count; ++i) values[i] = with_noise(values[i], draws[i], sigma);
}

void salt_and_pepper(float* values, std::uint32_t const* draws, std::int64_t count, std::uint32_t threshold) {
    for (std::int64_t i = 0; i < count; ++i) values[i] = with_salt_and_pepper(values[i], draws[i], threshold);
}

void flip(float* values, std::uint32_t const* draws, std::int64_t count, std::uint32_t last) {
    for (std::int64_t i = 0; i < count; ++i) values[i] = with_flip(values[i], draws[i], last);
}

void rotate(float const* image, std::int64_t height, std::int64_t width, Turn turn, float* to) {
    for (std::int64_t i = 0; i < height; ++i)
        for (std::int64_t j = 0; j < width; ++j) to[i * width + j] = turned_pixel(image, height, width, turn, i, j);
}

}  // namespace

BatchKernels const& portable_batch_kernels() {
    static constexpr BatchKernels table{from_bytes, add_noise, salt_and_pepper, flip, rotate};
    return table;
}

BatchKernels const& batch_kernels_for(InstructionSet set) {
#if defined(__x86_64__)
    switch (set) {
        case InstructionSet::avx2:
            return avx2_batch_kernels();
        case InstructionSet::avx512_vnni:
        case InstructionSet::avx512_vpopcntdq:
            return avx512_batch_kernels();
        case InstructionSet::automatic:
        case InstructionSet::portable:
            break;
    }
#endif
    return portable_batch_kernels();
}

}  // namespace ca3::autoencoder
