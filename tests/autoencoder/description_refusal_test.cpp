// Trainings as JSON: what is not JSON, or cannot be meant, is refused in one line with its place.
#include <ca3/autoencoder/description.hpp>

#include <ca3/error.hpp>

#include <gtest/gtest.h>

namespace ca3::autoencoder {
namespace {

std::string with(std::string const& members) {
    return R"({"inputs": 4, "layers": [{"units": 2}, {"units": 4}], )" + members + "}";
}
/// One more layer with these members.
std::string layer(std::string const& members) {
    return R"({"inputs": 4, "layers": [{"units": 2}, {)" + members + "}]}";
}

std::string message_of(auto&& read) {
    try {
        static_cast<void>(read());
    } catch (InvalidArgument const& error) {
        return error.what();
    } catch (std::exception const& error) {
        return std::string("another exception: ") + error.what();
    }
    return "accepted";
}
std::string refusal(std::string const& text) {
    return message_of([&] { return parse_description(text, "net"); });
}

TEST(TrainingDescriptionRefusal, NamesTheDocumentThePathAndTheValue) {
    EXPECT_EQ(refusal(with(R"("epochs": -3)")), "net: $.epochs: must be a whole number that is not negative, is -3");
    EXPECT_EQ(refusal(layer(R"("units": 4, "activation": "swish")")),
              R"(net: $.layers[1].activation: must be one of "identity", "sigmoid", "tanh", "arctan", "relu", "leaky_relu", "prelu", )"
              R"("softmax", "log_softmax", "unit_sphere", "gaussian", is "swish")");
    EXPECT_EQ(refusal(layer(R"("units": 4, "drop_out": 0.5)")),
              "net: $.layers[1].drop_out: is not known here; known are units, activation, bias, batch_norm, unit_sphere, dropout, tied_to, "
              "initialiser, initializer");
    EXPECT_EQ(refusal(R"({"inputs": 4})"), "net: $: 'layers' is missing");
    EXPECT_EQ(refusal(with(R"("optimizer": {"kind": "adam", "lr": 1, "learning_rate": 1})")),
              "net: $.optimizer.lr: means the same as 'learning_rate', which is there too");
}

TEST(TrainingDescriptionRefusal, EveryFaultIsRefusedWithItsPath) {
    struct Case {
        std::string text, words;
    };
    std::vector<Case> const cases{
        {"[]", "$: must be an object, is a list of 0"},
        {"{}", "$: 'inputs' is missing"},
        {R"({"inputs": 4, "layers": {}})", "$.layers: must be a list, is an object"},
        {R"({"inputs": 4, "layers": [256]})", "$.layers[0]: must be an object, is 256"},
        {R"({"inputs": -4, "layers": []})", "$.inputs: must be a whole number that is not negative, is -4"},
        {R"({"inputs": 4.5, "layers": []})", "$.inputs: must be a whole number"},
        {with(R"("seed": -1)"), "$.seed: must be a whole number from 0 to 2^64 - 1, is -1"},
        {with(R"("precision": "f16")"), R"($.precision: must be one of "f32", "tf32x3", "tf32", "bf16", "f64", is "f16")"},
        {with(R"("loss": "huber")"), R"($.loss: must be one of "mse", "l1", "bce", "bce_with_logits", "cross_entropy", "nll", is "huber")"},
        {with(R"("encoder_layers": -1)"), "$.encoder_layers: must be a whole number that is not negative, is -1"},
        {with(R"("encoder_layers": 2147483648)"), "$.encoder_layers: must be a whole number below 2^31, is 2147483648"},
        {with(R"("epoch": 1)"), "$.epoch: is not known here; known are inputs, layers, encoder_layers, seed, precision, loss, optimizer, "},
        {with(R"("epochs": 1, "epochs": 2)"), "$.epochs: occurs twice"},
        {with(R"("epochs": "10")"), R"($.epochs: must be a whole number that is not negative, is "10")"},
        {with(R"("batch": 9223372036854775808)"), "$.batch: must be a whole number of at most 2^63 - 1"},
        {with(R"("batch": 1, "batch_size": 1)"), "$.batch_size: means the same as 'batch', which is there too"},
        {with(R"("clip_norm": null)"), "$.clip_norm: must be a number, is null"},
        {with(R"("clip_norm": 1e999)"), "$.clip_norm: this number is too large"},
        {with(R"("shuffle": 1)"), "$.shuffle: must be true or false, is 1"},
        {with(R"("checkpoint": true)"), "$.checkpoint: must be a string, is true"},
        {with(R"("training_seed": null)"), "$.training_seed: must be a whole number from 0 to 2^64 - 1, is null"},
        {layer(R"("activation": "relu")"), "$.layers[1]: 'units' is missing"},
        {layer(R"("units": 4, "bias": 0)"), "$.layers[1].bias: must be true or false, is 0"},
        {layer(R"("units": 4, "batch_norm": "yes")"), "$.layers[1].batch_norm: must be true or false"},
        {layer(R"("units": 4, "unit_sphere": 1)"), "$.layers[1].unit_sphere: must be true or false, is 1"},
        {layer(R"("units": 4, "tied_to": -1)"), "$.layers[1].tied_to: must be a whole number that is not negative"},
        {layer(R"("units": 4, "activation": 3)"), "$.layers[1].activation: must be one of"},
        {layer(R"("units": 4, "activation": {})"), "$.layers[1].activation: 'kind' is missing"},
        {layer(R"("units": 4, "activation": {"kind": "relu", "slope": 0.1})"), "$.layers[1].activation.slope: is not known here"},
        {layer(R"("units": 4, "activation": {"kind": "leaky_relu", "per_unit": true})"), ".activation.per_unit: is not known here"},
        {layer(R"("units": 4, "activation": {"kind": "leaky_relu", "slope": 1, "negative_slope": 1})"),
         ".negative_slope: means the same as 'slope'"},
        {layer(R"("units": 4, "activation": {"kind": "prelu", "slope": 1, "init": 1})"), ".init: means the same as 'slope'"},
        {layer(R"("units": 4, "initialiser": "he")"), R"($.layers[1].initialiser: must be one of "pytorch", "kaiming_uniform")"},
        {layer(R"("units": 4, "initialiser": {"kind": "pytorch", "gain": 1})"), ".initialiser.gain: is not known here; known are kind"},
        {layer(R"("units": 4, "initialiser": {"kind": "uniform", "gain": 1})"), ".initialiser.gain: is not known here"},
        {layer(R"("units": 4, "initialiser": {"kind": "xavier_normal", "mode": "fan_in"})"), ".initialiser.mode: is not known here"},
        {layer(R"("units": 4, "initialiser": {"kind": "kaiming_normal", "mode": "fan_avg"})"),
         R"(mode: must be one of "fan_in", "fan_out")"},
        {layer(R"("units": 4, "initialiser": {"kind": "normal", "std": 1, "scale": 1})"), ".std: means the same as 'scale'"},
        {layer(R"("units": 4, "initialiser": "normal", "initializer": "normal")"), ".initializer: means the same as 'initialiser'"},
        {with(R"("optimizer": "rmsprop")"), R"($.optimizer: must be one of "sgd", "adam", "adamw", is "rmsprop")"},
        {with(R"("optimizer": {"lr": 1})"), "$.optimizer: 'kind' is missing"},
        {with(R"("optimizer": {"kind": "adam", "momentum": 0.9})"), "$.optimizer.momentum: is not known here"},
        {with(R"("optimizer": {"kind": "sgd", "betas": [0.9, 0.9]})"), "$.optimizer.betas: is not known here"},
        {with(R"("optimizer": {"kind": "adam", "betas": [0.9]})"), "$.optimizer.betas: must be a list of two numbers, is a list of 1"},
        {with(R"("optimizer": {"kind": "adam", "betas": 0.9})"), "$.optimizer.betas: must be a list of two numbers, is 0.9"},
        {with(R"("optimizer": {"kind": "adam", "betas": [0.9, "x"]})"), R"($.optimizer.betas[1]: must be a number, is "x")"},
        {with(R"("optimizer": {"kind": "adam", "betas": [0.9, 0.9], "beta2": 0.9})"), "$.optimizer.beta2: means the same as 'betas'"},
        {with(R"("optimizer": {"kind": "adam", "eps": 1, "epsilon": 1})"), "$.optimizer.eps: means the same as 'epsilon'"},
        {with(R"("optimizer": "adam", "optimiser": "adam")"), "$.optimiser: means the same as 'optimizer'"},
        {with(R"("schedule": "linear")"), R"($.schedule: must be one of "constant", "step", "cosine", is "linear")"},
        {with(R"("schedule": {"kind": "constant", "gamma": 1})"), "$.schedule.gamma: is not known here; known are kind"},
        {with(R"("schedule": {"kind": "step", "period": 1})"), "$.schedule.period: is not known here"},
        {with(R"("schedule": {"kind": "cosine", "eta_min": 1})"), "$.schedule.eta_min: is not known here"},
        {with(R"("penalties": {})"), "$.penalties: must be a list, is an object"},
        {with(R"("penalties": [{"layer": 0}])"), "$.penalties[0]: 'scale' is missing"},
        {with(R"("penalties": [{"layer": 0, "scale": 1, "reduction": "max"}])"), R"(reduction: must be one of "sum", "mean", is "max")"},
        {with(R"("kl": 1)"), "$.kl: must be an object, is 1"},
        {with(R"("kl": {"scale": 1, "beta": 2})"), "$.kl.beta: is not known here; known are scale, reduction"},
        {with(R"("corrupt": "rotation")"), R"($.corrupt: must be a list, is "rotation")"},
        {with(R"("corrupt": ["blur"])"), R"($.corrupt[0]: must be one of "gaussian_noise", )"},
        {with(R"("corrupt": [{"kind": "bit_flips", "sigma": 1}])"), "$.corrupt[0].sigma: is not known here; known are kind, share"},
        {with(R"("corrupt": ["bit_flips", {"kind": "occluded_rectangle", "row": -1}])"),
         "$.corrupt[1].row: must be a whole number that is"},
        {with(R"("early_stop": {})"), "$.early_stop: 'patience' is missing"},
        {with(R"("early_stop": 5)"), "$.early_stop: must be an object, is 5"},
        {R"({"a": [[[[[[[[1]]]]]]]]})", "$.a[0][0][0][0][0][0][0]: brackets are nested more than 8 deep"},
    };
    for (auto const& c : cases) {
        std::string const message = refusal(c.text);
        EXPECT_EQ(message.rfind("net: $", 0), 0U) << c.text << "\n" << message;
        EXPECT_NE(message.find(c.words), std::string::npos) << c.text << "\nexpected: " << c.words << "\nis: " << message;
    }
}

TEST(TrainingDescriptionRefusal, NumbersOutsideTheirDomainAreNamed) {
    struct Case {
        std::string text, words;
    };
    std::vector<Case> const cases{
        {R"({"inputs": 0, "layers": [{"units": 1}]})", "inputs"},
        {R"({"inputs": 1, "layers": []})", "layers"},
        {R"({"inputs": 1, "layers": [{"units": 0}]})", "layer 0: units"},
        {layer(R"("units": 4, "dropout": 1)"), "layer 1: dropout must be in [0, 1)"},
        {layer(R"("units": 4, "tied_to": 1)"), "layer 1: tied_to must name an earlier layer"},
        {layer(R"("units": 3, "tied_to": 0)"), "is not the transpose of layer 0"},
        {layer(R"("units": 4, "initialiser": {"kind": "uniform", "scale": -1})"), "layer 1: the initialiser's scale"},
        {with(R"("encoder_layers": 3)"), "encoder_layers must be -1 or in [1, 2], is 3"},
        {with(R"("batch": 0)"), "batch must be at least 1, is 0"},
        {with(R"("clip_norm": -0.5)"), "clip_norm must be finite and not negative, is -0.5"},
        {with(R"("optimizer": {"kind": "sgd", "lr": -1e-3})"), "optimizer.learning_rate must be finite and not negative, is -0.001"},
        {with(R"("optimizer": {"kind": "sgd", "momentum": -1})"), "optimizer.momentum must be finite and not negative, is -1"},
        {with(R"("optimizer": {"kind": "sgd", "weight_decay": -1})"), "optimizer.weight_decay must be finite and not negative, is -1"},
        {with(R"("optimizer": {"kind": "sgd", "l1": -1})"), "optimizer.l1 must be finite and not negative, is -1"},
        {with(R"("optimizer": {"kind": "sgd", "nesterov": true})"),
         "optimizer.nesterov asks for momentum > 0 and dampening 0; they are 0 and 0"},
        {with(R"("optimizer": {"kind": "sgd", "nesterov": true, "momentum": 0.9, "dampening": 0.5})"), "they are 0.9 and 0.5"},
        {with(R"("optimizer": {"kind": "adam", "beta1": 1})"), "optimizer.beta1 must be in [0, 1), is 1"},
        {with(R"("optimizer": {"kind": "adamw", "betas": [0.9, -0.1]})"), "optimizer.beta2 must be in [0, 1), is -0.1"},
        {with(R"("optimizer": {"kind": "adamw", "eps": -1})"), "optimizer.epsilon must be finite and not negative, is -1"},
        {with(R"("schedule": {"kind": "step", "every": 0})"), "schedule.every must be at least 1, is 0"},
        {with(R"("schedule": {"kind": "step", "gamma": -1})"), "schedule.gamma must be finite and not negative, is -1"},
        {with(R"("schedule": {"kind": "cosine", "floor": 1.5})"), "schedule.floor must be in [0, 1], is 1.5"},
        {with(R"("penalties": [{"layer": 2, "scale": 1}])"), "layer must be in [0, 2), is 2"},
        {with(R"("early_stop": {"patience": 1, "least_gain": -1})"), "early_stop.least_gain must be finite and not negative, is -1"},
        {with(R"("checkpoint_every": 0)"), "checkpoint_every must be at least 1, is 0"},
        {with(R"("corrupt": [{"kind": "gaussian_noise", "sigma": -1}])"), "sigma"},
        {with(R"("corrupt": [{"kind": "bit_flips", "share": 1.5}])"), "share"},
        {with(R"("corrupt": [{"kind": "rotation", "image_width": 0}])"), "image_width"},
    };
    for (auto const& c : cases) {
        std::string const message = refusal(c.text);
        EXPECT_EQ(message.rfind("net: $: ", 0), 0U) << c.text << "\n" << message;
        EXPECT_NE(message.find(c.words), std::string::npos) << c.text << "\nexpected: " << c.words << "\nis: " << message;
    }
}

TEST(TrainingDescriptionRefusal, WhatIsNotJsonIsAFormatErrorWithItsByte) {
    for (auto const& [text, byte] : std::vector<std::pair<std::string, std::uint64_t>>{{"", 0}, {"{", 1}, {"{\"inputs\": NaN}", 11}}) {
        try {
            static_cast<void>(parse_description(text, "net"));
            ADD_FAILURE() << text << " was accepted";
        } catch (FormatError const& error) {
            EXPECT_EQ(error.file, "net");
            EXPECT_EQ(error.offset, byte) << error.what();
        }
        EXPECT_THROW(static_cast<void>(parse_architecture(text, "net")), FormatError) << text;
    }
}

TEST(ArchitectureAsJsonRefusal, MembersOfTheTrainingAreNoneOfTheArchitecture) {
    auto const message = [](std::string const& text) { return message_of([&] { return parse_architecture(text, "a"); }); };
    EXPECT_EQ(message(with(R"("epochs": 1)")), "a: $.epochs: is not known here; known are inputs, layers, encoder_layers");
    EXPECT_NE(message(R"({"inputs": 1, "layers": []})").find("a: $: "), std::string::npos);
    EXPECT_NE(message(R"({"inputs": 9e15, "layers": [{"units": 1}]})").find("inputs must be in [1, 2^31]"), std::string::npos);
}

// 10 MB of brackets, and a network that a short text makes larger than any memory.
TEST(TrainingDescriptionRefusal, ShortTextsDoNotTakeMuchMemory) {
    EXPECT_NE(refusal(std::string(10'000'000, '[')).find("brackets are nested more than 8 deep"), std::string::npos);
    Description const large = parse_description(R"({"inputs": 1000000, "layers": [{"units": 1000000}]})", "net");
    EXPECT_EQ(parameter_count(large.architecture), 1'000'001'000'000);
}

}  // namespace
}  // namespace ca3::autoencoder
