#include "commands.hpp"
#include "report.hpp"
#include "rule_options.hpp"
#include "sign_array.hpp"

#include <ca3/error.hpp>
#include <ca3/hopfield.hpp>
#include <ca3/io/npy.hpp>

#include <iostream>
#include <memory>

namespace ca3::cli {
namespace {

using hopfield::Form;
using hopfield::Memory;
using hopfield::MemoryOptions;
using hopfield::Rule;

struct Arguments {
    std::string patterns, weights, bias, memory;
    MemoryOptions rule;
    bool binary = false;
    bool add = false;
    bool rule_given = false;  ///< --rule or any of its parameters
};

Memory from_weights(Context const& context, Arguments const& a) {
    auto const array = io::read_npy(a.weights);
    if (array.shape.size() != 2 || array.shape[0] != array.shape[1])
        throw InvalidArgument(
            a.weights + ": expected a square matrix (d x d), it has " + std::to_string(array.shape.size()) + " dimensions" +
            (array.shape.size() == 2 ? ", " + std::to_string(array.shape[0]) + " x " + std::to_string(array.shape[1]) : ""));
    MemoryOptions options = a.rule;
    options.rule = Rule::weights;
    std::int64_t const d = array.shape[0];
    if (array.dtype == io::DType::i32)
        return Memory::from_weights(context, MatrixView<std::int32_t const>(array.as<std::int32_t>(), d, d), {}, options);
    auto const values = to_doubles(array, a.weights);
    return Memory::from_weights(context, MatrixView<double const>(values.data(), d, d), {}, options);
}

Memory start(Context const& context, Arguments const& a) {
    if (a.add) return Memory::load(context, a.memory);
    if (!a.weights.empty()) return from_weights(context, a);
    return Memory(context, a.rule);
}

void set_bias(Memory& memory, std::string const& path) {
    auto const array = io::read_npy(path);
    if (array.shape.size() != 1 || array.size() != memory.neurons())
        throw InvalidArgument(path + ": expected a vector of " + std::to_string(memory.neurons()) + " values, one per neuron, it holds " +
                              std::to_string(array.size()) + " in " + std::to_string(array.shape.size()) + " dimensions");
    memory.set_bias(to_doubles(array, path));
}

std::string pairs_text(std::vector<std::pair<std::int64_t, std::int64_t>> const& pairs) {
    std::string text;
    constexpr std::size_t shown = 8;
    for (std::size_t i = 0; i < std::min(pairs.size(), shown); ++i)
        text += (i == 0 ? "" : ", ") + std::to_string(pairs[i].second) + " of " + std::to_string(pairs[i].first);
    return text + (pairs.size() > shown ? " and " + std::to_string(pairs.size() - shown) + " more" : "");
}

void print_summary(Memory const& memory, hopfield::StoreReport const& report, Arguments const& a) {
    std::cout << memory.patterns() << (memory.patterns() == 1 ? " pattern" : " patterns") << " of " << memory.neurons() << " neurons, rule "
              << rule_word(memory.options().rule) << ", in " << a.memory << '\n';
    if (!report.duplicates.empty()) std::cout << "  duplicates: " << pairs_text(report.duplicates) << '\n';
    if (!report.complements.empty()) std::cout << "  complements: " << pairs_text(report.complements) << '\n';
    if (report.rank >= 0) std::cout << "  rank " << report.rank << " of " << memory.patterns() << '\n';
    auto const limit = memory.neurons() > 1 ? hopfield::capacity(memory.neurons()) : 0;
    if (memory.options().rule == Rule::hebbian && memory.patterns() > limit)
        std::cout << "  more than the " << limit
                  << " that d / (2 log2 d) allows for: recall may go wrong (--rule pseudo-inverse holds up to d)\n";
}

void run(Options const& options, Arguments const& a) {
    if (a.patterns.empty() && a.weights.empty()) throw InvalidArgument("--patterns or --weights must be given");
    if (a.add && (a.rule_given || !a.weights.empty()))
        throw InvalidArgument("--add keeps the rule of the memory: no rule, weights or parameters can be given with it");
    Memory memory = start(make_context(options), a);
    hopfield::StoreReport report{.stored = memory.patterns(), .rank = -1, .duplicates = {}, .complements = {}, .dependent = {}};
    if (!a.patterns.empty()) {
        auto const patterns = to_signs(io::read_npy(a.patterns), {.name = a.patterns, .binary = a.binary});
        report = memory.store(patterns.view());
    }
    if (!a.bias.empty()) set_bias(memory, a.bias);
    memory.save(a.memory);

    if (options.prints_text()) print_summary(memory, report, a);
    auto json = json_header("hopfield store");
    json["rule"] = rule_word(memory.options().rule);
    json["patterns"] = memory.patterns();
    json["neurons"] = memory.neurons();
    json["duplicates"] = report.duplicates;
    json["complements"] = report.complements;
    json["dependent"] = report.dependent;
    if (report.rank >= 0) json["rank"] = report.rank;
    write_json(options, json);
}

}  // namespace

void add_hopfield_store(CLI::App& hopfield, Options const& options) {
    auto* command = hopfield.add_subcommand("store", "Store the patterns of an NPY file in a memory");
    auto a = std::make_shared<Arguments>();
    command->add_option("--patterns", a->patterns, "P x d (or N x H x W) of -1 and +1")->type_name("P.npy");
    command->add_option("--memory", a->memory, "The memory to write")->type_name("M.safetensors")->required();
    command->add_flag("--binary", a->binary, "The patterns hold 0 and 1: 0 becomes -1");
    command->add_flag("--add", a->add, "Add the patterns to those that the memory holds already");
    command->add_option("--bias", a->bias, "d values added to the fields")->type_name("B.npy");
    std::vector<CLI::Option*> const rule{
        add_choice(*command, "--rule", a->rule.rule, rule_words(), "How patterns are stored (default: hebbian)"),
        add_choice(*command, "--form", a->rule.form, {{"automatic", Form::automatic}, {"factored", Form::factored}, {"dense", Form::dense}},
                   "How a Hebbian memory computes its fields; the result is the same"),
        command->add_option("--degree", a->rule.degree, "dam: degree of the energy, 2 or more (default: 3)"),
        command->add_option("--beta", a->rule.beta, "exponential: factor in the exponent (default: 1)"),
        command->add_option("--ridge", a->rule.ridge, "pseudo-inverse: ridge (default: 0)"),
        command->add_flag("--centre", a->rule.centre, "hebbian: subtract the mean of all elements"),
        command->add_flag("--keep-diagonal", a->rule.keep_diagonal, "Keep the coupling of each neuron with itself"),
    };
    auto* weights = command->add_option("--weights", a->weights, "d x d weights (Ising couplings) in place of a rule")
                        ->type_name("W.npy")
                        ->excludes(rule[0]);
    command->callback([&options, a, rule, weights] {
        for (auto const* option : rule) a->rule_given = a->rule_given || option->count() > 0;
        a->rule_given = a->rule_given || weights->count() > 0;
        run(options, *a);
    });
}

}  // namespace ca3::cli
