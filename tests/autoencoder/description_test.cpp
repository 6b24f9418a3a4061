// Trainings as JSON: what is read is what the API would be told.
#include <ca3/autoencoder/description.hpp>

#include <ca3/error.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <limits>

namespace ca3::autoencoder {
namespace {

// Every kind of everything.
char const* const whole_schema = R"({
  "inputs": 784,
  "layers": [
    {"units": 256, "activation": "relu", "batch_norm": true, "dropout": 0.1, "bias": false, "initialiser": "kaiming_normal"},
    {"units": 64, "activation": {"kind": "leaky_relu", "slope": 0.2},
     "initialiser": {"kind": "kaiming_uniform", "gain": 1.5, "mode": "fan_out"}},
    {"units": 32, "activation": {"kind": "prelu", "slope": 0.125, "per_unit": true}, "unit_sphere": true,
     "initialiser": {"kind": "xavier_normal", "gain": 2}},
    {"units": 64, "activation": "tanh", "tied_to": 2, "initialiser": {"kind": "uniform", "scale": 0.5}},
    {"units": 784, "activation": "sigmoid", "initialiser": {"kind": "normal", "scale": 0.02}}],
  "encoder_layers": 2, "seed": 18446744073709551615, "precision": "bf16",
  "loss": "bce",
  "optimizer": {"kind": "sgd", "learning_rate": 0.1, "momentum": 0.9, "dampening": 0, "nesterov": true, "weight_decay": 1e-4, "l1": 1e-5},
  "schedule": {"kind": "step", "every": 3, "gamma": 0.5},
  "epochs": 10, "batch": 256, "drop_last": true, "shuffle": false, "training_seed": 9, "clip_norm": 2.5,
  "penalties": [{"layer": 0, "scale": 1e-6, "reduction": "mean"}, {"layer": 4, "scale": -0.5}],
  "kl": {"scale": 0.25, "reduction": "sum"},
  "corrupt": [
    {"kind": "gaussian_noise", "sigma": 0.75}, {"kind": "salt_and_pepper", "share": 0.25}, {"kind": "bit_flips", "share": 0.125},
    {"kind": "occluded_rectangle", "height": 5, "width": 6, "row": 2, "column": 3, "value": 0.5, "image_width": 28},
    {"kind": "rotation", "degrees": 45, "fixed": true, "image_width": 28}, {"kind": "pixel_permutation", "seed": 4}],
  "early_stop": {"patience": 4, "least_gain": 1e-3},
  "checkpoint": "a.safetensors", "checkpoint_every": 5, "resume": true
})";

TEST(TrainingDescription, ReadsEveryKindOfLayer) {
    Description const d = parse_description(whole_schema, "net");
    using Kind = Initialiser::Kind;
    Architecture expected(
        784,
        {{256, relu, {.bias = false, .batch_norm = true, .dropout = 0.1, .initialiser = {Kind::kaiming_normal}}},
         {64, {Activation::Kind::leaky_relu, 0.2}, {.initialiser = {.kind = Kind::kaiming_uniform, .gain = 1.5, .fan_out = true}}},
         {32, {Activation::Kind::prelu, 0.125, true}, {.unit_sphere = true, .initialiser = {.kind = Kind::xavier_normal, .gain = 2.0}}},
         {64, hyperbolic_tangent, {.tied_to = 2, .initialiser = {.kind = Kind::uniform, .scale = 0.5}}},
         {784, sigmoid, {.initialiser = {.kind = Kind::normal, .scale = 0.02}}}});
    expected.encoder_layers = 2;
    EXPECT_EQ(d.architecture, expected) << to_json(d.architecture);
    EXPECT_EQ(d.options.seed, 18446744073709551615ULL);
    EXPECT_EQ(d.options.precision, Precision::bf16);
}

TEST(TrainingDescription, ReadsEveryOptionOfFit) {
    FitOptions const fit = parse_description(whole_schema, "net").fit;
    EXPECT_EQ(fit.loss, Loss::bce);
    EXPECT_EQ(fit.optimizer, Optimizer(Sgd{.learning_rate = 0.1, .momentum = 0.9, .nesterov = true, .weight_decay = 1e-4, .l1 = 1e-5}));
    EXPECT_EQ(fit.schedule, (Schedule{.kind = Schedule::Kind::step, .every = 3, .gamma = 0.5}));
    EXPECT_EQ(fit.epochs, 10);
    EXPECT_EQ(fit.batch, 256);
    EXPECT_TRUE(fit.drop_last);
    EXPECT_FALSE(fit.shuffle);
    EXPECT_EQ(fit.seed, 9U);
    EXPECT_EQ(fit.clip_norm, 2.5);
    EXPECT_EQ(fit.penalties, (std::vector<ActivityPenalty>{{0, 1e-6, Reduction::mean}, {4, -0.5, Reduction::sum}}));
    EXPECT_EQ(fit.kl_scale, 0.25);
    EXPECT_EQ(fit.kl_reduction, Reduction::sum);
    EXPECT_EQ(fit.corrupt,
              (std::vector<Corruption>{GaussianNoise{0.75}, SaltAndPepper{0.25}, BitFlips{0.125}, OccludedRectangle{5, 6, 2, 3, 0.5, 28},
                                       Rotation{45.0, true, 28}, PixelPermutation{4}}));
    EXPECT_EQ(fit.early_stop.patience, 4);
    EXPECT_EQ(fit.early_stop.least_gain, 1e-3);
    EXPECT_EQ(fit.checkpoint, "a.safetensors");
    EXPECT_EQ(fit.checkpoint_every, 5);
    EXPECT_TRUE(fit.resume);
}

/// A network of one layer with these members beside it.
Description with(std::string const& members) {
    return parse_description(R"({"inputs": 3, "layers": [{"units": 3}])" + (members.empty() ? "" : ", " + members) + "}", "net");
}
Layer layer(std::string const& members) {
    return parse_description(R"({"inputs": 3, "layers": [{"units": 3, )" + members + "}]}", "net").architecture.layers[0];
}

TEST(TrainingDescription, WhatIsLeftOpenIsTheDefaultOfTheStruct) {
    Description const d = with("");
    FitOptions const plain;
    EXPECT_EQ(d.architecture, Architecture(3, {{3}}));
    EXPECT_EQ(d.options.seed, ModelOptions{}.seed);
    EXPECT_EQ(d.options.precision, Precision::f32);
    EXPECT_EQ(d.fit.epochs, plain.epochs);
    EXPECT_EQ(d.fit.batch, plain.batch);
    EXPECT_EQ(d.fit.drop_last, plain.drop_last);
    EXPECT_EQ(d.fit.optimizer, plain.optimizer);
    EXPECT_EQ(d.fit.loss, plain.loss);
    EXPECT_EQ(d.fit.penalties, plain.penalties);
    EXPECT_EQ(d.fit.kl_scale, plain.kl_scale);
    EXPECT_EQ(d.fit.kl_reduction, plain.kl_reduction);
    EXPECT_EQ(d.fit.schedule, plain.schedule);
    EXPECT_EQ(d.fit.clip_norm, plain.clip_norm);
    EXPECT_EQ(d.fit.corrupt, plain.corrupt);
    EXPECT_EQ(d.fit.shuffle, plain.shuffle);
    EXPECT_EQ(d.fit.seed, plain.seed);
    EXPECT_EQ(d.fit.early_stop.patience, plain.early_stop.patience);
    EXPECT_EQ(d.fit.checkpoint, plain.checkpoint);
    EXPECT_EQ(d.fit.checkpoint_every, plain.checkpoint_every);
    EXPECT_EQ(d.fit.resume, plain.resume);
}

TEST(TrainingDescription, AWordStandsForAnObjectOfThatKind) {
    for (auto const& [word, activation] : std::vector<std::pair<std::string, Activation>>{{"identity", identity},
                                                                                          {"sigmoid", sigmoid},
                                                                                          {"tanh", hyperbolic_tangent},
                                                                                          {"arctan", arctan},
                                                                                          {"relu", relu},
                                                                                          {"leaky_relu", leaky_relu},
                                                                                          {"prelu", prelu},
                                                                                          {"softmax", softmax},
                                                                                          {"log_softmax", log_softmax},
                                                                                          {"unit_sphere", unit_sphere},
                                                                                          {"gaussian", gaussian}}) {
        EXPECT_EQ(layer(R"("activation": ")" + word + '"').activation, activation) << word;
        EXPECT_EQ(layer(R"("activation": {"kind": ")" + word + "\"}").activation, activation) << word;
    }
    using Kind = Initialiser::Kind;
    for (Kind const kind : {Kind::pytorch, Kind::kaiming_uniform, Kind::kaiming_normal, Kind::xavier_uniform, Kind::xavier_normal,
                            Kind::uniform, Kind::normal}) {
        std::string const word(to_string(kind));
        EXPECT_EQ(layer(R"("initialiser": ")" + word + '"').options.initialiser, Initialiser{.kind = kind}) << word;
        EXPECT_EQ(layer(R"("initialiser": {"kind": ")" + word + "\"}").options.initialiser, Initialiser{.kind = kind}) << word;
    }
    EXPECT_EQ(with(R"("optimizer": "sgd")").fit.optimizer, Optimizer(Sgd{}));
    EXPECT_EQ(with(R"("optimizer": "adam")").fit.optimizer, Optimizer(Adam{}));
    EXPECT_EQ(with(R"("optimizer": "adamw")").fit.optimizer, Optimizer(AdamW{}));
    EXPECT_EQ(with(R"("schedule": "cosine")").fit.schedule, Schedule{.kind = Schedule::Kind::cosine});
    EXPECT_EQ(with(R"("corrupt": ["bit_flips"])").fit.corrupt, std::vector<Corruption>{BitFlips{}});
}

TEST(TrainingDescription, SpeaksPyTorchToo) {
    EXPECT_EQ(with(R"("optimizer": {"kind": "adam", "lr": 0.5, "betas": [0.8, 0.75], "eps": 1e-6})").fit.optimizer,
              Optimizer(Adam{.learning_rate = 0.5, .beta1 = 0.8, .beta2 = 0.75, .epsilon = 1e-6}));
    EXPECT_EQ(with(R"("optimizer": {"kind": "adamw", "beta1": 0.5, "epsilon": 0})").fit.optimizer,
              Optimizer(AdamW{.beta1 = 0.5, .epsilon = 0.0}));
    EXPECT_EQ(with(R"("optimiser": {"kind": "sgd", "lr": 2})").fit.optimizer, Optimizer(Sgd{.learning_rate = 2.0}));
    EXPECT_EQ(with(R"("batch_size": 17)").fit.batch, 17);
    EXPECT_EQ(with(R"("schedule": {"kind": "step", "step_size": 4})").fit.schedule.every, 4);
    EXPECT_EQ(with(R"("schedule": {"kind": "cosine", "T_max": 40, "floor": 0.5})").fit.schedule,
              (Schedule{.kind = Schedule::Kind::cosine, .period = 40, .floor = 0.5}));
    EXPECT_EQ(with(R"("early_stop": {"patience": 2, "min_delta": 0.5})").fit.early_stop.least_gain, 0.5);
    EXPECT_EQ(layer(R"("activation": {"kind": "leaky_relu", "negative_slope": 0.3})").activation.slope, 0.3);
    EXPECT_EQ(layer(R"("activation": {"kind": "prelu", "init": 0.3})").activation.slope, 0.3);
    EXPECT_EQ(layer(R"("initializer": {"kind": "normal", "std": 0.3})").options.initialiser.scale, 0.3);
}

TEST(TrainingDescription, ReadsEveryLossAndPrecision) {
    for (Loss const loss : {Loss::mse, Loss::l1, Loss::bce, Loss::bce_with_logits, Loss::cross_entropy, Loss::nll})
        EXPECT_EQ(with(R"("loss": ")" + std::string(to_string(loss)) + '"').fit.loss, loss);
    for (Precision const p : {Precision::f32, Precision::tf32x3, Precision::tf32, Precision::bf16, Precision::f64})
        EXPECT_EQ(with(R"("precision": ")" + std::string(to_string(p)) + '"').options.precision, p);
}

// ---- architectures there and back -----------------------------------------------------------------------------------------------

void expect_round_trip(Architecture const& architecture) {
    std::string const text = to_json(architecture);
    EXPECT_EQ(parse_architecture(text, "text"), architecture) << text;
    EXPECT_EQ(to_json(parse_architecture(text, "text")), text);
}

TEST(ArchitectureAsJson, ComesBackAsItWas) {
    expect_round_trip({784, {256, relu}, {784, sigmoid}});
    expect_round_trip(parse_description(whole_schema, "net").architecture);
    expect_round_trip({5, {3, gaussian}, {5}});
    expect_round_trip({5, {3, prelu, {.unit_sphere = true}}, {5, unit_sphere, {.unit_sphere = true, .dropout = 0.5}}});
    for (int layers = -1; layers <= 2; ++layers) {
        if (layers == 0) continue;
        Architecture architecture{4, {2, hyperbolic_tangent}, {4}};
        architecture.encoder_layers = layers;
        expect_round_trip(architecture);
    }
}

TEST(ArchitectureAsJson, KeepsEveryBitOfItsNumbers) {
    for (double const x : {1.0 / 3.0, 0.1, 5e-324, std::numeric_limits<double>::max(), std::nextafter(1.0, 2.0), 1e23, 123456789012345.6}) {
        expect_round_trip({4, {4, {Activation::Kind::leaky_relu, x}, {.initialiser = {.gain = x, .scale = x}}}});
        expect_round_trip({4, {4, {Activation::Kind::prelu, -x}}});
    }
    expect_round_trip({4, {4, {}, {.dropout = 1.0 / 3.0}}});
    expect_round_trip({4, {4, {}, {.dropout = std::nextafter(1.0, 0.0)}}});
}

// The slope of a ReLU means nothing, yet equality asks for it.
TEST(ArchitectureAsJson, KeepsNumbersThatTheKindDoesNotUse) {
    expect_round_trip({4, {4, {Activation::Kind::relu, 0.5, true}}});
    expect_round_trip({4, {4, {Activation::Kind::prelu, 0.01}}});
    expect_round_trip({4, {4, {}, {.initialiser = {.kind = Initialiser::Kind::uniform, .gain = 2.0, .fan_out = true}}}});
    expect_round_trip({4, {4, {}, {.initialiser = {.kind = Initialiser::Kind::xavier_normal, .scale = 2.0, .fan_out = true}}}});
}

TEST(ArchitectureAsJson, IsShort) {
    EXPECT_EQ(to_json({8, {3, prelu, {.unit_sphere = true}}, {8}}),
              R"({"inputs":8,"layers":[{"units":3,"activation":"prelu","unit_sphere":true},{"units":8,"activation":"identity"}]})");
    EXPECT_EQ(to_json({784, {256, relu}, {784, sigmoid, {.tied_to = 0}}}),
              R"({"inputs":784,"layers":[{"units":256,"activation":"relu"},{"units":784,"activation":"sigmoid","tied_to":0}]})");
}

TEST(TrainingDescription, TheExampleOfReadmeIsOne) {
    std::ifstream in(CA3_SOURCE_DIR "/README.md");
    std::string const readme(std::istreambuf_iterator<char>(in), {}), opening = "```json\n";
    auto const section = readme.find("## Trainings as JSON"), begin = readme.find(opening, section);
    ASSERT_TRUE(section != std::string::npos && begin != std::string::npos) << "README.md has no example of a training";
    auto const first = begin + opening.size();
    Description const described = parse_description(readme.substr(first, readme.find("```", first) - first), "README.md");
    EXPECT_EQ(described.architecture, (Architecture{784, {256, relu}, {32, relu}, {256, relu}, {784, sigmoid}}));
    EXPECT_EQ(described.options.seed, 7U);
    EXPECT_EQ(described.fit.loss, Loss::bce);
    EXPECT_EQ(described.fit.corrupt, std::vector<Corruption>{GaussianNoise{0.3}});
}

TEST(TrainingDescription, IsReadFromAFile) {
    std::string const path = testing::TempDir() + "ca3_training_description_test.json";
    std::ofstream(path) << whole_schema;
    EXPECT_EQ(read_description(path).architecture.inputs, 784);
    std::ofstream(path) << "{";
    EXPECT_THROW(static_cast<void>(read_description(path)), FormatError);
    std::remove(path.c_str());
    EXPECT_THROW(static_cast<void>(read_description(path)), FileError);
    EXPECT_THROW(static_cast<void>(read_description(testing::TempDir())), FileError);
}

}  // namespace
}  // namespace ca3::autoencoder
