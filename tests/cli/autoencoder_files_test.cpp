#include "program.hpp"

#include <ca3/io/safetensors.hpp>

#include <cstdlib>
#include <fstream>

/// Files that a training names: the same twice, not writable, a checkpoint named in the configuration. And numbers that are none.
namespace ca3::test {
namespace {

class CliAutoencoderFiles : public Program {
protected:
    void SetUp() override {
        Program::SetUp();
        if (IsSkipped()) return;
        write_config("");
        std::vector<float> x;
        for (int i = 0; i < 120; ++i) x.push_back(static_cast<float>((i * 37) % 101) / 100.0F);
        write("X.npy", io::DType::f32, {20, 6}, x);
    }
    /// @param more members of the description, each with a comma before it
    void write_config(std::string const& more) const {
        std::ofstream(path("net.json")) << R"({"inputs": 6, "layers": [{"units": 2, "activation": "tanh", "dropout": 0.25},
            {"units": 6, "activation": "sigmoid"}], "epochs": 4, "batch": 8, "seed": 3)"
                                        << more << "}";
    }
    std::vector<std::string> training(std::vector<std::string> const& more, std::string const& model = "M.safetensors") const {
        std::vector<std::string> arguments{"autoencoder", "train", "net.json", "--data", "X.npy", "--quiet", "--model", model};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return arguments;
    }
    /// Refused before anything is written.
    void refuse(std::vector<std::string> const& arguments, std::string const& words) const {
        auto const before = files();
        auto const data = text("X.npy"), config = text("net.json");
        run_badly(arguments, words);
        EXPECT_EQ(files(), before) << words;
        EXPECT_EQ(text("X.npy"), data);
        EXPECT_EQ(text("net.json"), config);
    }
};

TEST_F(CliAutoencoderFiles, NoFileIsWrittenTwiceOrOverWhatIsRead) {
    refuse(training({"--history", "M.safetensors"}), "--model and --history are the same file, M.safetensors");
    refuse(training({"--history", "./M.safetensors"}), "are the same file");
    refuse(training({"--checkpoint", "M.safetensors"}), "--model and the checkpoint are the same file");
    refuse(training({"--json", path("M.safetensors")}), "--model and --json are the same file");
    refuse(training({}, "X.npy"), "--model would overwrite --data, X.npy");
    refuse(training({"--history", "net.json"}), "--history would overwrite the configuration, net.json");
    refuse(training({"--test", "X.npy", "--checkpoint", "X.npy"}), "the checkpoint would overwrite");
    run_well(training({"--history", "/dev/null", "--json", "/dev/null"}));
    auto const model = text("M.safetensors");
    for (std::string const file : {"M.safetensors", "X.npy"})
        refuse({"autoencoder", "encode", "--quiet", "--model", "M.safetensors", "--data", "X.npy", "--result", file},
               "--result would overwrite --" + std::string(file == "X.npy" ? "data" : "model"));
    EXPECT_EQ(text("M.safetensors"), model);
    run_well(training({"--init", "M.safetensors"}));  // goes on where it was
    run_well(training({"--checkpoint", "C"}));
    auto const begin = text("M.safetensors"), checkpoint = text("C");
    for (std::string const option : {"--history", "--json", "--checkpoint"})
        refuse(training({"--init", "M.safetensors", option, path("M.safetensors")}, "N"), "would overwrite --init");
    for (std::string const option : {"--history", "--json"})
        refuse(training({"--resume", "C", option, path("C")}), option + " would overwrite the checkpoint to resume");
    refuse(training({"--resume", "C"}, "C"), "--model would overwrite the checkpoint to resume, C");
    EXPECT_EQ(text("M.safetensors"), begin);
    EXPECT_EQ(text("C"), checkpoint);
    run_well(training({"--resume", "C", "--checkpoint", "C", "--epochs", "5"}));
}

TEST_F(CliAutoencoderFiles, StandardOutputThatIsAFileIsWrittenOnTo) {
    auto arguments = training({"--history", "/dev/stdout"});
    std::erase(arguments, "--quiet");
    auto const result = run(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    auto const end = result.out.find("\n}\n");
    ASSERT_NE(end, std::string::npos) << result.out;
    EXPECT_EQ(nlohmann::json::parse(result.out.substr(0, end + 3)).at("epochs").size(), 4U);
    EXPECT_NE(result.out.find("written: M.safetensors", end), std::string::npos) << result.out;

    auto const array = run({"autoencoder", "encode", "--model", "M.safetensors", "--data", "X.npy", "--result", "/proc/self/fd/1"});
    EXPECT_EQ(array.exit_code, 0) << array.err;
    EXPECT_EQ(array.out.substr(0, 6), "\x93NUMPY");
    EXPECT_NE(array.out.find("20 x 2"), std::string::npos);
}

TEST_F(CliAutoencoderFiles, EmptyWordsAreRefused) {
    auto const before = files();
    for (std::string const option : {"--init", "--resume", "--order", "--checkpoint", "--history", "--data", "--json", "--test"})
        for (auto const& words : {std::vector<std::string>{option, ""}, std::vector<std::string>{option + "="}}) {
            auto const result = run(training(words));
            EXPECT_EQ(result.exit_code, 2);
            EXPECT_NE(result.err.find(option + ": expected something, found nothing"), std::string::npos) << result.err;
        }
    EXPECT_EQ(run(training({}, "")).exit_code, 2);
    EXPECT_EQ(files(), before);
    run_well({"autoencoder", "train", "net.json", "--data", "X.npy", "--quiet", "--model=a="});
    EXPECT_FALSE(text("a=").empty());
}

TEST_F(CliAutoencoderFiles, FaultsOfInitialParametersNameTheirFile) {
    io::Tensors tensors = io::read_safetensors((run_well(training({})), path("M.safetensors")));
    tensors.tensors.erase("encoder.0.bias");
    tensors.metadata.clear();
    io::write_safetensors(path("W"), tensors);
    refuse(training({"--init", "W"}), "W: missing tensor 'encoder.0.bias'");
}

TEST_F(CliAutoencoderFiles, WhatAnExperimentCannotTakeIsToldBeforeTheTraining) {
    for (auto const* shares : {"0.1,2", "nan", "-1"})
        EXPECT_EQ(run({"autoencoder", "run", "A2", "--quiet", "--noise", shares}).exit_code, 2);
    refuse({"autoencoder", "run", "A14", "--quiet", "--train-images", "100", "--batch", "85"}, "--batch: expected at most the 8");
    refuse({"autoencoder", "run", "A5", "--quiet", "--hidden", "4", "--train-images", "100", "--batch", "101"},
           "--batch: expected at most the 100 samples");
    write<std::uint64_t>("T.npy", io::DType::u64, {20}, std::vector<std::uint64_t>(20, ~std::uint64_t{99}));
    refuse(training({"--targets", "T.npy"}), "T.npy: element [0] is 18446744073709551516");
    refuse(training({"--test-targets", "X.npy"}), "--test is missing");
}

/// Program::run gives the program a file for its standard output; a shell gives it a pipe.
TEST_F(CliAutoencoderFiles, StandardOutputThatIsAPipeIsWrittenTo) {
    std::string const command = std::string(CA3_PROGRAM) + " info --quiet --json /dev/stdout | cat > " + path("piped.json");
    ASSERT_EQ(std::system(command.c_str()), 0);
    EXPECT_EQ(json("piped.json").at("command"), "info");
}

TEST_F(CliAutoencoderFiles, AFileThatWasPrivateStaysSo) {
    run_well(training({"--history", "H.json"}));
    using std::filesystem::perms;
    for (auto const* file : {"M.safetensors", "H.json"}) std::filesystem::permissions(path(file), perms::owner_read | perms::owner_write);
    run_well(training({"--history", "H.json"}));
    for (auto const* file : {"M.safetensors", "H.json"})
        EXPECT_EQ(std::filesystem::status(path(file)).permissions(), perms::owner_read | perms::owner_write) << file;
}

/// 10^9 epochs: who finds out at the end finds out never.
TEST_F(CliAutoencoderFiles, ALinkIsFollowedToAFileThatIsNotThereYet) {
    std::filesystem::create_directory(folder / "elsewhere");
    std::filesystem::create_symlink("elsewhere/result.json", folder / "link.json");
    run_well({"autoencoder", "--quiet", "--json", "link.json", "run", "A16", "--train-images", "30", "--test-images", "5"});
    EXPECT_TRUE(std::filesystem::is_symlink(folder / "link.json"));
    EXPECT_EQ(json("elsewhere/result.json").at("experiment"), "A16");
}

TEST_F(CliAutoencoderFiles, WhatCannotBeWrittenIsToldBeforeTheTraining) {
    write_config(R"(, "checkpoint": "absent/C")");
    refuse(training({"--epochs", "1000000000"}), "there is no folder 'absent'");
    write_config("");
    if (!std::filesystem::is_directory("/proc/self")) GTEST_SKIP() << "no folder that takes no file, whoever asks";
    refuse(training({"--epochs", "1000000000"}, "/proc/M.safetensors"), "cannot write '/proc/M.safetensors'");
    refuse(training({"--epochs", "1000000000", "--history", "/proc/H"}), "cannot write '/proc/H'");
    refuse({"autoencoder", "run", "A1", "--quiet", "--epochs", "1000000000", "--json", "absent/J"}, "there is no folder 'absent'");
}

TEST_F(CliAutoencoderFiles, AConfigurationThatResumesGoesOnFromItsCheckpoint) {
    run_well(training({"--history", "H.json"}));
    auto const whole = text("M.safetensors");
    auto const epochs = json("H.json").at("epochs");
    write_config(R"(, "checkpoint": "C")");
    run_well(training({"--epochs", "2"}));
    write_config(R"(, "checkpoint": "C", "resume": true)");
    run_well(training({"--history", "H.json"}));
    EXPECT_EQ(text("M.safetensors"), whole);
    ASSERT_EQ(json("H.json").at("epochs").size(), 4U);
    for (std::size_t k = 0; k < 4; ++k) EXPECT_EQ(json("H.json").at("epochs")[k].at("train_loss"), epochs[k].at("train_loss"));
    std::filesystem::remove(path("C"));
    refuse(training({}), "C");
    write_config(R"(, "resume": true)");
    refuse(training({}), "$.resume");
}

TEST_F(CliAutoencoderFiles, WholeNumbersAreDigits) {
    for (auto const* number : {"0", "-1", "010", "0x10", "1e3", "1.5", "+3", " 3", "", "x", "99999999999999999999"})
        for (auto const* option : {"--epochs", "--batch"}) {
            auto const result = run(training({option, number}));
            EXPECT_EQ(result.exit_code, 2) << number;
            EXPECT_LT(result.err.size(), 160U) << result.err;
        }
    for (auto const* number : {"-1", "18446744073709551616"}) EXPECT_EQ(run(training({"--seed", number})).exit_code, 2) << number;
    run_well(training({"--seed", "18446744073709551615", "--history", "H.json"}));
    EXPECT_EQ(json("H.json").at("seed"), 18446744073709551615U);
}

TEST_F(CliAutoencoderFiles, FaultsShowTheNumberAsItIs) {
    write_config(R"(, "loss": "bce")");
    std::vector<double> x(120, 0.5);
    x[15] = -1e-9;
    write("X.npy", io::DType::f64, {20, 6}, x);
    refuse(training({}), "sample 2, value 3 is -1e-09");
    x[15] = 1e300;
    write("X.npy", io::DType::f64, {20, 6}, x);
    refuse(training({}), "X.npy: element [2, 3] is 1e+300, expected a finite number");
}

TEST_F(CliAutoencoderFiles, ACodeMayBeWiderThanTheLayersBesideIt) {
    for (auto const* id : {"A4", "A8"}) {
        run_well({"autoencoder", "run", id, "--quiet", "--hidden", "140", "--epochs", "1", "--train-images", "60", "--test-images", "20",
                  "--batch", "30"});
    }
}

}  // namespace
}  // namespace ca3::test
