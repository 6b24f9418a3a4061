#include "program.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>

namespace ca3::test {
namespace {

using io::DType;

/// Two neurons that spike regularly, and a third that follows the first: 1000 pA reach the threshold in 4.8 ms, so every 6.8 ms
/// (NEST's iaf_psc_exp, research table of f-I).
char const* const small_network = R"({
  "seed": 11, "precision": "f64",
  "populations": [{"name": "driven", "neurons": 2, "I_e_pA": [1000, 0]},
                  {"name": "follower", "neurons": 1}],
  "projections": [{"source": "driven", "target": "follower", "rule": {"kind": "all-to-all"}, "weight": [[100, 100]], "delay_ms": 1.0}],
  "recorders": [{"kind": "spikes", "population": "driven"}, {"kind": "spikes", "population": "follower"},
                {"kind": "voltage", "population": "driven", "neurons": [1, 0], "interval_ms": 0.5}]
})";

/// A recurrent network without recorders and without a seed.
char const* const random_network = R"({
  "populations": [{"name": "E", "neurons": 80, "I_e_pA": 380, "initial_v_mV": {"kind": "uniform", "low": -70, "high": -55}},
                  {"name": "I", "neurons": 20, "I_e_pA": 380, "initial_v_mV": {"kind": "uniform", "low": -70, "high": -55}}],
  "projections": [
    {"source": "E", "target": "I", "rule": {"kind": "fixed-in-degree", "count": 8}, "weight": {"kind": "normal", "mean": 20, "sd": 2},
     "delay_ms": {"kind": "uniform", "low": 0.5, "high": 3}},
    {"source": "I", "target": "E", "rule": {"kind": "fixed-out-degree", "count": 10}, "weight": -50}],
  "stimuli": [{"kind": "poisson", "population": "E", "rate_hz": 2000, "weight": 10}]
})";

class CliLif : public Program {
protected:
    void write_text(std::string const& file, std::string const& content) const { std::ofstream(path(file)) << content; }
    nlohmann::json lif(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"--quiet", "--json", "result.json", "lif"});
        run_well(arguments);
        return json("result.json");
    }
    void expect_figure(std::string const& name) {
        EXPECT_EQ(text("out/" + name + ".png").substr(0, 8), "\x89PNG\r\n\x1a\n") << name;
        EXPECT_EQ(text("out/" + name + ".csv").substr(0, 28), "panel,series,x,y,low,high\n\"S") << name;
    }
    std::vector<std::int64_t> integers(std::string const& file, std::string const& member) const {
        return values<std::int64_t>(io::read_npz(path(file)).at(member));
    }
};

TEST_F(CliLif, HelpNamesTheCommands) {
    auto const help = run_well({"lif", "--help"}).out;
    for (auto const* word : {"run", "trace", "fi-curve", "psc", "populations", "hodgkin-huxley"})
        EXPECT_NE(help.find(word), std::string::npos) << word;
    auto const run_help = run_well({"lif", "run", "--help"}).out;
    for (auto const* word : {"NETWORK.json", "--model", "potjans-diesmann", "brunel-d", "--scale", "--drive", "--ms", "--presim-ms",
                             "--precision", "--step-ms", "--weight-bits", "--no-record", "--result", "--load", "--save"})
        EXPECT_NE(run_help.find(word), std::string::npos) << word;
}

TEST_F(CliLif, RunReportsWhatWasPromised) {
    write_text("net.json", small_network);
    auto const result = lif({"run", "net.json", "--ms", "100", "--result", "R.npz"});
    EXPECT_EQ(result.at("command"), "lif run");
    EXPECT_EQ(result.at("seed"), 11);  // the file's
    EXPECT_EQ(result.at("backend"), "cpu");
    EXPECT_GE(result.at("threads"), 1);
    EXPECT_EQ(result.at("neurons"), 3);
    EXPECT_EQ(result.at("synapses"), 2);
    EXPECT_EQ(result.at("biological_ms"), 100.0);
    EXPECT_EQ(result.at("precision"), "f64");
    EXPECT_GT(result.at("bytes_resident"), 0);
    for (auto const* name : {"build_seconds", "wall_seconds", "update_seconds", "stimulus_seconds", "delivery_seconds", "exchange_seconds"})
        EXPECT_GE(result.at(name).get<double>(), 0.0) << name;
    EXPECT_NEAR(result.at("real_time_factor").get<double>(), result.at("wall_seconds").get<double>() / 0.1, 1e-9);
    auto const& populations = result.at("populations");
    ASSERT_EQ(populations.size(), 2U);
    EXPECT_EQ(populations[0].at("name"), "driven");
    EXPECT_EQ(populations[0].at("neurons"), 2);
    // Spikes at 4.8, 11.6, ..., 100.0.
    EXPECT_EQ(populations[0].at("spikes"), 15);
    EXPECT_DOUBLE_EQ(populations[0].at("rate_hz").get<double>(), 75.0);
    EXPECT_NEAR(populations[0].at("cv_isi").get<double>(), 0.0, 1e-12);
    EXPECT_TRUE(populations[1].at("cv_isi").is_null());
    EXPECT_EQ(json("out/run-net.json"), result);
    expect_figure("run-net");
}

TEST_F(CliLif, ResultHasTheTypesShapesAndOrderPromised) {
    write_text("net.json", small_network);
    lif({"run", "net.json", "--ms", "20", "--result", "R.npz"});
    auto const r = io::read_npz(path("R.npz"));
    EXPECT_EQ(r.at("times_ms").dtype, DType::f64);
    EXPECT_EQ(r.at("steps").dtype, DType::i64);
    EXPECT_EQ(r.at("ids").dtype, DType::i64);
    EXPECT_EQ(values<std::int64_t>(r.at("steps")), (std::vector<std::int64_t>{48, 116, 184}));
    EXPECT_EQ(values<std::int64_t>(r.at("ids")), (std::vector<std::int64_t>{0, 0, 0}));
    EXPECT_NEAR(values<double>(r.at("times_ms"))[0], 4.8, 1e-12);
    EXPECT_EQ(values<std::int64_t>(r.at("population_offsets")), (std::vector<std::int64_t>{0, 2, 3}));
    EXPECT_EQ(r.at("trace_2_times_ms").shape, (std::vector<std::int64_t>{r.at("trace_2_values").shape[0]}));
    EXPECT_EQ(r.at("trace_2_values").shape[1], 2);
    auto const times = values<double>(r.at("trace_2_times_ms")), volts = values<double>(r.at("trace_2_values"));
    EXPECT_NEAR(times[1] - times[0], 0.5, 1e-12);
    for (std::size_t k = 0; k < times.size(); ++k) {
        EXPECT_EQ(volts[2 * k], -70.0);  // neuron 1 has no input
        // NEST: 1000 pA give -70 + 40 (1 - exp(-t / 10)) mV up to the first spike.
        if (times[k] < 4.75) {
            EXPECT_NEAR(volts[2 * k + 1], -70.0 + 40.0 * (1.0 - std::exp(-times[k] / 10.0)), 1e-9);
        }
    }
    EXPECT_EQ(r.size(), 6U);
}

TEST_F(CliLif, SpikesAreSortedByTimeThenGlobalNumber) {
    write_text("net.json", random_network);
    lif({"run", "net.json", "--ms", "200", "--result", "R.npz"});
    auto const steps = integers("R.npz", "steps"), ids = integers("R.npz", "ids");
    ASSERT_GT(steps.size(), 100U);
    EXPECT_GT(*std::max_element(ids.begin(), ids.end()), 79);  // of both populations
    for (std::size_t k = 1; k < steps.size(); ++k)
        EXPECT_TRUE(steps[k - 1] < steps[k] || (steps[k - 1] == steps[k] && ids[k - 1] < ids[k])) << k;
}

TEST_F(CliLif, TheSeedOfTheCommandLineComesBeforeTheFiles) {
    write_text("net.json", small_network);
    EXPECT_EQ(lif({"run", "net.json", "--ms", "1", "--seed", "3"}).at("seed"), 3);
    write_text("random.json", random_network);
    auto spikes = [&](std::vector<std::string> more) {
        std::vector<std::string> arguments{"run", "random.json", "--ms", "200", "--result", "R.npz"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        lif(arguments);
        return std::pair(integers("R.npz", "steps"), integers("R.npz", "ids"));
    };
    auto const first = spikes({});
    EXPECT_EQ(spikes({"--seed", "1"}), first);
    EXPECT_NE(spikes({"--seed", "2"}), first);
    EXPECT_EQ(spikes({"--backend", "reference"}), first);
    EXPECT_EQ(spikes({"--threads", "1", "--instruction-set", "portable"}), first);
}

TEST_F(CliLif, ACheckpointedRunIsTheUninterruptedOne) {
    write_text("net.json", random_network);
    lif({"run", "net.json", "--ms", "200", "--result", "whole.npz"});
    lif({"run", "net.json", "--ms", "80", "--result", "first.npz", "--save", "C.ca3"});
    auto const second = lif({"run", "net.json", "--ms", "120", "--result", "second.npz", "--load", "C.ca3", "--threads", "1"});
    auto steps = integers("first.npz", "steps"), ids = integers("first.npz", "ids");
    auto const more_steps = integers("second.npz", "steps"), more_ids = integers("second.npz", "ids");
    std::int64_t spikes = 0;
    for (auto const& p : second.at("populations")) spikes += p.at("spikes").get<std::int64_t>();
    EXPECT_EQ(spikes, static_cast<std::int64_t>(more_ids.size()));  // of this run alone
    steps.insert(steps.end(), more_steps.begin(), more_steps.end());
    ids.insert(ids.end(), more_ids.begin(), more_ids.end());
    EXPECT_EQ(steps, integers("whole.npz", "steps"));
    EXPECT_EQ(ids, integers("whole.npz", "ids"));
}

TEST_F(CliLif, WhatSettlesIsLeftOut) {
    write_text("net.json", random_network);
    lif({"run", "net.json", "--ms", "200", "--result", "whole.npz"});
    auto const late = lif({"run", "net.json", "--ms", "100", "--presim-ms", "100", "--result", "late.npz"});
    EXPECT_EQ(late.at("biological_ms"), 100.0);
    EXPECT_EQ(late.at("presim_ms"), 100.0);
    auto steps = integers("whole.npz", "steps");
    std::erase_if(steps, [](std::int64_t step) { return step <= 1000; });
    EXPECT_EQ(integers("late.npz", "steps"), steps);
    std::int64_t spikes = 0;
    for (auto const& p : late.at("populations")) spikes += p.at("spikes").get<std::int64_t>();
    EXPECT_EQ(spikes, static_cast<std::int64_t>(steps.size()));
}

TEST_F(CliLif, WithoutRecordsRatesAreStillThere) {
    write_text("net.json", random_network);
    auto const with = lif({"run", "net.json", "--ms", "100"});
    auto const without = lif({"run", "net.json", "--ms", "100", "--no-record"});
    EXPECT_EQ(without.at("populations")[0].at("spikes"), with.at("populations")[0].at("spikes"));
    EXPECT_TRUE(without.at("populations")[0].at("cv_isi").is_null());
    EXPECT_TRUE(with.at("populations")[0].at("cv_isi").is_number());
    EXPECT_EQ(without.at("files"), nlohmann::json::parse(R"(["run-net.json"])"));
}

TEST_F(CliLif, ModelsRunScaledDown) {
    for (std::string const model : {"potjans-diesmann", "cuba", "coba", "brunel-a", "brunel-b", "brunel-c", "brunel-d"}) {
        SCOPED_TRACE(model);
        auto const result = lif({"run", "--model", model, "--scale", "0.02", "--ms", "50", "--result", "R.npz", "--seed", "4"});
        EXPECT_EQ(result.at("model"), model);
        EXPECT_EQ(result.at("scale"), 0.02);
        EXPECT_EQ(result.at("seed"), 4);
        std::size_t const populations = model == "potjans-diesmann" ? 8 : 2;
        EXPECT_EQ(result.at("populations").size(), populations);
        EXPECT_EQ(integers("R.npz", "population_offsets").size(), populations + 1);
        EXPECT_EQ(integers("R.npz", "population_offsets").back(), result.at("neurons").get<std::int64_t>());
        expect_figure("run-" + model);
    }
    EXPECT_EQ(lif({"run", "--model", "potjans-diesmann", "--drive", "dc", "--scale", "0.02", "--ms", "1"}).at("drive"), "dc");
}

TEST_F(CliLif, OptionsOfTheNetworkReachIt) {
    auto const result =
        lif({"run", "--model", "cuba", "--scale", "0.1", "--ms", "10", "--precision", "f64", "--step-ms", "0.05", "--weight-bits", "32"});
    EXPECT_EQ(result.at("precision"), "f64");
    EXPECT_EQ(result.at("step_ms"), 0.05);
    EXPECT_EQ(result.at("weight_bits"), 32);
}

TEST_F(CliLif, TextTellsRatesAndWhereTheTimeWent) {
    auto const out = run_well({"lif", "run", "--model", "cuba", "--ms", "100"}).out;
    for (auto const* word : {"4000 neurons, 320000 synapses", "population", "reference rate", "CV of intervals", "real-time factor",
                             "neuron update", "stimulus", "delivery", "exchange", "run-cuba.png"})
        EXPECT_NE(out.find(word), std::string::npos) << word << "\n" << out;
}

TEST_F(CliLif, TheNetworksOwnFileIsNeverOverwritten) {
    write_text("net.json", random_network);
    lif({"run", "net.json", "--ms", "1", "--out", "."});
    EXPECT_EQ(text("net.json"), random_network);
}

TEST_F(CliLif, FaultsOfTheNetworkAreNamedWithTheirPath) {
    write_text("net.json", R"({"populations": [{"name": "A", "neurons": 1, "tau": 10}]})");
    run_badly({"lif", "run", "net.json", "--ms", "1"}, "net.json: $.populations[0].tau: is not known here");
    write_text("net.json", R"({"populations": [{"name": "A", "neurons": 1, "tau_m_ms": 0}]})");
    run_badly({"lif", "run", "net.json", "--ms", "1"}, "net.json: $.populations[0]: ");
    run_badly({"lif", "run", "absent.json", "--ms", "1"}, "absent.json");
    run_badly({"lif", "run", ".", "--ms", "1"}, "'.'");
    EXPECT_FALSE(std::filesystem::exists(path("out")));
}

TEST_F(CliLif, HostileTextsAreOneLineAndExitCodeOne) {
    std::string const a = R"("populations": [{"name": "A", "neurons": 1000000}])";
    std::string const all = R"("projections": [{"source": "A", "target": "A", "rule": {"kind": "all-to-all"}, "weight": 1}])";
    for (auto const& [text, words] : std::vector<std::pair<std::string, std::string>>{
             {"", "at byte 0: line 1, column 1: unexpected end of input"},
             {"hello", "at byte 0: line 1, column 1: invalid literal"},
             {"{", "at byte 1"},
             {std::string(100, '\0'), "at byte 0"},
             {"\xff\xfe{\0}\0", "at byte 0"},
             {"{\"populations\": [{\"name\": \"\xff\"}]}", "ill-formed UTF-8"},
             {std::string(1000000, '['), "nested more than 8 deep"},
             {"{" + a + ", " + a + "}", "$.populations: occurs twice"},
             {R"({"step_ms": NaN})", "invalid literal"},
             {R"({"step_ms": 1e999})", "$.step_ms: this number is too large"},
             {R"({"populations": [{"name": "A", "neurons": 1000000000000000}]})", "at most 2^31 - 1 neurons"},
             {"{" + a + ", " + all + "}", "out of memory, 4000"},
             {"{\"\x1b\": 1}", "control character"},
             {"{" + a + ", \"\\u001b[31m\": 1}", "$['\\u001b[31m']: is not known here"}}) {
        write_text("net.json", text);
        run_badly({"lif", "run", "net.json", "--ms", "1"}, words);
    }
}

TEST_F(CliLif, FilesThatCannotBeWrittenAreErrorsBeforeTheRun) {
    write_text("net.json", small_network);
    for (auto const* option : {"--result", "--save", "--json"})
        run_badly({"lif", "run", "net.json", "--ms", "1e9", option, "absent/R"}, "there is no folder 'absent'");
}

TEST_F(CliLif, TimesThatAreNoMultiplesOfTheStepAreErrors) {
    write_text("net.json", small_network);
    EXPECT_EQ(run({"lif", "run", "net.json", "--ms", "0.05"}).exit_code, 1);
    EXPECT_EQ(run({"lif", "run", "net.json", "--ms", "1e300"}).exit_code, 1);
    run_badly({"lif", "run", "--model", "potjans-diesmann", "--scale", "2", "--ms", "1"}, "(0, 1]");
    run_badly({"lif", "run", "--model", "cuba", "--drive", "dc", "--ms", "1"}, "dc");
    run_badly({"lif", "run", "net.json", "--ms", "1", "--load", "absent"}, "absent");
    run_badly({"lif", "run", "net.json", "--ms", "1", "--load", "net.json"}, "net.json");
}

TEST_F(CliLif, WrongUsageIsOneLineAndExitCodeTwo) {
    write_text("net.json", small_network);
    for (std::vector<std::string> const& arguments :
         std::vector<std::vector<std::string>>{{},
                                               {"run"},
                                               {"run", "--ms", "1"},
                                               {"run", "net.json"},
                                               {"run", "net.json", "--ms", "0"},
                                               {"run", "net.json", "--ms", "-1"},
                                               {"run", "net.json", "--ms", "nan"},
                                               {"run", "net.json", "--ms", "inf"},
                                               {"run", "net.json", "--ms", "1", "--model", "cuba"},
                                               {"run", "net.json", "--ms", "1", "--scale", "1"},
                                               {"run", "--model", "mouse", "--ms", "1"},
                                               {"run", "--model", "cuba", "--ms", "1", "--scale", "0"},
                                               {"run", "--model", "cuba", "--ms", "1", "--weight-bits", "8"},
                                               {"run", "--model", "cuba", "--ms", "1", "--no-record", "--result", "R.npz"},
                                               {"trace", "--tau-m", "0"},
                                               {"fi-curve", "--points", "0"},
                                               {"populations", "--x", "0"}}) {
        std::vector<std::string> all{"lif"};
        all.insert(all.end(), arguments.begin(), arguments.end());
        auto const result = run(all);
        std::string line;
        for (auto const& word : all) line += word + " ";
        EXPECT_EQ(result.exit_code, 2) << line;
        EXPECT_EQ(result.out, "") << line;
        EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << line << result.err;
    }
}

// ---- the experiments -------------------------------------------------------------------------------------------------

TEST_F(CliLif, ExactIntegrationIsTheFormulaAtEveryStep) {
    auto const result = lif({"trace"});
    EXPECT_EQ(result.at("command"), "lif trace");
    EXPECT_EQ(result.at("experiment"), "N1");
    int seen = 0;
    for (auto const& run : result.at("results").at("runs")) {
        double const error = run.at("error"), step = run.at("step_ms"), v_in = run.at("v_in");
        if (run.at("integration") == "exact") {
            EXPECT_LT(error, 1e-12) << run;
            ++seen;
        } else {
            // First order: the largest error of v_in (1 - h / tau)^k against v_in exp(-k h / tau) is about v_in h / (2 tau e).
            double const expected = v_in * step / (2.0 * 20.0) / std::exp(1.0);
            EXPECT_NEAR(error, expected, 0.12 * expected) << run;
        }
        if (v_in > 1.0 && run.at("integration") == "exact") {
            // 20 ln 3 = 21.97 ms to the threshold, rounded up to steps, then 2 ms of rest.
            auto const rise = static_cast<std::int64_t>(std::ceil(20.0 * std::log(3.0) / step));
            auto const spikes = run.at("spike_steps").get<std::vector<std::int64_t>>();
            ASSERT_GE(spikes.size(), 2U);
            EXPECT_EQ(spikes[0], std::llround(20.0 / step) + rise);
            EXPECT_EQ(spikes[1] - spikes[0], rise + std::llround(2.0 / step));
        }
    }
    EXPECT_EQ(seen, 8);
    EXPECT_EQ(text("out/trace.png").substr(1, 3), "PNG");
}

TEST_F(CliLif, TheTuningCurveIsTheFormula) {
    auto const r = lif({"fi-curve"}).at("results");
    EXPECT_LT(r.at("worst_relative_on_grid").get<double>(), 1e-12);
    // Rounding up a time to the threshold of at least 4.46 ms (v_in = 5) to steps of 0.1 ms, of an interval of at least 6.46 ms.
    EXPECT_LT(r.at("worst_relative").get<double>(), 0.1 / 6.46);
    for (std::size_t k = 0; k < r.at("v_in").size(); ++k)
        if (r.at("v_in")[k].get<double>() <= 1.0) {
            EXPECT_EQ(r.at("exact_hz")[k], 0.0);
        }
    EXPECT_GT(r.at("exact_hz").back().get<double>(), 150.0);
}

TEST_F(CliLif, PostSynapticCurrentsHaveUnitAreaAndTheFormulasShape) {
    auto const r = lif({"psc"}).at("results");
    for (std::string const n : {"n0", "n1", "n2"}) {
        EXPECT_NEAR(r.at(n).at("area").get<double>(), 1.0, 1e-4) << n;  // trapezoidal rule: (0.1 / 5)^2 / 12
        EXPECT_NEAR(r.at(n).at("area_of_train").get<double>(), 1.0, 1e-4) << n;
        EXPECT_LT(r.at(n).at("error").get<double>(), 1e-6) << n;
    }
    EXPECT_NEAR(r.at("n0").at("peak_ms").get<double>(), 0.0, 1e-9);
    EXPECT_NEAR(r.at("n1").at("peak_ms").get<double>(), 5.0, 1e-9);
    EXPECT_NEAR(r.at("n2").at("peak_ms").get<double>(), 10.0, 1e-9);
    EXPECT_GT(r.at("spikes"), 3);
}

TEST_F(CliLif, MeanCurrentsAreTheMatrixTimesTheRates) {
    auto const r = lif({"populations", "--ms", "4000"}).at("results");
    ASSERT_EQ(r.at("mean_current").size(), 40U);
    for (std::size_t i = 0; i < 40; ++i)  // what crosses the edges of two seconds: tau_s / 2 s of it, twice
        EXPECT_NEAR(r.at("mean_current")[i].get<double>(), r.at("expected_current")[i].get<double>(), 0.02) << i;
    EXPECT_GT(r.at("rate_y_hz"), 1.0);
}

TEST_F(CliLif, AMatrixFromAFileJoinsThePopulations) {
    // Two sources, three targets; only the last target gets input.
    write("W.npy", DType::f32, {3, 2}, std::vector<float>{0, 0, 0, 0, 40, 40});
    auto const result = lif({"populations", "--weights", "W.npy", "--ms", "500"});
    EXPECT_EQ(result.at("tables").at("populations").at("rows")[1][1], 3);
    auto const& mean = result.at("results").at("mean_current");
    EXPECT_EQ(mean[0], 0.0);
    EXPECT_GT(mean[2].get<double>(), 1.0);
    write("W.npy", DType::f32, {2}, std::vector<float>{0, 0});
    run_badly({"lif", "populations", "--weights", "W.npy"}, "W.npy: expected a matrix");
}

TEST_F(CliLif, TheHodgkinHuxleyNeuronIsSilentThenSpikesFasterWithMoreCurrent) {
    auto const r = lif({"hodgkin-huxley"}).at("results");
    EXPECT_NEAR(r.at("rest_mV").get<double>(), r.at("expected_rest_mV").get<double>(), 1e-3);
    EXPECT_NEAR(r.at("rest_mV").get<double>(), -65.0, 0.05);
    auto const& phases = r.at("phases");
    ASSERT_EQ(phases.size(), 3U);
    EXPECT_EQ(phases[0].at("spikes"), 0);
    EXPECT_NEAR(phases[1].at("rate_hz").get<double>(), 68.0, 2.0);  // 10 uA/cm2
    // Up to 160 uA/cm2 there is one range of currents with lasting spikes, in which the rate rises.
    auto const rates = r.at("rates_hz").get<std::vector<double>>();
    auto const first = std::ranges::find_if(rates, [](double rate) { return rate > 0.0; });
    auto const last = std::find(first, rates.end(), 0.0);
    EXPECT_TRUE(std::is_sorted(first, last));
    EXPECT_TRUE(std::all_of(last, rates.end(), [](double rate) { return rate == 0.0; }));
    EXPECT_GT(phases[2].at("rate_hz").get<double>(), 1.3 * phases[1].at("rate_hz").get<double>());
    EXPECT_EQ(text("out/hodgkin-huxley.png").substr(1, 3), "PNG");
}

}  // namespace
}  // namespace ca3::test
