#include "program.hpp"

namespace ca3::test {
namespace {

class CliExperiments : public Program {
protected:
    nlohmann::json experiment(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"--quiet", "--json", "result.json", "hopfield"});
        run_well(arguments);
        return json("result.json");
    }
    void expect_png(std::string const& file) { EXPECT_EQ(text(file).substr(0, 8), "\x89PNG\r\n\x1a\n") << file; }
};

TEST_F(CliExperiments, CapacityOf784NeuronsIs41) {
    auto const result = experiment({"capacity", "--sets", "1"}).at("results");
    EXPECT_EQ(result.at("capacity"), 41);
    EXPECT_EQ(result.at("published"), 41);
}

TEST_F(CliExperiments, ToyPatternsAreEigenvectorsAndEveryOneBitErrorIsRepaired) {
    auto const result = experiment({"toy", "--trials", "5"}).at("results");
    EXPECT_EQ(result.at("eigen_deviation"), 0.0);
    EXPECT_EQ(result.at("single_errors_repaired"), 64);
    // -x W x / 2 + b x = -3 * 16 / 2 + 16 / 4
    for (double const energy : result.at("pattern_energies")) EXPECT_DOUBLE_EQ(energy, -20.0);
    expect_png("out/toy.png");
}

TEST_F(CliExperiments, LettersHaveThePublishedGramMatrixAndErrors) {
    auto const result = experiment({"letters", "--trials", "5"}).at("results");
    EXPECT_EQ(result.at("gram"), nlohmann::json::parse("[[36,0,0,8],[0,36,0,4],[0,0,36,8],[8,4,8,36]]"));
    EXPECT_TRUE(result.at("as_published").get<bool>());
    int seen = 0;
    for (auto const& row : result.at("errors")) {
        if (row.at("cue") != "B") continue;
        ++seen;
        EXPECT_EQ(row.at("errors"), nlohmann::json::parse("[18,0,18,16]")) << row;
    }
    EXPECT_EQ(seen, 4);  // two damages, two updates
    expect_png("out/letters.png");
}

TEST_F(CliExperiments, PseudoInverseKeepsEveryStoredImage) {
    auto const result = experiment({"one-step", "--rule", "pseudo-inverse", "--ridge", "0.01"}).at("results");
    EXPECT_EQ(result.at("fixed_points"), 10);
    EXPECT_EQ(result.at("mse"), 0.0);
    expect_png("out/one-step-pseudo-inverse.png");
}

TEST_F(CliExperiments, CurvesHaveOnePointPerStepOfTheProtocol) {
    auto const curve = experiment({"error-curve", "--sets", "1"}).at("results");
    EXPECT_EQ(curve.at("P").size(), 40U);
    EXPECT_EQ(curve.at("P").front(), 2.0);
    EXPECT_EQ(curve.at("P").back(), 41.0);
    auto const sweep = experiment({"noise-sweep", "--sets", "1"}).at("results");
    ASSERT_EQ(sweep.at("p").size(), 50U);
    EXPECT_DOUBLE_EQ(sweep.at("p").front().get<double>(), 0.01);
    EXPECT_DOUBLE_EQ(sweep.at("p").back().get<double>(), 0.5);
    EXPECT_EQ(sweep.at("stored_mse").size(), 50U);
}

TEST_F(CliExperiments, AsynchronousEnergyNeverRises) {
    for (std::string const rule : {"hebbian", "pseudo-inverse"}) {
        auto const result = experiment({"overlaps", "--rule", rule, "--cues", "40", "--time", "0.1"}).at("results");
        EXPECT_EQ(result.at("asynchronous").at("rises"), 0) << rule;
        EXPECT_GT(result.at("asynchronous").at("falls").get<int>(), 0) << rule;
    }
}

TEST_F(CliExperiments, TheSameSeedGivesTheSameFilesOnEveryBackend) {
    experiment({"restore", "--images", "4", "--backend", "cpu"});
    auto const table = json("out/restore.json").at("tables");
    auto const figure = text("out/restore-half.png");
    experiment({"restore", "--images", "4", "--backend", "reference"});
    EXPECT_EQ(json("out/restore.json").at("tables"), table);
    EXPECT_EQ(text("out/restore-half.png"), figure);
}

TEST_F(CliExperiments, MoreImagesThanThereAreIsAnError) {
    auto const result = run({"hopfield", "one-step", "--images", "1000000", "--quiet"});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_NE(result.err.find("1000000 images asked for"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace ca3::test
