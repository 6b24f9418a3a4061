// The loops over values, over any type of vector: V of floats, V::Words of draws. What is left of a run is done value by value, which gives
// the same bits. Included once for each instruction set, in a namespace of its own inside ca3::autoencoder, after normal_inl.hpp.

/// b / 255 rounded once: the product with 1/255 is corrected by its exact remainder, which is right for all 256 values of b.
template <class V>
void from_bytes(std::uint8_t const* from, std::int64_t count, float* to) {
    std::int64_t i = 0;
    V const inverse(1.0f / 255.0f), whole(255.0f);
    for (; i + V::width <= count; i += V::width) {
        V const b = V::load_bytes(from + i);
        V const q = b * inverse;
        fused(fused(-q, whole, b), inverse, q).store(to + i);
    }
    for (; i < count; ++i) to[i] = static_cast<float>(from[i]) / 255.0f;
}

template <class V>
void add_noise(float* values, std::uint32_t const* draws, std::int64_t count, float sigma) {
    using Words = typename V::Words;
    std::int64_t i = 0;
    V const scale(sigma);
    for (; i + V::width <= count; i += V::width)
        fused(scale, normal_of<V, Words>(Words::load(draws + i)), V::load(values + i)).store(values + i);
    for (; i < count; ++i) values[i] = with_noise(values[i], draws[i], sigma);
}

template <class V>
void salt_and_pepper(float* values, std::uint32_t const* draws, std::int64_t count, std::uint32_t threshold) {
    using Words = typename V::Words;
    std::int64_t i = 0;
    Words const first(threshold), last(threshold - 1u);  // threshold > 0
    for (; i + V::width <= count; i += V::width) {
        Words const u = Words::load(draws + i);
        V const salted = select(at_most(u - first, last), V(1.0f), V::load(values + i));
        select(at_most(u, last), V(0.0f), salted).store(values + i);
    }
    for (; i < count; ++i) values[i] = with_salt_and_pepper(values[i], draws[i], threshold);
}

template <class V>
void flip(float* values, std::uint32_t const* draws, std::int64_t count, std::uint32_t last) {
    using Words = typename V::Words;
    std::int64_t i = 0;
    Words const limit(last);
    for (; i + V::width <= count; i += V::width) {
        V const x = V::load(values + i);
        select(at_most(Words::load(draws + i), limit), V(1.0f) - x, x).store(values + i);
    }
    for (; i < count; ++i) values[i] = with_flip(values[i], draws[i], last);
}
