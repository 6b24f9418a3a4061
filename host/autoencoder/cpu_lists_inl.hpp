// What vectors of `Width` floats do value by value where the instruction set has nothing better. Included once for each such set, in its
// namespace, before the vector type.

template <int Width>
struct ValueByValue {
    /// Bit i: p[i] is not zero. 32 elements
    static CA3_ALWAYS_INLINE std::uint32_t nonzero(float const* p) {
        std::uint32_t mask = 0;
        for (int i = 0; i < panel; ++i) mask |= (p[i] != 0.0f ? 1u : 0u) << i;
        return mask;
    }
    /// Writes base + i for those of the first n that are not zero. @return how many
    static CA3_ALWAYS_INLINE std::int64_t append(std::uint32_t const* flags, std::int64_t n, std::uint32_t base, std::uint32_t* list) {
        std::int64_t count = 0;
        for (std::int64_t i = 0; i < n; ++i) {
            if (flags[i] == 0) continue;
            list[count] = base + static_cast<std::uint32_t>(i);
            ++count;
        }
        return count;
    }
    static CA3_ALWAYS_INLINE void transpose(float const* from, float* to) {
        for (std::int64_t i = 0; i < Width; ++i)
            for (std::int64_t j = 0; j < Width; ++j) to[panel * j + i] = from[panel * i + j];
    }
};
