#include "program.hpp"

#include <ca3/autoencoder.hpp>
#include <ca3/digits.hpp>
#include <ca3/error.hpp>
#include <ca3/io/safetensors.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>

namespace ca3::test {
namespace {

using io::DType;

char const* const config = R"({"inputs": 6, "layers": [{"units": 4, "activation": "sigmoid"}, {"units": 2, "activation": "tanh"},
                                                      {"units": 6, "activation": "sigmoid"}],
  "loss": "mse", "optimizer": {"kind": "adam", "lr": 0.01}, "epochs": 5, "batch": 8, "seed": 3})";

class CliAutoencoder : public Program {
protected:
    void SetUp() override {
        Program::SetUp();
        if (IsSkipped()) return;
        write_text("net.json", config);
        write("X.npy", DType::f32, {20, 6}, samples(20));
        write("T.npy", DType::f32, {10, 6}, samples(10));
    }
    void write_text(std::string const& file, std::string const& content) const { std::ofstream(path(file)) << content; }
    static std::vector<float> samples(std::size_t count) {
        std::vector<float> x;
        for (std::size_t i = 0; i < 6 * count; ++i) x.push_back(static_cast<float>((i * 37) % 101) / 100.0F);
        return x;
    }
    Outcome autoencoder(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "autoencoder");
        return run_well(std::move(arguments));
    }
    nlohmann::json train(std::vector<std::string> more = {}, std::string const& model = "M.safetensors") {
        std::vector<std::string> arguments{"--quiet", "train", "net.json", "--data", "X.npy", "--model", model, "--history", "H.json"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        EXPECT_EQ(autoencoder(arguments).out, "");
        return json("H.json");
    }
    /// Of the first layer.
    std::vector<float> weights() const { return values<float>(io::read_safetensors(path("M.safetensors")).tensors.at("encoder.0.weight")); }
    io::Array result(std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), {"--quiet", "--model", "M.safetensors", "--result", "Y.npy"});
        autoencoder(arguments);
        return io::read_npy(path("Y.npy"));
    }
    void refuse(std::vector<std::string> arguments, std::string const& words) {
        auto const before = files();
        arguments.insert(arguments.begin(), {"autoencoder", "train"});
        arguments.insert(arguments.end(), {"--model", "M.safetensors", "--history", "H.json"});
        run_badly(arguments, words);
        EXPECT_EQ(files(), before) << words;
    }
    /// A folder with MNIST's four files: 40 + 20 synthetic digits.
    void write_digits() {
        auto part = [&](std::int64_t first, std::int64_t count, std::string const& name) {
            Images const all = synthetic_digits(first + count);
            std::string images("\0\0\x08\x03\0\0\0", 7), labels("\0\0\x08\x01\0\0\0", 7);
            images += static_cast<char>(count);
            images += std::string("\0\0\0\x1c\0\0\0\x1c", 8);
            labels += static_cast<char>(count);
            images.append(all.pixels.begin() + first * 784, all.pixels.end());
            labels.append(all.labels.begin() + first, all.labels.end());
            write_text("digits/" + name + "-images-idx3-ubyte", images);
            write_text("digits/" + name + "-labels-idx1-ubyte", labels);
        };
        std::filesystem::create_directory(folder / "digits");
        part(0, 40, "train");
        part(40, 20, "t10k");
    }
};

TEST_F(CliAutoencoder, HelpNamesTheCommandsAndRunListsTheExperiments) {
    auto const help = autoencoder({"--help"}).out;
    for (auto const* word : {"train", "encode", "decode", "reconstruct", "activations", "evaluate", "gradient", "run"})
        EXPECT_NE(help.find(word), std::string::npos) << word;
    auto const list = autoencoder({"run"}).out;
    for (auto const* word : {"A1 ", "A2 ", "A3 ", "A4 ", "A5 ", "A6 ", "A7 ", "A8 ", "A10", "A11", "A12", "A14", "A15", "A16", "M1", "M2"})
        EXPECT_NE(list.find(word), std::string::npos) << word;
}

TEST_F(CliAutoencoder, TrainingWritesModelAndHistory) {
    auto const history = train({"--test", "T.npy"});
    EXPECT_EQ(history.at("seed"), 3);
    EXPECT_EQ(history.at("backend"), "cpu");
    EXPECT_GE(history.at("threads"), 1);
    EXPECT_EQ(history.at("precision"), "f32");
    EXPECT_EQ(history.at("stop"), "finished");
    EXPECT_EQ(history.at("parameters"), 6 * 4 + 4 + 4 * 2 + 2 + 2 * 6 + 6);
    EXPECT_EQ(history.at("config"), nlohmann::json::parse(config));
    EXPECT_TRUE(history.at("version").is_string());
    EXPECT_GT(history.at("samples_per_second"), 0.0);
    ASSERT_EQ(history.at("epochs").size(), 5U);
    for (std::size_t k = 0; k < 5; ++k) {
        auto const& e = history.at("epochs")[k];
        EXPECT_EQ(e.at("epoch"), k + 1);
        EXPECT_GT(e.at("train_loss"), 0.0);
        EXPECT_GT(e.at("test_loss"), 0.0);
        EXPECT_GE(e.at("seconds"), 0.0);
    }
    EXPECT_LT(history.at("epochs")[4].at("train_loss"), history.at("epochs")[0].at("train_loss"));
    auto const tensors = io::read_safetensors(path("M.safetensors")).tensors;
    EXPECT_EQ(tensors.at("encoder.0.weight").shape, (std::vector<std::int64_t>{4, 6}));
    EXPECT_EQ(files(), (std::vector<std::string>{"H.json", "M.safetensors", "T.npy", "X.npy", "net.json"}));
    EXPECT_TRUE(train().at("epochs")[0].at("test_loss").is_null());  // without test samples
}

TEST_F(CliAutoencoder, TrainsInBf16WhereTheProcessorHasIt) {
    std::string description = config;
    write_text("net.json", description.replace(description.rfind('}'), 1, R"(, "precision": "bf16"})"));
    try {
        (void)autoencoder::Model(Context::cpu(), {1, {1, identity}}, {.precision = Precision::bf16});
    } catch (InvalidArgument const&) {
        refuse({"net.json", "--data", "X.npy"}, "precision bf16 is not available on the cpu backend");
        GTEST_SKIP() << "this processor has no AVX-512 BF16";
    }
    auto const exact = train({"--precision", "f32"}), history = train({"--backend", "cpu"});
    EXPECT_EQ(exact.at("precision"), "f32");
    EXPECT_EQ(history.at("precision"), "bf16");
    EXPECT_EQ(history.at("backend"), "cpu");
    EXPECT_LT(history.at("epochs")[4].at("train_loss"), history.at("epochs")[0].at("train_loss"));
    EXPECT_NE(history.at("epochs")[4].at("train_loss"), exact.at("epochs")[4].at("train_loss"));
}

TEST_F(CliAutoencoder, TheSameSeedGivesTheSameBytesForAnyNumberOfThreads) {
    train({"--threads", "1"});
    auto const model = text("M.safetensors");
    auto losses = json("H.json").at("epochs");
    train({"--threads", "2"});
    EXPECT_EQ(text("M.safetensors"), model);
    for (std::size_t k = 0; k < losses.size(); ++k) EXPECT_EQ(json("H.json").at("epochs")[k].at("train_loss"), losses[k].at("train_loss"));
    train({"--seed", "3"});
    EXPECT_EQ(text("M.safetensors"), model);  // the configuration's own
    train({"--seed", "4"});
    EXPECT_NE(text("M.safetensors"), model);
}

TEST_F(CliAutoencoder, OptionsComeBeforeTheConfiguration) {
    auto const history = train({"--epochs", "2", "--batch", "20"});
    EXPECT_EQ(history.at("epochs").size(), 2U);
    EXPECT_EQ(history.at("batch"), 20);
}

TEST_F(CliAutoencoder, BytesAndDoublesTrainAsTheFloatsTheyStandFor) {
    std::vector<std::uint8_t> bytes;
    std::vector<float> floats;
    std::vector<double> doubles;
    for (int i = 0; i < 120; ++i) {
        bytes.push_back(static_cast<std::uint8_t>(i * 2));
        floats.push_back(static_cast<float>(i * 2) / 255.0F);
        doubles.push_back(floats.back());
    }
    write("X.npy", DType::f32, {20, 6}, floats);
    train();
    auto const model = text("M.safetensors");
    write("X.npy", DType::u8, {20, 2, 3}, bytes);
    train();
    EXPECT_EQ(text("M.safetensors"), model);
    write("X.npy", DType::f64, {20, 6, 1}, doubles);
    train();
    EXPECT_EQ(text("M.safetensors"), model);
}

TEST_F(CliAutoencoder, AnOrderIsFollowedAndAStartTaken) {
    train({"--epochs", "1"}, "first.safetensors");
    std::vector<std::int32_t> order;
    for (int e = 0; e < 2; ++e)
        for (int i = 0; i < 16; ++i) order.push_back((i * 7 + e) % 20);
    write("order.npy", DType::i32, {2, 16}, order);
    train({"--order", "order.npy", "--init", "first.safetensors"});
    auto const model = weights();
    train({"--order", "order.npy", "--init", "first.safetensors", "--seed", "99"});
    EXPECT_EQ(weights(), model);  // nothing random is left
    train({"--init", "first.safetensors"});
    EXPECT_NE(weights(), model);
}

TEST_F(CliAutoencoder, AResumedTrainingIsTheUninterruptedOne) {
    train();
    auto const model = text("M.safetensors");
    train({"--epochs", "2", "--checkpoint", "C"});
    auto const history = train({"--resume", "C"});
    EXPECT_EQ(text("M.safetensors"), model);
    EXPECT_EQ(history.at("epochs").back().at("epoch"), 5);
}

TEST_F(CliAutoencoder, ClassesAreTargets) {
    write_text("net.json", R"({"inputs": 6, "layers": [{"units": 5, "activation": "tanh"}, {"units": 3, "activation": "log_softmax"}],
                              "loss": "nll", "optimizer": {"kind": "sgd", "learning_rate": 1}, "epochs": 3, "batch": 10})");
    std::vector<std::int64_t> classes(20);
    for (std::size_t i = 0; i < 20; ++i) classes[i] = static_cast<std::int64_t>(i % 3);
    write("C.npy", DType::i64, {20}, classes);
    auto const history = train({"--targets", "C.npy", "--test", "X.npy", "--test-targets", "C.npy"});
    EXPECT_EQ(history.at("loss"), "nll");
    EXPECT_GT(history.at("epochs")[2].at("test_loss"), 0.0);
    refuse({"net.json", "--data", "X.npy", "--targets", "C.npy", "--test", "X.npy"}, "--test-targets is missing");
    refuse({"net.json", "--data", "T.npy", "--targets", "C.npy"}, "C.npy: expected targets for the 10 samples of T.npy, found 20");
}

TEST_F(CliAutoencoder, ResultsHaveTheShapesPromised) {
    train();
    using Shape = std::vector<std::int64_t>;
    auto const y = result({"reconstruct", "--data", "T.npy"});
    EXPECT_EQ(y.dtype, DType::f32);
    EXPECT_EQ(y.shape, (Shape{10, 6}));
    auto const z = result({"encode", "--data", "T.npy"});
    EXPECT_EQ(z.shape, (Shape{10, 2}));
    io::write_npy(path("Z.npy"), z);
    EXPECT_EQ(values<float>(result({"decode", "--data", "Z.npy"})), values<float>(y));
    EXPECT_EQ(result({"activations", "--layer", "0", "--data", "T.npy"}).shape, (Shape{10, 4}));
    EXPECT_EQ(values<float>(result({"activations", "--layer", "1", "--data", "T.npy"})), values<float>(z));
    EXPECT_EQ(result({"gradient", "--data", "T.npy"}).shape, (Shape{10, 6}));

    double mse = 0.0;
    auto const out = values<float>(y);
    for (std::size_t i = 0; i < out.size(); ++i) mse += std::pow(double{out[i]} - samples(10)[i], 2) / 60.0;
    autoencoder({"evaluate", "--quiet", "--model", "M.safetensors", "--data", "T.npy", "--json", "E.json"});
    EXPECT_NEAR(json("E.json").at("loss").get<double>(), mse, 1e-6 * mse);  // sixty f32 squares
}

TEST_F(CliAutoencoder, APlainStateDictNeedsTheConfiguration) {
    train();
    auto const y = values<float>(result({"reconstruct", "--data", "T.npy"}));
    io::Tensors plain = io::read_safetensors(path("M.safetensors"));
    plain.metadata.clear();
    io::write_safetensors(path("M.safetensors"), plain);
    EXPECT_EQ(values<float>(result({"reconstruct", "--data", "T.npy", "--config", "net.json"})), y);
    std::filesystem::remove(path("Y.npy"));
    run_badly({"autoencoder", "reconstruct", "--model", "M.safetensors", "--data", "T.npy", "--result", "Y.npy"}, "M.safetensors");
    EXPECT_FALSE(std::filesystem::exists(path("Y.npy")));
}

TEST_F(CliAutoencoder, AFolderGivesBothSplitsAndItsTestImages) {
    write_digits();
    write_text("net.json", R"({"inputs": 784, "layers": [{"units": 3, "activation": "relu"}, {"units": 784, "activation": "sigmoid"}],
                              "epochs": 1, "batch": 16})");
    autoencoder({"--quiet", "train", "net.json", "--data", "digits", "--model", "M.safetensors", "--history", "H.json"});
    EXPECT_EQ(json("H.json").at("samples"), 40);
    EXPECT_EQ(json("H.json").at("seed"), 1);  // that of the program, where the configuration has none
    EXPECT_GT(json("H.json").at("epochs")[0].at("test_loss"), 0.0);
    EXPECT_EQ(result({"reconstruct", "--data", "digits"}).shape, (std::vector<std::int64_t>{20, 784}));
}

TEST_F(CliAutoencoder, FaultsAreOneLineAndLeaveNothingBehind) {
    refuse({"absent.json", "--data", "X.npy"}, "absent.json");
    refuse({"net.json", "--data", "absent.npy"}, "absent.npy");
    refuse({"net.json", "--data", "X.npy", "--test", "absent.npy"}, "absent.npy");
    refuse({"net.json", "--data", "X.npy", "--init", "net.json"}, "net.json");
    refuse({"net.json", "--data", "X.npy", "--resume", "X.npy"}, "X.npy");
    write("W.npy", DType::f32, {4, 5}, std::vector<float>(20, 0.5F));
    refuse({"net.json", "--data", "W.npy"}, "W.npy: expected 6 values for each sample (the network's input), found 4 samples of 5");
    write("W.npy", DType::i64, {4, 6}, std::vector<std::int64_t>(24, 1));
    refuse({"net.json", "--data", "W.npy"}, "W.npy: expected float32, float64 or uint8 (bytes count as value / 255), found int64");
    write("W.npy", DType::f32, {6}, std::vector<float>(6, 0.5F));
    refuse({"net.json", "--data", "W.npy"}, "found the shape 6");
    write("W.npy", DType::f32, {0, 6}, std::vector<float>{});
    refuse({"net.json", "--data", "W.npy"}, "expected at least one sample, found the shape 0 x 6");
    auto broken = samples(20);
    broken[2 * 6 + 4] = std::numeric_limits<float>::quiet_NaN();
    write("W.npy", DType::f32, {20, 6}, broken);
    refuse({"net.json", "--data", "W.npy"}, "W.npy: element [2, 4] is nan");
    write("W.npy", DType::f32, {20}, std::vector<float>(20, 1.0F));
    refuse({"net.json", "--data", "X.npy", "--order", "W.npy"}, "W.npy: expected sample numbers of an integer type, found float32");
    write("W.npy", DType::i64, {1, 20}, std::vector<std::int64_t>(20, 20));
    refuse({"net.json", "--data", "X.npy", "--order", "W.npy"}, "20");
    refuse({"net.json", "--data", "X.npy", "--batch", "21"}, "21");
    write_text("bad.json", "{\"inputs\": 6,");
    refuse({"bad.json", "--data", "X.npy"}, "bad.json");
    write_text("bad.json", R"({"inputs": 6, "layers": [{"units": 6, "activation": "swish"}]})");
    refuse({"bad.json", "--data", "X.npy"}, "swish");
    for (auto const* option : {"--checkpoint", "--json"})
        refuse({"net.json", "--data", "X.npy", option, "absent/F"}, "there is no folder 'absent'");
    run_badly({"autoencoder", "train", "net.json", "--data", "X.npy", "--model", "absent/M", "--history", "H.json"}, "absent");
    EXPECT_FALSE(std::filesystem::exists(path("H.json")));
}

TEST_F(CliAutoencoder, ADivergingTrainingLeavesNothingBehind) {
    std::string text = config;
    text.replace(text.find("\"kind\": \"adam\", \"lr\": 0.01"), 26, "\"kind\": \"sgd\", \"lr\": 1e38");
    text.replace(text.find("sigmoid\"}],"), 11, "identity\"}],");
    write_text("wild.json", text);
    refuse({"wild.json", "--data", "X.npy"}, "epoch");
}

TEST_F(CliAutoencoder, WrongUsageIsExitCodeTwo) {
    for (std::vector<std::string> const& arguments :
         std::vector<std::vector<std::string>>{{},
                                               {"train"},
                                               {"train", "net.json"},
                                               {"train", "net.json", "--data", "X.npy", "--model", "M", "--epochs", "0"},
                                               {"encode", "--data", "X.npy"},
                                               {"activations", "--model", "M", "--result", "Y.npy"},
                                               {"run", "A1", "--hidden", "0"},
                                               {"run", "A10", "--loss", "hinge"},
                                               {"run", "A11", "--activation", "swish"},
                                               {"run", "A3", "--hidden", "5"},
                                               {"run", "A3", "A5"}}) {
        std::vector<std::string> all{"autoencoder"};
        all.insert(all.end(), arguments.begin(), arguments.end());
        auto const outcome = run(all);
        EXPECT_EQ(outcome.exit_code, 2) << testing::PrintToString(all) << outcome.err;
        EXPECT_EQ(outcome.out, "") << testing::PrintToString(all);
        EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    }
    EXPECT_EQ(files(), (std::vector<std::string>{"T.npy", "X.npy", "net.json"}));
}

TEST_F(CliAutoencoder, UnknownExperimentsAreAnsweredWithThoseThereAre) {
    run_badly({"autoencoder", "run", "A99"}, "there is no experiment 'A99'. There are A1, A2, A3, A4");
    run_badly({"autoencoder", "run", "A99", "--hidden", "5"}, "there is no experiment 'A99'");
    run_badly({"autoencoder", "run", "A9"}, "experiment A9 is not built yet: it needs convolutions");
    EXPECT_EQ(files(), (std::vector<std::string>{"T.npy", "X.npy", "net.json"}));
}

// ---- the experiments -------------------------------------------------------------------------------------------------

class CliAutoencoderRun : public CliAutoencoder, public testing::WithParamInterface<std::string> {};

TEST_P(CliAutoencoderRun, FinishesWithTheJsonPromised) {
    std::string const id = GetParam();
    std::vector<std::string> arguments{"--quiet", "--json", "result.json", "run", id, "--epochs", "1"};
    bool const images = id[0] == 'A' && id != "A3" && id != "A15";
    if (images) arguments.insert(arguments.end(), {"--train-images", "60", "--test-images", "40"});
    autoencoder(arguments);
    auto const result = json("result.json");
    EXPECT_EQ(result.at("command"), "autoencoder run");
    EXPECT_EQ(result.at("experiment"), id);
    EXPECT_EQ(result.at("seed"), 1);
    EXPECT_EQ(result.at("backend"), "cpu");
    EXPECT_GE(result.at("threads"), 1);
    EXPECT_EQ(result.at("precision"), "f32");
    EXPECT_GE(result.at("variants").size(), id == "A16" ? 0U : 1U);
    ASSERT_EQ(result.at("epochs").size(), result.at("variants").size());
    for (std::size_t v = 0; v < result.at("variants").size(); ++v) {
        auto const& variant = result.at("variants")[v];
        std::string const name = variant.at("name");
        EXPECT_EQ(result.at("epochs")[v].at("variant"), name);
        EXPECT_EQ(result.at("epochs")[v].at("train_loss"), variant.at("epochs")[0].at("train_loss")) << name;
        ASSERT_EQ(variant.at("epochs").size(), 1U) << name;
        EXPECT_GT(variant.at("epochs")[0].at("train_loss"), 0.0) << name;
        EXPECT_GT(variant.at("parameters"), 0) << name;
        EXPECT_FALSE(io::read_safetensors(path("out/" + name + ".safetensors")).tensors.empty()) << name;
    }
    if (id == "A12") {
        // Counted for the published wide net, with the slope of its code.
        auto const wide = std::ranges::find(result.at("variants"), "A12-wide-sphere", [](auto const& v) { return v.at("name"); });
        ASSERT_NE(wide, result.at("variants").end());
        EXPECT_EQ(wide->at("widths"), "784-1568-392-96-3-96-392-1568-784");
        EXPECT_EQ(wide->at("parameters"), 3768682);
    }
    for (std::string const file : result.at("files")) EXPECT_GT(text("out/" + file).size(), 0U) << file;
    EXPECT_EQ(json("out/" + id + ".json"), result);
}

INSTANTIATE_TEST_SUITE_P(Experiments, CliAutoencoderRun,
                         testing::Values("A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A10", "A11", "A12", "A14", "A15", "A16", "M1",
                                         "M2"),
                         [](auto const& experiment) { return experiment.param; });

TEST_F(CliAutoencoder, OneVariantAloneHasItsEpochsAtTheTop) {
    autoencoder(
        {"--quiet", "--json", "result.json", "run", "a1", "--hidden", "5", "--epochs", "2", "--train-images", "30", "--test-images", "20"});
    auto const result = json("result.json");
    ASSERT_EQ(result.at("variants").size(), 1U);
    EXPECT_EQ(result.at("variants")[0].at("name"), "A1-5");
    EXPECT_EQ(result.at("variants")[0].at("widths"), "784-5-784");
    EXPECT_EQ(result.at("epochs").size(), 2U);
}

TEST_F(CliAutoencoder, TextSetsLossesBesideThePublishedOnes) {
    auto const out = autoencoder({"run", "A10", "--loss", "bce", "--epochs", "1", "--train-images", "100", "--test-images", "20"}).out;
    for (auto const* word : {"A10-bce", "784-32-784", "published", "0.1341", "0.1322", "A10-reconstructions.png", "A10-loss.png"})
        EXPECT_NE(out.find(word), std::string::npos) << word << "\n" << out;
}

TEST_F(CliAutoencoder, WhatAnExperimentCannotDoIsRefusedBeforeItsTraining) {
    run_badly({"--quiet", "autoencoder", "run", "A4", "--hidden", "785", "--train-images", "800", "--test-images", "5"},
              "--hidden: an image of 784 pixels has no 785 principal components");
    run_badly({"--quiet", "autoencoder", "run", "A14", "--variant", "no01", "--train-images", "1", "--test-images", "5"},
              "--train-images: of the training images none is left");
}

TEST_F(CliAutoencoder, FiveStringsPassThroughThreeUnits) {
    autoencoder({"--quiet", "--json", "result.json", "run", "A15"});
    auto const r = json("result.json").at("results");
    // PyTorch's bands over five seeds (tests/peers/autoencoder_bands.json).
    EXPECT_LT(r.at("A15-untied").at("largest_difference"), 0.091);
    EXPECT_LT(r.at("A15-tied").at("largest_difference"), 0.124);
}

}  // namespace
}  // namespace ca3::test
