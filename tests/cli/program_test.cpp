#include "program.hpp"

#include <ca3/version.hpp>

#include <algorithm>

namespace ca3::test {
namespace {

class CliProgram : public Program {};

TEST_F(CliProgram, TellsItsVersion) {
    EXPECT_EQ(run_well({"--version"}).out, "ca3 " CA3_VERSION_STRING "\n");
}

TEST_F(CliProgram, HelpNamesTheCommands) {
    auto const help = run_well({"--help"}).out;
    for (auto const* word : {"info", "demo", "hopfield", "--backend", "--seed", "--data", "--out", "--json", "--quiet"})
        EXPECT_NE(help.find(word), std::string::npos) << word;
    auto const hopfield = run_well({"hopfield", "--help"}).out;
    for (auto const* word :
         {"store", "recall", "capacity", "one-step", "error-curve", "noise-sweep", "restore", "toy", "letters", "overlaps"})
        EXPECT_NE(hopfield.find(word), std::string::npos) << word;
}

TEST_F(CliProgram, InfoListsTheBackendsAndWhyNot) {
    auto const text = run_well({"info"}).out;
    for (auto const* word : {"reference", "cpu", "cuda", "portable"}) EXPECT_NE(text.find(word), std::string::npos) << word;
    auto const json = nlohmann::json::parse(run_well({"info", "--json", "-"}).out);
    EXPECT_EQ(json.at("version"), CA3_VERSION_STRING);
    EXPECT_EQ(json.at("instruction_sets").at(0), "portable");
    auto const& cuda = json.at("backends").at("cuda");
    EXPECT_NE(cuda.at("usable").get<bool>(), cuda.at("reason").get<std::string>() != "");
}

TEST_F(CliProgram, OptionsCountBeforeAndAfterTheCommand) {
    auto const before = run_well(
        {"--quiet", "--json", "a.json", "--out", "a", "--seed", "9", "--backend", "reference", "hopfield", "toy", "--trials", "3"});
    auto const after = run_well(
        {"hopfield", "toy", "--trials", "3", "--backend", "reference", "--seed", "9", "--out", "b", "--json", "b.json", "--quiet"});
    EXPECT_EQ(before.out, "");
    EXPECT_EQ(after.out, "");
    EXPECT_EQ(json("a.json").at("seed"), 9);
    EXPECT_EQ(json("a.json").at("backend"), "reference");
    EXPECT_EQ(json("a.json"), json("b.json"));
}

TEST_F(CliProgram, WrongUsageIsOneLineAndExitCodeTwo) {
    for (std::vector<std::string> const& arguments : std::vector<std::vector<std::string>>{{},
                                                                                           {"hopfield"},
                                                                                           {"dance"},
                                                                                           {"--backend", "abacus", "info"},
                                                                                           {"--threads", "-1", "info"},
                                                                                           {"--seed", "x", "info"},
                                                                                           {"hopfield", "store"},
                                                                                           {"hopfield", "recall", "--tie", "often"},
                                                                                           {"info", "--unheard-of"}}) {
        SCOPED_TRACE(arguments.empty() ? "no arguments" : arguments.back());
        auto const result = run(arguments);
        EXPECT_EQ(result.exit_code, 2);
        EXPECT_EQ(result.out, "");
        EXPECT_EQ(result.err.rfind("ca3: error: ", 0), 0U) << result.err;
        EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    }
}

TEST_F(CliProgram, MissingDataIsOneLineAndExitCodeOne) {
    run_badly({"hopfield", "one-step", "--data", "absent"}, "absent");
    EXPECT_TRUE(files().empty());
}

TEST_F(CliProgram, AFolderThatCannotBeMadeIsAnError) {
    write("file", io::DType::u8, {1}, std::vector<std::uint8_t>{1});
    auto const result = run({"hopfield", "toy", "--trials", "1", "--out", "file"});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_NE(result.err.find("ca3: error: file"), std::string::npos) << result.err;
}

TEST_F(CliProgram, NothingIsWrittenBesideTheFilesNamed) {
    run_well({"hopfield", "toy", "--trials", "2", "--quiet"});
    auto const listed = json("out/toy.json").at("files").get<std::vector<std::string>>();
    std::vector<std::string> expected;
    for (auto const& file : listed) expected.push_back("out/" + file);
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(files(), expected);
}

TEST_F(CliProgram, StandardOutputAsAFileIsNotReplaced) {
    auto const result = run_well({"--json", "/dev/stdout", "--quiet", "info"});
    EXPECT_EQ(nlohmann::json::parse(result.out).at("command"), "info");
    run_well({"--json", "/dev/null", "--quiet", "info"});
    EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

}  // namespace
}  // namespace ca3::test
