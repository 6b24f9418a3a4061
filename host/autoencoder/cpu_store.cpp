#include "autoencoder/cpu_store.hpp"

#include <algorithm>

namespace ca3::autoencoder::cpu {

namespace {

std::int64_t padded(std::int64_t n) {
    return panels(n) * panel;
}

}  // namespace

Store::Store(Plan const& plan, Kernels const& kernels) : plan_(plan), kernels_(kernels) {
    std::int64_t transposed_size = 0, rounded_size = 0;
    auto const take = [](std::int64_t& end, Place const& place, std::int64_t size) {
        if (!place.exists()) return Spot{};
        Spot const spot{end, size};
        end += size;
        return spot;
    };
    for (auto const& p : plan.layers) {
        StoredLayer layer;
        if (p.tied_to < 0) {
            layer.weight = take(size_, p.weight, panels(p.linear) * p.in * panel);
            layer.transposed = take(transposed_size, p.weight, panels(p.in) * kernels.places(p.linear) * panel);
            if (kernels.together > 1) layer.rounded = take(rounded_size, p.weight, panels(p.linear) * kernels.places(p.in) * panel);
        }
        layer.bias = take(size_, p.bias, padded(p.linear));
        layer.gamma = take(size_, p.gamma, padded(p.linear));
        layer.beta = take(size_, p.beta, padded(p.linear));
        layer.slope = take(size_, p.slope, p.slope.size == 1 ? 16 : padded(p.out));
        layer.mean = take(buffer_size_, p.mean, padded(p.linear));
        layer.variance = take(buffer_size_, p.variance, padded(p.linear));
        layers_.push_back(layer);
    }
    parameters.assign(static_cast<std::size_t>(size_), 0.0f);
    buffers.assign(static_cast<std::size_t>(buffer_size_), 0.0f);
    transposed.assign(static_cast<std::size_t>(transposed_size), 0.0f);
    rounded.assign(static_cast<std::size_t>(rounded_size), 0.0f);
}

/// visit(number in the State, number in the Store)
template <class Visit>
void Store::for_parameters(Visit&& visit) const {
    auto const vector = [&](Place const& place, Spot const& spot) {
        for (std::int64_t i = 0; i < place.size; ++i)
            visit(static_cast<std::size_t>(place.offset + i), static_cast<std::size_t>(spot.offset + i));
    };
    for (std::size_t l = 0; l < layers_.size(); ++l) {
        PlannedLayer const& p = plan_.layers[l];
        StoredLayer const& s = layers_[l];
        if (s.weight.exists())
            for (std::int64_t u = 0; u < p.linear; ++u)
                for (std::int64_t i = 0; i < p.in; ++i)
                    visit(static_cast<std::size_t>(p.weight.offset + u * p.in + i),
                          static_cast<std::size_t>(s.weight.offset + (u / panel * p.in + i) * panel + u % panel));
        if (s.bias.exists()) vector(p.bias, s.bias);
        if (s.gamma.exists()) vector(p.gamma, s.gamma);
        if (s.beta.exists()) vector(p.beta, s.beta);
        if (s.slope.exists()) vector(p.slope, s.slope);
    }
}

template <class Visit>
void Store::for_buffers(Visit&& visit) const {
    auto const vector = [&](Place const& place, Spot const& spot) {
        for (std::int64_t i = 0; i < place.size; ++i)
            visit(static_cast<std::size_t>(place.offset + i), static_cast<std::size_t>(spot.offset + i));
    };
    for (std::size_t l = 0; l < layers_.size(); ++l) {
        if (!layers_[l].mean.exists()) continue;
        vector(plan_.layers[l].mean, layers_[l].mean);
        vector(plan_.layers[l].variance, layers_[l].variance);
    }
}

void Store::pack(std::vector<double> const& from, AlignedVector<float>& to) const {
    if (from.empty()) {
        to.clear();
        return;
    }
    to.assign(static_cast<std::size_t>(size_), 0.0f);
    for_parameters([&](std::size_t a, std::size_t b) { to[b] = static_cast<float>(from[a]); });
}

void Store::unpack(AlignedVector<float> const& from, std::vector<double>& to) const {
    to.clear();
    if (from.empty()) return;
    to.resize(static_cast<std::size_t>(plan_.parameters));
    for_parameters([&](std::size_t a, std::size_t b) { to[a] = static_cast<double>(from[b]); });
}

void Store::put(State const& state) {
    // All memory first, so that a throw changes nothing.
    AlignedVector<float> new_parameters, new_first, new_second;
    pack(state.parameters, new_parameters);
    pack(state.first, new_first);
    pack(state.second, new_second);
    parameters = std::move(new_parameters);
    first = std::move(new_first);
    second = std::move(new_second);
    for_buffers([&](std::size_t a, std::size_t b) { buffers[b] = static_cast<float>(state.buffers[a]); });
    steps = state.steps;
    left_ = true;
    renew_copies();
}

void Store::get(State& state) const {
    unpack(parameters, state.parameters);
    unpack(first, state.first);
    unpack(second, state.second);
    state.buffers.assign(static_cast<std::size_t>(plan_.buffers), 0.0);
    for_buffers([&](std::size_t a, std::size_t b) { state.buffers[a] = static_cast<double>(buffers[b]); });
    state.steps = steps;
}

void Store::keep() {
    kept_.parameters = parameters;
    kept_.first = first;
    kept_.second = second;
    kept_.buffers = buffers;
    kept_.steps = steps;
}

void Store::take_back() {
    parameters = kept_.parameters;
    first = kept_.first;
    second = kept_.second;
    buffers = kept_.buffers;
    steps = kept_.steps;
    left_ = true;
    renew_copies();
}

void Store::want_moments(UpdateRule const& rule) {
    if (rule.has_first()) first.resize(parameters.size());
    if (rule.has_second()) second.resize(parameters.size());
}

void Store::renew_copies() {
    for (int l = 0; left_ && l < static_cast<int>(layers_.size()); ++l) copy_weight(l);
    left_ = false;
}

void Store::copy_weight(int l) {
    PlannedLayer const& p = plan_.layers[static_cast<std::size_t>(l)];
    if (!layer(l).weight.exists()) return;
    for (std::int64_t o = 0; o < panels(p.linear); ++o)
        for (std::int64_t i = 0; i < panels(p.in); ++i) copy_tile(l, o, i, true);
}

void Store::copy_tile(int l, std::int64_t o, std::int64_t i, bool backward) {
    PlannedLayer const& p = plan_.layers[static_cast<std::size_t>(l)];
    StoredLayer const& s = layer(l);
    std::int64_t const rows = std::min(panel, p.in - i * panel), columns = std::min(panel, p.linear - o * panel);
    float const* const from = parameters.data() + s.weight.offset + (o * p.in + i * panel) * panel;
    if (kernels_.together == 1) {
        if (backward) kernels_.transpose(rows, columns, from, turned(l, o, i));
        return;
    }
    if (backward) kernels_.pair_transposed(rows, columns, from, turned(l, o, i));
    kernels_.pair_rows(rows, from, rounded.data() + s.rounded.offset + (o * kernels_.places(p.in) + i * kernels_.places(panel)) * panel);
}

float* Store::turned(int l, std::int64_t o, std::int64_t i) {
    std::int64_t const rows = kernels_.places(plan_.layers[static_cast<std::size_t>(l)].linear);
    return transposed.data() + layer(l).transposed.offset + (i * rows + o * kernels_.places(panel)) * panel;
}

/// W^T of a layer that has one.
float const* Store::weight(int l) const {
    StoredLayer const& s = layer(l);
    return s.rounded.exists() ? rounded.data() + s.rounded.offset : parameters.data() + s.weight.offset;
}

float const* Store::forward_weight(int l) const {
    int const tied = plan_.layers[static_cast<std::size_t>(l)].tied_to;
    return tied < 0 ? weight(l) : transposed.data() + layer(tied).transposed.offset;
}

float const* Store::backward_weight(int l) const {
    int const tied = plan_.layers[static_cast<std::size_t>(l)].tied_to;
    return tied < 0 ? transposed.data() + layer(l).transposed.offset : weight(tied);
}

void Store::slopes(int l, std::int64_t p, float* out) const {
    PlannedLayer const& planned = plan_.layers[static_cast<std::size_t>(l)];
    if (planned.activation.kind == Activation::Kind::leaky_relu) {
        std::fill_n(out, panel, static_cast<float>(planned.activation.slope));
    } else if (planned.slope.exists()) {
        float const* const slope = parameters.data() + layer(l).slope.offset;
        if (planned.slope.size == 1)
            std::fill_n(out, panel, *slope);
        else
            std::copy_n(slope + p * panel, panel, out);
    }
}

}  // namespace ca3::autoencoder::cpu
