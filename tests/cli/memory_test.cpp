#include "program.hpp"

#include <cmath>
#include <limits>
#include <map>

namespace ca3::test {
namespace {

using io::DType;

/// Four orthogonal patterns of 16 neurons (Walsh functions): recall from one wrong bit is exact by hand, |field| >= 16 - 4 - 2 * 4.
std::vector<std::int8_t> walsh() {
    std::vector<std::int8_t> x;
    for (int const run : {8, 4, 2, 1})
        for (int i = 0; i < 16; ++i) x.push_back(static_cast<std::int8_t>(i / run % 2 == 0 ? 1 : -1));
    return x;
}

class CliMemory : public Program {
protected:
    void store_walsh(std::vector<std::string> more = {}) {
        write("P.npy", DType::i8, {4, 16}, walsh());
        std::vector<std::string> arguments{"hopfield", "store", "--patterns", "P.npy", "--memory", "M.safetensors"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        run_well(arguments);
    }
    std::vector<std::string> recall(std::vector<std::string> more = {}) {
        std::vector<std::string> arguments{"hopfield", "recall", "--memory", "M.safetensors", "--cues", "C.npy", "--result", "R.npz"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return arguments;
    }
    std::vector<std::string> store(std::string const& patterns) {
        return {"hopfield", "store", "--patterns", patterns, "--memory", "M.safetensors"};
    }
};

TEST_F(CliMemory, RecallsStoredPatternsFromOneWrongBitThroughFiles) {
    auto cues = walsh();
    for (std::size_t mu = 0; mu < 4; ++mu) cues[16 * mu + 3 * mu] = static_cast<std::int8_t>(-cues[16 * mu + 3 * mu]);
    for (std::string const rule : {"hebbian", "pseudo-inverse", "storkey", "dam", "exponential"}) {
        SCOPED_TRACE(rule);
        store_walsh({"--rule", rule});
        write("C.npy", DType::i8, {4, 16}, cues);

        run_well(recall());

        auto const result = io::read_npz(path("R.npz"));
        EXPECT_EQ(values<std::int8_t>(result.at("states")), walsh());
        EXPECT_EQ(values<std::int8_t>(result.at("status")), std::vector<std::int8_t>(4, 0));
        EXPECT_EQ(values<std::int32_t>(result.at("sweeps")), std::vector<std::int32_t>(4, 2));
        EXPECT_EQ(values<std::int64_t>(result.at("flips")), std::vector<std::int64_t>(4, 1));
        EXPECT_EQ(values<std::int32_t>(result.at("nearest")), (std::vector<std::int32_t>{0, 1, 2, 3}));
        EXPECT_EQ(values<std::int32_t>(result.at("overlap")), std::vector<std::int32_t>(4, 16));
        // Hebbian, orthogonal: -(16^2 - 4 * 16) / 2.
        if (rule == "hebbian") {
            EXPECT_EQ(values<double>(result.at("energy")), std::vector<double>(4, -96.0));
        }
    }
}

TEST_F(CliMemory, ResultHasTheTypesAndShapesPromised) {
    store_walsh();
    write("C.npy", DType::i8, {3, 16}, std::vector<std::int8_t>(48, 1));
    run_well(recall({"--trace", "--update", "async", "--max-sweeps", "5"}));
    auto const r = io::read_npz(path("R.npz"));
    auto is = [&](char const* name, DType dtype, std::vector<std::int64_t> const& shape) {
        ASSERT_EQ(r.count(name), 1U) << name;
        EXPECT_EQ(r.at(name).dtype, dtype) << name;
        EXPECT_EQ(r.at(name).shape, shape) << name;
    };
    is("states", DType::i8, {3, 16});
    is("status", DType::i8, {3});
    is("sweeps", DType::i32, {3});
    is("flips", DType::i64, {3});
    is("energy", DType::f64, {3});
    is("nearest", DType::i32, {3});
    is("overlap", DType::i32, {3});
    ASSERT_EQ(r.count("trace_energy"), 1U);
    auto const points = r.at("trace_energy").shape.at(0);
    EXPECT_GE(points, 2);
    is("trace_energy", DType::f64, {points, 3});
    is("trace_overlap", DType::i32, {points, 3, 4});
    EXPECT_EQ(r.size(), 9U);
}

TEST_F(CliMemory, TakesEveryTypeAndShapeOfPatterns) {
    auto const x = walsh();
    std::vector<std::uint8_t> bits;
    for (auto const v : x) bits.push_back(v > 0 ? 1 : 0);
    store_walsh();
    std::string const expected = text("M.safetensors");
    write("f32.npy", DType::f32, {4, 16}, std::vector<float>(x.begin(), x.end()));
    write("f64.npy", DType::f64, {4, 4, 4}, std::vector<double>(x.begin(), x.end()));
    write("u8.npy", DType::u8, {4, 16}, bits);
    write("bool.npy", DType::boolean, {4, 16}, bits);
    for (std::string const file : {"f32.npy", "f64.npy", "u8.npy", "bool.npy"}) {
        SCOPED_TRACE(file);
        auto arguments = store(file);
        if (file == "u8.npy" || file == "bool.npy") arguments.push_back("--binary");
        run_well(arguments);
        EXPECT_EQ(text("M.safetensors"), expected);
    }
}

TEST_F(CliMemory, AVectorIsOnePattern) {
    write("P.npy", DType::i8, {3}, std::vector<std::int8_t>{1, -1, 1});
    run_well(store("P.npy"));
    write("C.npy", DType::i8, {3}, std::vector<std::int8_t>{1, -1, 0});
    run_well(recall());
    EXPECT_EQ(values<std::int8_t>(io::read_npz(path("R.npz")).at("states")), (std::vector<std::int8_t>{1, -1, 1}));
}

TEST_F(CliMemory, EmptyArraysWork) {
    write("P.npy", DType::i8, {0, 16}, std::vector<std::int8_t>{});
    run_well(store("P.npy"));
    write("C.npy", DType::i8, {2, 16}, std::vector<std::int8_t>(32, 1));
    run_well(recall());
    EXPECT_EQ(values<std::int32_t>(io::read_npz(path("R.npz")).at("nearest")), (std::vector<std::int32_t>{-1, -1}));

    store_walsh();
    write("C.npy", DType::i8, {0, 16}, std::vector<std::int8_t>{});
    run_well(recall({"--trace"}));
    EXPECT_EQ(io::read_npz(path("R.npz")).at("states").shape, (std::vector<std::int64_t>{0, 16}));
}

TEST_F(CliMemory, ZeroAndOneAreRefusedWithTheWayOut) {
    write("P.npy", DType::u8, {2, 2}, std::vector<std::uint8_t>{0, 1, 1, 0});
    run_badly(store("P.npy"), "--binary");
    write("P.npy", DType::boolean, {2, 2}, std::vector<std::uint8_t>{1, 1, 1, 1});
    run_badly(store("P.npy"), "--binary");
    write("P.npy", DType::f32, {1, 4}, std::vector<float>{0, 1, 1, 0});
    run_badly(store("P.npy"), "2*x - 1");
    store_walsh();
    write("C.npy", DType::f32, {1, 16}, std::vector<float>{0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0});
    run_badly(recall(), "--zero-unknown");
    run_well(recall({"--zero-unknown"}));
    run_well(recall({"--binary"}));
}

TEST_F(CliMemory, WrongValuesAreNamedWithTheirIndex) {
    write("P.npy", DType::f64, {2, 3}, std::vector<double>{1, -1, 1, 1, std::nan(""), 1});
    run_badly(store("P.npy"), "element [1, 1] is nan");
    write("P.npy", DType::f32, {2, 3}, std::vector<float>{1, -1, 1, 1, 1, 0.5F});
    run_badly(store("P.npy"), "element [1, 2] is 0.5");
    write("P.npy", DType::i8, {1, 2, 2}, std::vector<std::int8_t>{1, -1, 0, 1});
    run_badly(store("P.npy"), "element [0, 1, 0] is 0");
    write("P.npy", DType::u8, {4}, std::vector<std::uint8_t>{1, 1, 255, 1});
    run_badly(store("P.npy"), "element [2] is 255");
    write("P.npy", DType::i8, {4}, std::vector<std::int8_t>{1, 1, -1, 0});
    auto arguments = store("P.npy");
    arguments.push_back("--binary");
    run_badly(arguments, "element [2] is -1");
    write("P.npy", DType::i8, {}, std::vector<std::int8_t>{1});
    run_badly(store("P.npy"), "single number");
    EXPECT_EQ(files(), (std::vector<std::string>{"P.npy"}));  // no memory, no temporary file
}

TEST_F(CliMemory, ShapesThatDoNotFitAreRefused) {
    store_walsh();
    write("C.npy", DType::i8, {1, 15}, std::vector<std::int8_t>(15, 1));
    run_badly(recall(), "15");
    write("C.npy", DType::i8, {2, 16}, std::vector<std::int8_t>(32, 1));
    write("K.npy", DType::boolean, {3, 16}, std::vector<std::uint8_t>(48, 1));
    run_badly(recall({"--clamp", "K.npy"}), "K.npy");
    write("B.npy", DType::f64, {15}, std::vector<double>(15, 1.0));
    run_badly({"hopfield", "store", "--patterns", "P.npy", "--memory", "N.safetensors", "--bias", "B.npy"}, "B.npy");
    EXPECT_EQ(files(), (std::vector<std::string>{"B.npy", "C.npy", "K.npy", "M.safetensors", "P.npy"}));
}

TEST_F(CliMemory, AMemoryFileCutShortIsAnError) {
    store_walsh();
    write("C.npy", DType::i8, {1, 16}, std::vector<std::int8_t>(16, 1));
    auto const size = std::filesystem::file_size(path("M.safetensors"));
    for (auto const kept : {size - 1, size / 2, std::uintmax_t{7}, std::uintmax_t{0}}) {
        std::filesystem::resize_file(path("M.safetensors"), kept);
        run_badly(recall(), "M.safetensors");
    }
    EXPECT_FALSE(std::filesystem::exists(path("R.npz")));
}

TEST_F(CliMemory, MissingFilesAreNamed) {
    run_badly(store("absent.npy"), "absent.npy");
    run_badly(recall(), "M.safetensors");
    store_walsh();
    run_badly({"hopfield", "store", "--patterns", "P.npy", "--memory", "absent/M.safetensors"}, "absent/M.safetensors");
}

TEST_F(CliMemory, ClampedNeuronsKeepTheirCue) {
    store_walsh();
    auto const x = walsh();
    std::vector<std::int8_t> cue(x.begin(), x.begin() + 16);
    cue[5] = static_cast<std::int8_t>(-cue[5]);
    write("C.npy", DType::i8, {1, 16}, cue);
    std::vector<std::uint8_t> clamp(16, 0);
    clamp[5] = 1;
    write("K.npy", DType::u8, {16}, clamp);
    run_well(recall({"--clamp", "K.npy"}));
    EXPECT_EQ(values<std::int8_t>(io::read_npz(path("R.npz")).at("states")), cue);
}

TEST_F(CliMemory, TieRuleDecidesWhereTheFieldIsZero) {
    // One neuron, one pattern, diagonal left out: every field is 0.
    write("P.npy", DType::i8, {1, 1}, std::vector<std::int8_t>{1});
    run_well(store("P.npy"));
    write("C.npy", DType::i8, {2, 1}, std::vector<std::int8_t>{1, -1});
    std::map<std::string, std::vector<std::int8_t>> const expected{
        {"keep", {1, -1}}, {"plus", {1, 1}}, {"minus", {-1, -1}}, {"zero", {0, 0}}};
    for (auto const& [tie, states] : expected) {
        run_well(recall({"--tie", tie}));
        EXPECT_EQ(values<std::int8_t>(io::read_npz(path("R.npz")).at("states")), states) << tie;
    }
}

TEST_F(CliMemory, GivenWeightsAndBiasRelaxAsIsing) {
    // w12 = -2: the neurons disagree; the bias of +1 on the first decides which is up. E = 2 s1 s2 - s1 = -3.
    write("W.npy", DType::f64, {2, 2}, std::vector<double>{0, -2, -2, 0});
    write("B.npy", DType::f64, {2}, std::vector<double>{1, 0});
    run_well({"hopfield", "store", "--weights", "W.npy", "--bias", "B.npy", "--memory", "M.safetensors"});
    write("C.npy", DType::i8, {1, 2}, std::vector<std::int8_t>{0, 0});
    run_well(recall({"--update", "sequential"}));
    auto const r = io::read_npz(path("R.npz"));
    EXPECT_EQ(values<std::int8_t>(r.at("states")), (std::vector<std::int8_t>{1, -1}));
    EXPECT_DOUBLE_EQ(values<double>(r.at("energy")).at(0), -3.0);

    write("W.npy", DType::f32, {2, 2}, std::vector<float>{0, 1, std::numeric_limits<float>::quiet_NaN(), 0});
    run_badly({"hopfield", "store", "--weights", "W.npy", "--memory", "M.safetensors"}, "element [1, 0] is nan");
    write("W.npy", DType::f32, {2, 3}, std::vector<float>(6, 1.0F));
    run_badly({"hopfield", "store", "--weights", "W.npy", "--memory", "M.safetensors"}, "2 x 3");
}

TEST_F(CliMemory, AddedPatternsMakeTheMemoryOfAllPatterns) {
    store_walsh();
    std::string const all = text("M.safetensors");
    auto const x = walsh();
    write("P1.npy", DType::i8, {3, 16}, std::vector<std::int8_t>(x.begin(), x.begin() + 48));
    write("P2.npy", DType::i8, {16}, std::vector<std::int8_t>(x.begin() + 48, x.end()));
    run_well(store("P1.npy"));
    auto add = store("P2.npy");
    add.push_back("--add");
    run_well(add);
    EXPECT_EQ(text("M.safetensors"), all);
    add.insert(add.end(), {"--rule", "storkey"});
    run_badly(add, "--add");
}

TEST_F(CliMemory, SeedFixesTheResultAndThreadsDoNotChangeIt) {
    store_walsh();
    std::vector<std::int8_t> cues;
    for (int k = 0; k < 20 * 16; ++k) cues.push_back(static_cast<std::int8_t>(k * k % 7 < 3 ? 1 : -1));
    write("C.npy", DType::i8, {20, 16}, cues);
    auto bytes = [&](std::vector<std::string> const& more) {
        auto arguments = recall({"--update", "async", "--temperature", "20", "--max-sweeps", "3"});
        arguments.insert(arguments.end(), more.begin(), more.end());
        run_well(arguments);
        return text("R.npz");
    };
    auto const first = bytes({"--seed", "5", "--threads", "1"});
    EXPECT_EQ(bytes({"--seed", "5", "--threads", "2"}), first);
    EXPECT_EQ(bytes({"--seed", "5", "--backend", "reference"}), first);
    EXPECT_NE(bytes({"--seed", "6", "--threads", "1"}), first);
}

TEST_F(CliMemory, SummaryIsWrittenAsJson) {
    store_walsh({"--json", "S.json"});
    EXPECT_EQ(json("S.json").at("patterns"), 4);
    EXPECT_EQ(json("S.json").at("neurons"), 16);
    EXPECT_EQ(json("S.json").at("rule"), "hebbian");
    write("C.npy", DType::i8, {4, 16}, walsh());
    auto const run = run_well(recall({"--json", "-"}));
    auto const summary = nlohmann::json::parse(run.out);
    EXPECT_EQ(summary.at("cues"), 4);
    EXPECT_EQ(summary.at("fixed_points"), 4);
    EXPECT_EQ(summary.at("recalled_exactly"), 4);
}

}  // namespace
}  // namespace ca3::test
