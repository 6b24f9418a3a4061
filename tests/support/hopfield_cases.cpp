#include "support/hopfield_cases.hpp"

#include "support/compare.hpp"
#include "support/random_patterns.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <sstream>

namespace ca3::test {
namespace {

using hopfield::Rule;

std::uint64_t case_seed() {
    char const* const text = std::getenv("CA3_SEED");
    return text == nullptr ? 20261121u : std::strtoull(text, nullptr, 10);
}

/// Mostly small, often at an edge of a word or tile, sometimes anything up to `high`.
std::int64_t odd_size(Random& random, std::int64_t low, std::int64_t high) {
    static std::vector<std::int64_t> const edges{1,  2,  3,   7,   8,   15,  16,  17,  31,  32,  33, 63,
                                                 64, 65, 127, 128, 129, 191, 192, 193, 255, 256, 257};
    std::int64_t size = 0;
    if (random.chance(0.35)) {
        size = random.pick(edges);
    } else {
        size = random.chance(0.6) ? random.between(low, std::min<std::int64_t>(high, 48)) : random.between(low, high);
    }
    return std::clamp(size, low, high);
}

void choose_sizes(HopfieldCase& c, Random& random, std::int64_t work) {
    c.neurons = odd_size(random, 1, 300);
    c.patterns = odd_size(random, 0, 80);
    if (random.chance(0.01)) c.patterns = random.between(253, 258);  // where 8-bit agreement counts end
    c.batch = odd_size(random, 0, 70);
    static std::vector<std::int64_t> const limits{0, 1, 1, 2, 3, 5, 10, 20, 100};
    c.recall.max_sweeps = random.pick(limits);
    std::int64_t const sweeps = std::min<std::int64_t>(c.recall.max_sweeps, 8) + 1;
    auto const cost = [&] { return c.neurons * (c.neurons + c.patterns) * (c.batch * sweeps) + c.neurons * c.neurons * c.patterns; };
    while (cost() > work && c.batch > 1) c.batch = std::max<std::int64_t>(1, c.batch / 2);
    while (cost() > work && c.patterns > 3) c.patterns /= 2;
    while (cost() > work && c.neurons > 3) c.neurons = c.neurons * 3 / 4;
}

void choose_rule(HopfieldCase& c, Random& random) {
    auto& o = c.options;
    static std::vector<Rule> const rules{Rule::hebbian,        Rule::hebbian, Rule::hebbian,           Rule::pseudo_inverse,
                                         Rule::pseudo_inverse, Rule::storkey, Rule::dense_associative, Rule::exponential,
                                         Rule::weights,        Rule::weights};
    o.rule = random.pick(rules);
    o.keep_diagonal = o.rule != Rule::dense_associative && o.rule != Rule::exponential && random.chance(0.4);
    switch (o.rule) {
        case Rule::hebbian:
            o.centre = random.chance(0.2);
            if (!o.centre) o.form = static_cast<hopfield::Form>(random.between(0, 2));
            break;
        case Rule::pseudo_inverse:
            o.ridge = random.chance(0.5) ? 0.0 : std::exp(random.normal());
            break;
        case Rule::dense_associative: {
            static std::vector<int> const degrees{2, 3, 3, 4, 5, 6, 9, 20};
            o.degree = random.pick(degrees);
            break;
        }
        case Rule::exponential: {
            static std::vector<double> const betas{0.001, 0.1, 0.5, 1.0, 3.0};
            o.beta = random.pick(betas);
            break;
        }
        case Rule::storkey:
        case Rule::weights:
            break;
    }
}

/// Independent, or noisy copies of one prototype (large overlaps), with a repetition now and then.
void choose_patterns(HopfieldCase& c, Random& random) {
    c.pattern = random_patterns(c.patterns, c.neurons, random.bits());
    if (c.patterns == 0) return;
    if (random.chance(0.3)) {
        double const noise = 0.2 * random.uniform();
        for (std::size_t k = static_cast<std::size_t>(c.neurons); k < c.pattern.size(); ++k) {
            std::int8_t const prototype = c.pattern[k % static_cast<std::size_t>(c.neurons)];
            c.pattern[k] = random.chance(noise) ? static_cast<std::int8_t>(-prototype) : prototype;
        }
    }
    if (random.chance(0.1)) std::fill_n(c.pattern.begin(), c.neurons, std::int8_t{1});
    if (random.chance(0.1)) std::copy_n(c.pattern.begin(), c.neurons, c.pattern.end() - c.neurons);
}

void choose_weights(HopfieldCase& c, Random& random) {
    auto const d = static_cast<std::size_t>(c.neurons);
    static std::vector<std::int64_t> const ranges{1, 100, 127, 128, 300, 32767, 32768, 1000000, 2147483647};
    std::int64_t const range = random.pick(ranges);
    bool const is_real = random.chance(0.4), symmetric = random.chance(0.7);
    double const spread = random.chance(0.5) ? 0.0 : 20.0;
    for (std::size_t k = 0; k < d * d; ++k) {
        if (is_real) {
            c.real.push_back(random.normal() * std::exp2(spread * (random.uniform() - 0.5)));
        } else {
            c.integer.push_back(static_cast<std::int32_t>(random.between(-range, range)));
        }
    }
    for (std::size_t i = 0; i < d && symmetric; ++i)
        for (std::size_t j = 0; j < i; ++j) {
            if (is_real)
                c.real[i * d + j] = c.real[j * d + i];
            else
                c.integer[i * d + j] = c.integer[j * d + i];
        }
}

void choose_cues(HopfieldCase& c, Random& random) {
    static std::vector<double> const shares{0.0, 0.0, 0.1, 0.5, 1.0};
    double const zeros = random.pick(shares);
    for (std::int64_t b = 0; b < c.batch; ++b) {
        auto cue = random_states(1, c.neurons, zeros, random.bits());
        if (c.patterns > 0 && random.chance(0.6)) {
            double const noise = random.chance(0.3) ? 0.0 : 0.3 * random.uniform();
            std::int64_t const mu = random.between(0, c.patterns - 1);
            for (std::size_t i = 0; i < cue.size(); ++i)
                if (!random.chance(noise)) cue[i] = c.pattern[static_cast<std::size_t>(mu * c.neurons) + i];
        }
        c.cues.insert(c.cues.end(), cue.begin(), cue.end());
    }
}

void choose_bias(HopfieldCase& c, Random& random) {
    if (c.options.rule == Rule::exponential || !random.chance(0.35)) return;
    int const kind = static_cast<int>(random.between(0, 3));
    for (std::int64_t i = 0; i < c.neurons; ++i) {
        double const whole = static_cast<double>(random.between(-5, 5));
        c.bias.push_back(kind == 0 ? whole : kind == 1 ? 0.5 * whole : kind == 2 ? random.normal() : 1e15 * random.normal());
    }
}

void choose_recall(HopfieldCase& c, Random& random) {
    c.recall.update = static_cast<hopfield::Update>(random.between(0, 3));
    c.recall.tie = static_cast<hopfield::Tie>(random.between(0, 3));
    c.recall.seed = random.bits();
    c.recall.first_state = random.chance(0.5) ? 0 : static_cast<std::uint32_t>(random.between(0, 4000000000));
    c.recall.trace = random.chance(0.05);
    static std::vector<double> const temperatures{1e-6, 0.3, 1.0, 4.0, 40.0, 1e4};
    if (c.options.rule != Rule::exponential && random.chance(0.12)) {
        c.recall.temperature = random.pick(temperatures);
        c.recall.max_sweeps = std::min<std::int64_t>(c.recall.max_sweeps, 8);
    }
    c.clamp_rows = random.chance(0.6) ? 0 : random.chance(0.5) ? 1 : c.batch;
    double const share = random.chance(0.1) ? 1.0 : 0.5 * random.uniform();
    for (std::int64_t k = 0; k < c.clamp_rows * c.neurons; ++k)
        c.clamp.push_back(random.chance(share) ? static_cast<std::uint8_t>(random.between(1, 255)) : std::uint8_t{0});
}

}  // namespace

HopfieldCase hopfield_case(std::int64_t number, std::int64_t work) {
    Random seeds(case_seed());
    Random random(seeds.bits() + static_cast<std::uint64_t>(number) * 0xD1342543DE82EF95u);
    HopfieldCase c{.number = number};
    choose_sizes(c, random, work);
    choose_rule(c, random);
    choose_patterns(c, random);
    if (c.options.rule == Rule::weights) choose_weights(c, random);
    choose_cues(c, random);
    choose_bias(c, random);
    choose_recall(c, random);
    return c;
}

std::string describe(HopfieldCase const& c) {
    std::ostringstream text;
    auto const& o = c.options;
    text << "case " << c.number << " (CA3_SEED=" << case_seed() << " CA3_CASE=" << c.number << "): " << to_string(o.rule);
    if (o.rule == Rule::hebbian) text << ' ' << to_string(o.form) << (o.centre ? " centred" : "");
    if (o.rule == Rule::pseudo_inverse) text << " ridge " << o.ridge;
    if (o.rule == Rule::dense_associative) text << " degree " << o.degree;
    if (o.rule == Rule::exponential) text << " beta " << o.beta;
    if (o.rule == Rule::weights) text << (c.real.empty() ? " integer" : " real");
    text << (o.keep_diagonal ? " with diagonal" : "") << ", d " << c.neurons << ", P " << c.patterns << ", B " << c.batch << ", "
         << to_string(c.recall.update) << ", tie " << to_string(c.recall.tie) << ", max_sweeps " << c.recall.max_sweeps << ", T "
         << c.recall.temperature << ", bias " << (c.bias.empty() ? "no" : "yes") << ", clamp rows " << c.clamp_rows << ", zeros "
         << std::count(c.cues.begin(), c.cues.end(), 0) << (c.recall.trace ? ", trace" : "");
    return text.str();
}

hopfield::Memory make_memory(Context const& context, HopfieldCase const& c) {
    auto const patterns = view(c.pattern, c.patterns, c.neurons);
    auto memory = c.options.rule != Rule::weights ? hopfield::Memory(context, c.options)
                  : c.real.empty() ? hopfield::Memory::from_weights(context, view(c.integer, c.neurons, c.neurons), c.bias, c.options)
                                   : hopfield::Memory::from_weights(context, view(c.real, c.neurons, c.neurons), c.bias, c.options);
    memory.store(patterns);
    if (!c.bias.empty() && c.options.rule != Rule::weights) memory.set_bias(c.bias);
    return memory;
}

hopfield::Recall recall(hopfield::Memory const& memory, HopfieldCase const& c) {
    auto options = c.recall;
    options.clamp = view(c.clamp, c.clamp_rows, c.neurons);
    return memory.recall(view(c.cues, c.batch, c.neurons), options);
}

testing::AssertionResult same_answers(hopfield::Memory const& expected, hopfield::Recall const& expected_recall,
                                      hopfield::Memory const& memory, HopfieldCase const& c) {
    auto const cues = view(c.cues, c.batch, c.neurons);
    if (auto const same = same_recall(expected_recall, recall(memory, c)); !same)
        return testing::AssertionFailure() << "recall: " << same.message();
    if (auto const same = same_values(expected.overlaps(cues), memory.overlaps(cues)); !same)
        return testing::AssertionFailure() << "overlaps of the cues: " << same.message();
    if (!expected.symmetric()) return testing::AssertionSuccess();
    auto const e = expected.energy(cues), a = memory.energy(cues);
    for (std::size_t b = 0; b < e.size(); ++b)
        if (!same_bits(e[b], a[b]))
            return testing::AssertionFailure() << "energy of cue " << b << ": expected " << e[b] << ", got " << a[b];
    return testing::AssertionSuccess();
}

void for_each_hopfield_case(std::int64_t first, std::int64_t count, std::int64_t work,
                            std::function<void(HopfieldCase const&)> const& check) {
    char const* const only = std::getenv("CA3_CASE");
    std::int64_t const chosen = only == nullptr ? -1 : std::strtoll(only, nullptr, 10);
    for (std::int64_t number = first; number < first + count; ++number)
        if (only == nullptr || number == chosen) check(hopfield_case(number, work));
}

}  // namespace ca3::test
