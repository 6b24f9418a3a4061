#include "lif/coefficients.hpp"
#include "lif/network_state.hpp"

#include <ca3/error.hpp>
#include <ca3/io/npy.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <map>

/// Network::save and Network::load: NPZ with the state of every neuron and the spikes that have yet to arrive.
namespace ca3::lif {

namespace {

constexpr std::int64_t format_version = 1;

/// FNV-1a over what a network is described by, so that a checkpoint of another one is refused.
class Fingerprint {
public:
    void add(std::uint64_t x) {
        for (int i = 0; i < 8; ++i) {
            hash_ ^= x >> (8 * i) & 0xFF;
            hash_ *= 0x100000001B3ull;
        }
    }
    void add(std::int64_t x) { add(static_cast<std::uint64_t>(x)); }
    void add(double x) { add(std::bit_cast<std::uint64_t>(x)); }
    void add(std::vector<double> const& list) {
        add(list.size());
        for (double const x : list) add(x);
    }
    template <class T>
    requires std::is_integral_v<T>
    void add(std::vector<T> const& list) {
        add(list.size());
        for (T const x : list) add(static_cast<std::uint64_t>(x));
    }
    void add(Coefficients<double> const& c) {
        double values[sizeof c / sizeof(double)];
        static_assert(sizeof c == sizeof values);
        std::memcpy(values, &c, sizeof c);
        for (double const x : values) add(x);
    }
    [[nodiscard]] std::uint64_t value() const { return hash_; }

private:
    std::uint64_t hash_ = 0xCBF29CE484222325ull;
};

void add_rule(Fingerprint& f, Rule const& rule) {
    f.add(rule.index());
    if (auto const* total = std::get_if<FixedTotalNumber>(&rule)) {
        f.add(total->count);
        f.add(std::uint64_t{total->autapses} | std::uint64_t{total->multapses} << 1);
    } else if (auto const* in = std::get_if<FixedInDegree>(&rule)) {
        f.add(in->count);
        f.add(std::uint64_t{in->autapses} | std::uint64_t{in->multapses} << 1);
    } else if (auto const* out = std::get_if<FixedOutDegree>(&rule)) {
        f.add(out->count);
        f.add(std::uint64_t{out->autapses} | std::uint64_t{out->multapses} << 1);
    } else if (auto const* bernoulli = std::get_if<Bernoulli>(&rule)) {
        f.add(bernoulli->p);
        f.add(std::uint64_t{bernoulli->autapses});
    } else if (auto const* all = std::get_if<AllToAll>(&rule)) {
        f.add(std::uint64_t{all->autapses});
    } else if (auto const* pairs = std::get_if<Pairs>(&rule)) {
        f.add(pairs->source);
        f.add(pairs->target);
    } else if (auto const* rows = std::get_if<Rows>(&rule)) {
        f.add(rows->offset);
        f.add(rows->target);
    }
}

std::uint64_t fingerprint(Plan const& plan) {
    Fingerprint f;
    f.add(plan.options.step_ms);
    f.add(plan.options.seed);
    f.add(static_cast<std::int64_t>(plan.options.precision));
    f.add(static_cast<std::int64_t>(plan.weight_bits));
    for (auto const& p : plan.populations) {
        f.add(p.count);
        f.add(static_cast<std::int64_t>(p.kind));
        f.add(p.unit);
        f.add(p.spike_offset);
        f.add(p.spike_steps);
        f.add(p.spike_threshold);
        f.add(p.start);
        f.add(p.stop);
        if (p.kind == Kind::hodgkin_huxley) {
            f.add(make_coefficients<double>(p.hodgkin_huxley, plan.options.step_ms, p.unit));
        } else if (!is_source(p.kind)) {
            for (std::int64_t i = 0; i < (p.shared ? 1 : p.count); ++i) {
                f.add(make_coefficients<double>(p.lif, i, plan.options.step_ms, p.unit));
                f.add(p.lif.E_L_mV[i]);
            }
        }
    }
    for (auto const& p : plan.projections) {
        f.add(std::int64_t{p.source});
        f.add(std::int64_t{p.target});
        add_rule(f, p.rule);
        for (std::uint32_t const u : {0u, 0x40000000u, 0x80000000u, 0xFFFFFFFFu}) {
            f.add(p.weight(u));
            f.add(std::int64_t{p.delay(u)});
        }
        f.add(p.given_weights);
        f.add(p.given_delays);
    }
    return f.value();
}

template <class T>
io::Array array_of(std::vector<T> const& values, io::DType dtype) {
    io::Array array{
        .dtype = dtype, .shape = {static_cast<std::int64_t>(values.size())}, .data = std::vector<std::byte>(values.size() * sizeof(T))};
    if (!values.empty()) std::memcpy(array.data.data(), values.data(), array.data.size());
    return array;
}

std::string member(std::size_t population, std::string const& what) {
    return "population_" + std::to_string(population) + "_" + what;
}

class Reader {
public:
    explicit Reader(std::string const& path) : path_(path), arrays_(io::read_npz(path)) {}

    [[noreturn]] void fail(std::string const& what) const { throw FormatError(path_, 0, what); }

    template <class T>
    [[nodiscard]] std::vector<T> list(std::string const& name, io::DType dtype, std::int64_t size = -1) const {
        auto const found = arrays_.find(name);
        if (found == arrays_.end()) fail("'" + name + "' is missing: not a checkpoint of a network");
        auto const& array = found->second;
        if (array.dtype != dtype || array.shape.size() != 1 || (size >= 0 && array.shape[0] != size)) {
            fail("'" + name + "' must be a vector of " + io::to_string(dtype) + (size >= 0 ? " of length " + std::to_string(size) : ""));
        }
        return {array.as<T>(), array.as<T>() + array.shape[0]};
    }

private:
    std::string path_;
    std::map<std::string, io::Array> arrays_;
};

/// Steps and neurons of the history, as blocks of one step each.
std::vector<SpikeBlock> to_blocks(Reader const& file, std::vector<std::int64_t> const& steps, std::vector<std::uint32_t> const& ids,
                                  std::int64_t now, std::int64_t neurons) {
    std::vector<SpikeBlock> blocks;
    for (std::size_t k = 0; k < steps.size(); ++k) {
        bool const rises = k == 0 || steps[k] > steps[k - 1] || (steps[k] == steps[k - 1] && ids[k] > ids[k - 1]);
        if (steps[k] < 0 || steps[k] >= now || static_cast<std::int64_t>(ids[k]) >= neurons || !rises) {
            file.fail("spike " + std::to_string(k) + " of the history is out of order or out of range");
        }
        if (blocks.empty() || blocks.back().first_step != steps[k]) blocks.push_back({.first_step = steps[k], .offset = {0, 0}, .ids = {}});
        blocks.back().ids.push_back(ids[k]);
        ++blocks.back().offset.back();
    }
    return blocks;
}

}  // namespace

void Network::save(std::string const& path) const {
    std::map<std::string, io::Array> out;
    Plan const* plan = &state_->plan;
    Plan with_grid;
    if (state_->engine == nullptr) {
        with_grid = state_->plan;
        choose_grid(with_grid);
        plan = &with_grid;
    }
    out["version"] = array_of(std::vector{format_version}, io::DType::i64);
    out["fingerprint"] = array_of(std::vector{fingerprint(*plan)}, io::DType::u64);
    out["step"] = array_of(std::vector{state_->step}, io::DType::i64);
    out["counted_from"] = array_of(std::vector{state_->counted_from}, io::DType::i64);
    out["spike_counts"] = array_of(state_->counts, io::DType::i64);
    for (std::size_t p = 0; p < plan->populations.size(); ++p) {
        auto const number = static_cast<std::int32_t>(p);
        auto const neurons = state_->engine == nullptr ? initial_state(*plan, number) : state_->engine->read(number);
        out[member(p, "v")] = array_of(neurons.v, io::DType::f64);
        out[member(p, "refractory_steps")] = array_of(neurons.rest, io::DType::i32);
        for (int k = 0; k < variables_of(plan->populations[p].kind); ++k)
            out[member(p, "s" + std::to_string(k))] = array_of(neurons.s[k], io::DType::f64);
    }
    std::vector<std::int64_t> steps;
    std::vector<std::uint32_t> ids;
    for (auto const& block : state_->history) {
        for (std::size_t k = 0; k + 1 < block.offset.size(); ++k) {
            if (block.first_step + static_cast<std::int64_t>(k) + plan->longest_delay < state_->step) continue;
            for (std::int64_t i = block.offset[k]; i < block.offset[k + 1]; ++i) {
                steps.push_back(block.first_step + static_cast<std::int64_t>(k));
                ids.push_back(block.ids[static_cast<std::size_t>(i)]);
            }
        }
    }
    out["history_steps"] = array_of(steps, io::DType::i64);
    out["history_neurons"] = array_of(ids, io::DType::u32);
    io::write_npz(path, out);
}

void Network::load(std::string const& path) {
    Reader const file(path);
    std::int64_t const version = file.list<std::int64_t>("version", io::DType::i64, 1)[0];
    if (version != format_version) file.fail("version " + std::to_string(version) + " is not known");
    // All is checked before anything is built or changed.
    Plan with_grid;
    if (state_->engine == nullptr) {
        with_grid = state_->plan;
        choose_grid(with_grid);
    }
    Plan const& plan = state_->engine == nullptr ? with_grid : state_->plan;
    if (file.list<std::uint64_t>("fingerprint", io::DType::u64, 1)[0] != fingerprint(plan))
        throw InvalidArgument("Network::load: " + path + " is a checkpoint of another network");
    std::int64_t const step = file.list<std::int64_t>("step", io::DType::i64, 1)[0];
    std::int64_t const counted_from = file.list<std::int64_t>("counted_from", io::DType::i64, 1)[0];
    if (step < 0 || step > 0xFFFFFFFF || counted_from < 0 || counted_from > step) file.fail("'step' or 'counted_from' is out of range");
    auto counts = file.list<std::int64_t>("spike_counts", io::DType::i64, plan.neurons());
    if (std::any_of(counts.begin(), counts.end(), [](std::int64_t n) { return n < 0; })) file.fail("'spike_counts' is negative");
    double const largest = largest_of(plan.options.precision);
    std::vector<Snapshot::Neurons> neurons(plan.populations.size());
    for (std::size_t p = 0; p < neurons.size(); ++p) {
        Kind const kind = plan.populations[p].kind;
        std::int64_t const n = is_source(kind) ? 0 : plan.populations[p].count;
        auto const finite = [&](std::string const& name) {
            auto list = file.list<double>(name, io::DType::f64, n);
            if (!std::all_of(list.begin(), list.end(), [&](double x) { return std::abs(x) <= largest; }))
                file.fail("'" + name + "' is not finite");
            return list;
        };
        neurons[p].v = finite(member(p, "v"));
        for (int k = 0; k < variables_of(kind); ++k) neurons[p].s[k] = finite(member(p, "s" + std::to_string(k)));
        neurons[p].rest = file.list<std::int32_t>(member(p, "refractory_steps"), io::DType::i32, n);
        for (std::int32_t const rest : neurons[p].rest)
            if (rest < 0 || rest > 65535) file.fail("'" + member(p, "refractory_steps") + "' is out of range");
    }
    auto const steps = file.list<std::int64_t>("history_steps", io::DType::i64);
    auto const ids = file.list<std::uint32_t>("history_neurons", io::DType::u32, static_cast<std::int64_t>(steps.size()));
    auto const history = to_blocks(file, steps, ids, step, plan.neurons());

    build();
    for (std::size_t p = 0; p < neurons.size(); ++p) state_->engine->write(static_cast<std::int32_t>(p), neurons[p]);
    state_->engine->restore_deliveries(step, history);
    state_->history.assign(history.begin(), history.end());
    state_->counts = std::move(counts);
    state_->counted_from = counted_from;
    state_->step = step;
}

}  // namespace ca3::lif
