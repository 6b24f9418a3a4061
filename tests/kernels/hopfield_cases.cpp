#include "kernels/hopfield_cases.hpp"

#include <cmath>
#include <cstdlib>
#include <sstream>

namespace ca3::test {

namespace {

using hopfield::Kind;
using hopfield::Model;

std::vector<std::int64_t> random_integers(std::int64_t count, std::int64_t largest, Random& random) {
    std::vector<std::int64_t> values(static_cast<std::size_t>(count));
    for (auto& value : values) value = random.between(-largest, largest);
    return values;
}

template <class T>
std::vector<T> random_weights(Model const& model, std::int64_t low, std::int64_t high, Random& random) {
    std::int64_t const d = model.neurons;
    std::vector<T> weights(static_cast<std::size_t>(d * d));
    for (std::int64_t i = 0; i < d; ++i) {
        for (std::int64_t j = 0; j < d; ++j) {
            weights[i * d + j] = static_cast<T>(random.between(low, high));
            if (model.symmetric && j < i) weights[i * d + j] = weights[j * d + i];
        }
    }
    return weights;
}

void set_weights(Model& model, Random& random) {
    model.symmetric = random.chance(0.5);
    std::int64_t const largest[] = {model.patterns, 128, 32768, std::int64_t{1} << 31, std::int64_t{1} << 40};
    auto const type = random.between(0, 4);
    std::int64_t const most = random.chance(0.5) ? largest[type] - 1 : 3;
    switch (type) {
        case 0:
            model.weights = random_weights<std::uint8_t>(model, 0, std::min<std::int64_t>(model.patterns, 255), random);
            break;
        case 1:
            model.weights = random_weights<std::int8_t>(model, -most - 1, most, random);
            break;
        case 2:
            model.weights = random_weights<std::int16_t>(model, -most - 1, most, random);
            break;
        case 3:
            model.weights = random_weights<std::int32_t>(model, -most - 1, most, random);
            break;
        default:
            model.weights = random_weights<std::int64_t>(model, -most - 1, most, random);
            break;
    }
    model.field_limit = model.neurons * (type == 0 ? 2 * 255 + model.patterns : most + 1);
}

/// An increasing convex function, as energies are.
void set_table(Model& model, Random& random) {
    std::int64_t const size = 2 * model.neurons + 5;
    if (model.kind == Kind::power) {
        model.table = random_integers(size, 1000, random);
        model.field_limit = 8 * 1000 * model.patterns;
        return;
    }
    model.table.resize(static_cast<std::size_t>(random.between(1, size)));
    double value = 1e9;
    for (auto& entry : model.table) {
        entry = static_cast<std::int64_t>(value);
        value *= 0.8;
    }
    model.field_limit = std::int64_t{8'000'000'000} * model.patterns;
}

}  // namespace

std::vector<std::int64_t> const& odd_sizes() {
#ifdef CA3_SANITIZED
    static std::vector<std::int64_t> const sizes{0, 1, 31, 32, 33, 65, 127, 257};
#else
    static std::vector<std::int64_t> const sizes{0, 1, 2, 31, 32, 33, 63, 64, 65, 127, 255, 256, 257};
#endif
    return sizes;
}

Model random_model(Kind kind, std::int64_t neurons, std::int64_t patterns, Random& random) {
    Model model;
    model.kind = kind;
    model.neurons = neurons;
    model.patterns = patterns;
    model.pattern = random_patterns(patterns, neurons, random.bits());
    model.field_limit = neurons * patterns;
    switch (kind) {
        case Kind::hebbian:
            break;
        case Kind::centred:
            model.q = random.between(1, 50);
            model.p = random.between(-model.q, model.q);
            model.field_limit = 4 * model.q * model.q * neurons * patterns;
            break;
        case Kind::projection:
            model.kernel = random_integers(patterns * patterns, 1 << 20, random);
            for (std::int64_t mu = 0; mu < patterns; ++mu) {
                for (std::int64_t nu = 0; nu < mu; ++nu) model.kernel[mu * patterns + nu] = model.kernel[nu * patterns + mu];
            }
            model.field_limit = (1 << 20) * patterns * patterns * neurons;
            break;
        case Kind::power:
        case Kind::exponential:
            set_table(model, random);
            break;
        case Kind::dense:
            set_weights(model, random);
            break;
    }
    std::int64_t const scale =
        kind == Kind::hebbian ? std::max<std::int64_t>(patterns, 1) : std::max<std::int64_t>(model.field_limit / 50, 1);
    if (random.chance(0.5)) {
        model.diagonal = kind == Kind::hebbian ? std::vector<std::int64_t>(neurons, patterns) : random_integers(neurons, scale, random);
    }
    if (random.chance(0.5)) model.tau = random_integers(neurons, 2 * scale, random);
    model.unit = random.chance(0.5) ? 1.0 : 1.0 / 3.0;
    if (random.chance(0.5)) {
        model.bias.resize(static_cast<std::size_t>(neurons));
        for (auto& value : model.bias) value = random.normal();
    }
    return model;
}

OwnedJob::OwnedJob(std::int64_t batch, std::int64_t neurons)
    : states(static_cast<std::size_t>(batch * neurons)),
      status(static_cast<std::size_t>(batch), static_cast<hopfield::Status>(0x55)),
      sweeps(static_cast<std::size_t>(batch), -77),
      flips(static_cast<std::size_t>(batch), -77) {
    job.batch = batch;
    point();
}

OwnedJob::OwnedJob(OwnedJob const& other)
    : states(other.states),
      clamp(other.clamp),
      status(other.status),
      sweeps(other.sweeps),
      flips(other.flips),
      glauber(other.glauber),
      job(other.job) {
    point();
}

void OwnedJob::point() {
    job.states = states.data();
    job.status = status.data();
    job.sweeps = sweeps.data();
    job.flips = flips.data();
    if (job.clamp.rows > 0) job.clamp.data = clamp.data();
    if (job.glauber != nullptr) job.glauber = &glauber;
}

OwnedJob random_job(Model const& model, std::int64_t batch, hopfield::Update update, Random& random) {
    OwnedJob owned(batch, model.neurons);
    hopfield::Job& job = owned.job;
    owned.states = random_states(batch, model.neurons, random.chance(0.5) ? 0.0 : 0.2, random.bits());
    job.update = update;
    job.tie = static_cast<hopfield::Tie>(random.between(0, 3));
    job.max_sweeps = random.between(0, 9);
    job.first_sweep = random.between(0, 3);
    job.seed = random.bits();
    job.first_state = static_cast<std::uint32_t>(random.between(0, 1000));
    if (random.chance(0.3)) {
        std::int64_t const rows = random.chance(0.5) ? 1 : batch, stride = model.neurons + random.between(0, 2);
        owned.clamp.resize(static_cast<std::size_t>(rows * stride));
        for (auto& value : owned.clamp) value = random.chance(0.3) ? 7 : 0;
        job.clamp = {owned.clamp.data(), rows, model.neurons, stride};
    }
    if (random.chance(0.2)) {
        std::int64_t const size = random.between(1, 40);
        owned.glauber.inverse_step = static_cast<double>(size) / (1.0 + 0.2 * static_cast<double>(model.field_limit) * model.unit);
        for (std::int64_t k = 0; k < size; ++k) {
            owned.glauber.threshold.push_back(static_cast<std::uint32_t>(4294967295.0 / (1.0 + std::exp(-0.2 * static_cast<double>(k)))));
        }
        job.glauber = &owned.glauber;
    }
    return OwnedJob(owned);
}

std::string describe(Model const& model, hopfield::Job const& job) {
    std::ostringstream out;
    out << "kind " << int(model.kind) << ", d " << model.neurons << ", P " << model.patterns << ", B " << job.batch << ", weights "
        << model.weights.index() << (model.symmetric ? "" : " asymmetric") << ", update " << to_string(job.update) << ", tie "
        << to_string(job.tie) << ", clamp rows " << job.clamp.rows << ", max_sweeps " << job.max_sweeps
        << (job.glauber != nullptr ? ", Glauber" : "") << (model.diagonal.empty() ? "" : ", diagonal")
        << (model.tau.empty() ? "" : ", tau");
    return out.str();
}

}  // namespace ca3::test
