#include "lif_experiments.hpp"

#include "whole_file.hpp"

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <optional>

namespace ca3::cli {
namespace {

std::string formatted(char const* format, double x) {
    char text[40];
    std::snprintf(text, sizeof text, format, x);
    return text;
}

std::optional<double> finite(std::string const& text) {
    double x = 0.0;
    return CLI::detail::lexical_cast(text, x) && std::isfinite(x) ? std::optional(x) : std::nullopt;
}

/// Steps in (from, to].
struct Window {
    std::int64_t from;
    std::int64_t to;

    Window(double step_ms, double from_ms, double to_ms) : from(std::llround(from_ms / step_ms)), to(std::llround(to_ms / step_ms)) {}
    [[nodiscard]] bool holds(std::int64_t step) const { return step > from && step <= to; }
};

std::string key_for(std::size_t populations) {
    return populations <= 16 ? "outside right top" : "off";
}

}  // namespace

nlohmann::json finish_lif(Report& report, Options const& options, std::string const& name, std::string const& command,
                          nlohmann::json const& members) {
    auto json = report.finish();
    json["command"] = "lif " + command;
    json.update(members);
    write_whole(std::filesystem::path(options.out) / (name + ".json"), dump(json));
    return json;
}

Cell scientific(double x) {
    Cell cell(x, 0);
    cell.text = formatted("%.1e", x);
    return cell;
}

std::string plain(double x) {
    return formatted("%g", x);
}

CLI::Validator positive_number() {
    return {[](std::string const& text) {
                auto const x = finite(text);
                return x && *x > 0.0 ? std::string() : "'" + text + "' is not a number above 0";
            },
            "NUMBER > 0"};
}

CLI::Validator number_from_zero() {
    return {[](std::string const& text) {
                auto const x = finite(text);
                return x && *x >= 0.0 ? std::string() : "'" + text + "' is not a number from 0 on";
            },
            "NUMBER >= 0"};
}

CLI::Validator share() {
    return {[](std::string const& text) {
                auto const x = finite(text);
                return x && *x >= 0.0 && *x <= 1.0 ? std::string() : "'" + text + "' is not a number from 0 to 1";
            },
            "NUMBER in [0, 1]"};
}

double regular_rate_hz(std::vector<std::int64_t> const& steps, double step_ms) {
    if (steps.size() < 2) return 0.0;
    return 1e3 * static_cast<double>(steps.size() - 1) / (step_ms * static_cast<double>(steps.back() - steps.front()));
}

std::vector<std::vector<std::int64_t>> by_neuron(lif::SpikeTrain const& train, std::int64_t neurons) {
    std::vector<std::vector<std::int64_t>> out(static_cast<std::size_t>(neurons));
    for (std::size_t k = 0; k < train.steps.size(); ++k) out[static_cast<std::size_t>(train.neurons[k])].push_back(train.steps[k]);
    return out;
}

std::vector<double> column(lif::Traces const& traces, std::size_t neuron) {
    std::size_t const samples = traces.times_ms.size(), width = samples == 0 ? 0 : traces.values.size() / samples;
    std::vector<double> out;
    for (std::size_t k = 0; k < samples; ++k) out.push_back(traces.values[k * width + neuron]);
    return out;
}

double time_to_threshold_ms(double v_in, double tau_m_ms) {
    return v_in > 1.0 ? -tau_m_ms * std::log(1.0 - 1.0 / v_in) : std::numeric_limits<double>::infinity();
}

double shown_ms(std::vector<PopulationSpikes> const& populations, double ms) {
    constexpr double most_spikes = 12.0, shortest = 50.0;
    double spikes = 0.0, neurons = 0.0;
    for (auto const& p : populations) spikes += static_cast<double>(p.train.steps.size()), neurons += static_cast<double>(p.neurons);
    for (double const length : {500.0, 200.0, 100.0})
        if (spikes * length <= most_spikes * neurons * ms) return length;
    return shortest;
}

Panel raster_panel(std::vector<PopulationSpikes> const& populations, double step_ms, double from_ms, double to_ms) {
    constexpr std::int64_t most_ticks = 20000;
    Window const window(step_ms, from_ms, to_ms);
    std::int64_t spikes = 0, neurons = 0;
    for (auto const& p : populations) {
        for (auto const step : p.train.steps) spikes += window.holds(step) ? 1 : 0;
        neurons += p.neurons;
    }
    std::int64_t const every = std::max<std::int64_t>(1, (spikes + most_ticks - 1) / most_ticks);
    double const height = std::max(0.8, 0.006 * static_cast<double>(neurons));
    Panel panel{.title = every == 1 ? "Spikes" : "Spikes of one neuron in " + std::to_string(every),
                .x_label = "time (ms)",
                .y_label = "neuron",
                .x_range = {{from_ms, to_ms}},
                .y_range = {{static_cast<double>(neurons), 0.0}},
                .key = key_for(populations.size())};
    std::int64_t first = 0;
    for (auto const& p : populations) {
        Series series{.name = p.name, .style = Series::Style::line};
        for (std::size_t k = 0; k < p.train.steps.size(); ++k) {
            if (!window.holds(p.train.steps[k]) || p.train.neurons[k] % every != 0) continue;
            double const t = static_cast<double>(p.train.steps[k]) * step_ms, y = static_cast<double>(first + p.train.neurons[k]) + 0.5;
            series.x.insert(series.x.end(), {t, t, t});
            series.y.insert(series.y.end(), {y - height / 2, y + height / 2, std::nan("")});  // a gap after each tick
        }
        first += p.neurons;
        panel.series.push_back(std::move(series));
    }
    return panel;
}

Panel rate_panel(std::vector<PopulationSpikes> const& populations, double step_ms, double from_ms, double to_ms) {
    constexpr std::int64_t most_bins = 100;
    Window const window(step_ms, from_ms, to_ms);
    std::int64_t const width = std::max<std::int64_t>(1, (window.to - window.from) / most_bins);
    std::int64_t const bins = (window.to - window.from) / width;
    Panel panel{.title = "Rates in bins of " + plain(static_cast<double>(width) * step_ms) + " ms",
                .x_label = "time (ms)",
                .y_label = "spikes per second and neuron",
                .x_range = {{from_ms, to_ms}},
                .y_range = {{0.0, std::nan("")}},
                .key = key_for(populations.size())};
    for (auto const& p : populations) {
        std::vector<double> count(static_cast<std::size_t>(std::max<std::int64_t>(0, bins)), 0.0);
        for (auto const step : p.train.steps) {
            auto const bin = static_cast<std::size_t>((step - window.from - 1) / width);
            if (window.holds(step) && bin < count.size()) count[bin] += 1.0;
        }
        Series series{.name = p.name, .style = Series::Style::line};
        for (std::size_t b = 0; b < count.size(); ++b) {
            series.x.push_back(from_ms + (static_cast<double>(b) + 0.5) * static_cast<double>(width) * step_ms);
            series.y.push_back(1e3 * count[b] / (static_cast<double>(p.neurons * width) * step_ms));
        }
        panel.series.push_back(std::move(series));
    }
    return panel;
}

}  // namespace ca3::cli
