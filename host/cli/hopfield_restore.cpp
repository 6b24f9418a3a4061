#include "commands.hpp"
#include "experiments.hpp"

#include <memory>

namespace ca3::cli {
namespace {

struct Restored {
    SignArray states;
    std::int64_t exact = 0;
    std::int64_t other = 0;  ///< ended in a stored pattern that is not the cue's
    std::int64_t cycles = 0;
    double wrong = 0.0;  ///< pixels, mean
};

Restored restore(hopfield::Memory const& memory, SignArray const& cues, SignArray const& truth) {
    auto recall = memory.recall(cues.view());
    Restored out;
    for (std::int64_t i = 0; i < truth.rows; ++i) {
        auto const& r = recall.results[static_cast<std::size_t>(i)];
        out.cycles += r.status == hopfield::Status::two_cycle ? 1 : 0;
        out.other += !r.spurious ? 1 : 0;
    }
    out.states = states_of(std::move(recall));
    for (std::int64_t i = 0; i < truth.rows; ++i) {
        auto const wrong = errors(out.states, i, truth, i);
        out.exact += wrong == 0 ? 1 : 0;
        out.wrong += static_cast<double>(wrong) / static_cast<double>(truth.rows);
    }
    out.other -= out.exact;
    return out;
}

}  // namespace

nlohmann::json run_restore(Environment const& environment, RestoreOptions const& o) {
    auto const& options = environment.options;
    Dataset const digits = load_digits(options, o.digits.digits);
    Report report(environment, "restore", "H6", "Images restored from half of their pixels", digits.name + " " + join(o.digits.digits));
    SignImages const images = sample(digits.train, o.digits.images, options.seed, 0);

    std::vector<RuleChoice> rules{o.rule};
    if (o.both_rules) {
        rules.assign(2, o.rule);
        rules[0].rule = hopfield::Rule::hebbian;
        rules[1].rule = hopfield::Rule::pseudo_inverse;
    }
    Table table{.columns = {"lost", "rule", "restored exactly", "another stored", "two-cycles", "pixels wrong, mean"}};
    for (Loss const loss : {Loss::alternate, Loss::left, Loss::right, Loss::top, Loss::bottom}) {
        SignArray const cues = lose_half(images.signs, images.width, loss);
        ImageGrid grid{.title = std::string("Restored from half of the pixels, lost: ") + to_string(loss),
                       .row_labels = {"stored", "cue"},
                       .rows = std::vector<std::vector<Tile>>(2 + rules.size()),
                       .legend = sign_legend(true, true)};
        for (std::int64_t i = 0; i < images.count(); ++i) {
            grid.rows[0].push_back(sign_tile(images.signs, i, images.width));
            grid.rows[1].push_back(sign_tile(cues, i, images.width));
        }
        for (std::size_t k = 0; k < rules.size(); ++k) {
            hopfield::Memory memory(environment.context, rules[k].memory_options());
            memory.store(images.signs.view());
            Restored const r = restore(memory, cues, images.signs);
            table.add({to_string(loss), rules[k].describe(), r.exact, r.other, r.cycles, Cell(r.wrong, 1)});
            report.result(std::string(to_string(loss)) + ", " + rule_word(rules[k].rule), {{"exact", r.exact}, {"pixels_wrong", r.wrong}});
            grid.row_labels.push_back(rule_word(rules[k].rule));
            for (std::int64_t i = 0; i < images.count(); ++i)
                grid.rows[2 + k].push_back(compared_tile(r.states, i, images.width, images.signs, i));
        }
        if (loss == Loss::alternate) report.figure("restore-alternate", grid);
        if (loss == o.half) report.figure("restore-half", grid);
    }
    report.result("images", images.count());
    report.table("restored",
                 std::to_string(images.count()) + " images stored, synchronous update until nothing changes (published: pictures)", table);
    return report.finish();
}

void add_hopfield_restore(CLI::App& hopfield, Options const& options) {
    auto* command = hopfield.add_subcommand("restore", "H6: images restored from half of their pixels");
    auto o = std::make_shared<RestoreOptions>();
    command->add_option("--images", o->digits.images, "Images stored")->check(whole_number(1))->capture_default_str();
    add_choice(*command, "--half", o->half, {{"left", Loss::left}, {"right", Loss::right}, {"top", Loss::top}, {"bottom", Loss::bottom}},
               "The contiguous half that the second figure loses (default: bottom)");
    add_digit_options(*command, o->digits.digits);
    add_rule_options(*command, o->rule);
    command->get_option("--rule")->description("One rule (default: hebbian and pseudo-inverse side by side)");
    command->callback([&options, o, command] {
        o->both_rules = command->count("--rule") == 0;
        run_restore({options, make_context(options)}, *o);
    });
}

}  // namespace ca3::cli
