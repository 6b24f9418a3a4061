#include "commands.hpp"
#include "experiments.hpp"

#include <memory>

namespace ca3::cli {

nlohmann::json run_one_step(Environment const& environment, OneStepOptions const& o) {
    auto const& options = environment.options;
    Dataset const digits = load_digits(options, o.digits.digits);
    std::string const name = name_with_rule("one-step", o.rule);
    Report report(environment, name, o.rule.rule == hopfield::Rule::pseudo_inverse ? "H2/H5" : "H2",
                  "Stored images after one synchronous step, sign(W x)", digits.name + " " + join(o.digits.digits));
    SignImages const images = sample(digits.train, o.digits.images, options.seed, 0);
    hopfield::Memory memory(environment.context, o.rule.memory_options());
    memory.store(images.signs.view());
    SignArray const after = synchronous_steps(memory, images.signs, 1);

    Table table{.columns = {"image", "digit", "pixels wrong"}};
    ImageGrid grid{.title = "One step from " + std::to_string(images.count()) + " stored images: " + o.rule.describe(),
                   .row_labels = {"stored", "sign(W x)"},
                   .rows = {{}, {}},
                   .legend = sign_legend(false, true)};
    std::int64_t exact = 0;
    for (std::int64_t i = 0; i < images.count(); ++i) {
        auto const wrong = errors(after, i, images.signs, i);
        exact += wrong == 0 ? 1 : 0;
        table.add({i, images.labels[static_cast<std::size_t>(i)], wrong});
        grid.rows[0].push_back(sign_tile(images.signs, i, images.width));
        grid.rows[1].push_back(compared_tile(after, i, images.width, images.signs, i));
    }
    report.line("rule: " + o.rule.describe());
    report.table("images", "Wrong pixels of " + std::to_string(images.neurons()) + " (published: pictures)", table);
    report.line(std::to_string(exact) + " of " + std::to_string(images.count()) + " are fixed points; MSE " +
                fixed(mse(after, images.signs), 4));
    report.result("rule", o.rule.describe());
    report.result("fixed_points", exact);
    report.result("mse", mse(after, images.signs));
    report.figure(name, grid);
    return report.finish();
}

void add_hopfield_one_step(CLI::App& hopfield, Options const& options) {
    auto* command = hopfield.add_subcommand("one-step", "H2, H5: stored images and what one step makes of them, side by side");
    auto o = std::make_shared<OneStepOptions>();
    command->add_option("--images", o->digits.images, "Images stored")->check(whole_number(1))->capture_default_str();
    add_digit_options(*command, o->digits.digits);
    add_rule_options(*command, o->rule);
    command->callback([&options, o] { run_one_step({options, make_context(options)}, *o); });
}

}  // namespace ca3::cli
