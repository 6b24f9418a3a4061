// Trainings that are saved, loaded and gone on with: bit for bit the training that was not interrupted. Hostile files change nothing.
#include <ca3/autoencoder/model.hpp>

#include <ca3/autoencoder/description.hpp>
#include <ca3/error.hpp>

#include "autoencoder/files.hpp"
#include "support/backends.hpp"
#include "support/compare.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

namespace ca3::autoencoder {
namespace {

using ca3::test::message_of;
using namespace test;

constexpr std::int64_t width = 7;

Architecture const architecture{
    width, {5, prelu, {.batch_norm = true, .dropout = 0.2}}, {3, hyperbolic_tangent}, {5, relu, {.tied_to = 1}}, {width, sigmoid}};

FitOptions options_of(Optimizer optimizer, std::int64_t epochs) {
    return {.epochs = epochs,
            .batch = 8,
            .optimizer = optimizer,
            .schedule = {.kind = Schedule::Kind::step, .every = 2, .gamma = 0.5},
            .clip_norm = 1.0,
            .corrupt = {GaussianNoise{0.1}}};
}

std::vector<std::pair<std::string, Optimizer>> const& optimizers() {
    static std::vector<std::pair<std::string, Optimizer>> const list{
        {"sgd", Sgd{.learning_rate = 0.1}},
        {"momentum", Sgd{.learning_rate = 0.1, .momentum = 0.9, .nesterov = true}},
        {"adam", Adam{.learning_rate = 1.0 / 300.0, .weight_decay = 1e-4, .l1 = 1e-5}},
        {"adamw", AdamW{.learning_rate = 1.0 / 300.0}}};
    return list;
}

std::vector<float> const& samples() {
    static std::vector<float> const list = values(36, width);  // batches of 8, 8, 8, 8 and 4
    return list;
}

void expect_same_reports(std::vector<EpochReport> const& expected, std::vector<EpochReport> const& actual) {
    ASSERT_EQ(expected.size(), actual.size());
    for (std::size_t k = 0; k < expected.size(); ++k) {
        EXPECT_EQ(expected[k].epoch, actual[k].epoch);
        EXPECT_EQ(expected[k].train_loss, actual[k].train_loss) << k;
        EXPECT_TRUE(ca3::test::same_bits(expected[k].test_loss, actual[k].test_loss)) << k;
        EXPECT_EQ(expected[k].learning_rate, actual[k].learning_rate) << k;
    }
}

class TrainingCheckpoint : public ca3::test::OnEveryBackend {
protected:
    [[nodiscard]] Model model(std::uint64_t seed = 4) const { return Model(context(), architecture, {.seed = seed}); }
};
CA3_ON_EVERY_BACKEND(TrainingCheckpoint);

TEST_P(TrainingCheckpoint, GoesOnAsIfUninterrupted) {
    Folder const folder;
    auto const train = view(samples(), width);
    for (auto const& [name, optimizer] : optimizers()) {
        SCOPED_TRACE(name);
        auto whole = model();
        auto options = options_of(optimizer, 5);
        options.test = train;
        History const expected = whole.fit(train, options);

        auto first = model();
        options.epochs = 2;
        first.fit(train, options);
        first.save_checkpoint(folder / "a.safetensors");

        auto second = model();
        second.load_checkpoint(folder / "a.safetensors");
        EXPECT_EQ(second.epochs_trained(), 2);
        expect_same(first.parameters(), second.parameters());
        options.epochs = 5;
        options.resume = true;
        History const actual = second.fit(train, options);
        expect_same_reports(expected.epochs, actual.epochs);
        expect_same(whole.parameters(), second.parameters());
        EXPECT_EQ(second.epochs_trained(), 5);

        // The one that was saved goes on too.
        first.fit(train, options);
        expect_same(whole.parameters(), first.parameters());
    }
}

TEST_P(TrainingCheckpoint, IsWrittenByFit) {
    Folder const folder;
    auto const train = view(samples(), width);
    auto options = options_of(Adam{}, 5);
    options.checkpoint = folder / "a.safetensors";
    options.checkpoint_every = 3;
    std::vector<std::size_t> files;
    options.on_epoch = [&](EpochReport const&) {
        files.push_back(folder.names().size());
        return true;
    };
    auto trained = model();
    trained.fit(train, options);
    EXPECT_EQ(files, (std::vector<std::size_t>{0, 0, 0, 1, 1})) << "written after the third epoch";
    auto back = model(99);
    back.load_checkpoint(folder / "a.safetensors");
    EXPECT_EQ(back.epochs_trained(), 5) << "and at the end";
    expect_same(trained.parameters(), back.parameters());
}

TEST_P(TrainingCheckpoint, IsLoadedAsAModelToo) {
    Folder const folder;
    auto trained = model();
    trained.fit(view(samples(), width), options_of(Adam{}, 2));
    trained.save_checkpoint(folder / "a.safetensors");
    for (auto const& loaded :
         {Model::load(context(), folder / "a.safetensors"), Model::load(context(), folder / "a.safetensors", architecture)}) {
        expect_same(trained.parameters(), loaded.parameters());
        EXPECT_EQ(loaded.epochs_trained(), 0);
    }
}

// ---- what is in the file -------------------------------------------------------------------------------------------------------

Model reference(ModelOptions options = {.seed = 4}) {
    return Model(Context::reference(), architecture, options);
}

Model trained(Optimizer optimizer, ModelOptions options = {.seed = 4}) {
    auto model = reference(options);
    model.fit(view(samples(), width), options_of(optimizer, 3));
    return model;
}

TEST(TrainingCheckpointFile, HoldsTheMomentsThatTheOptimizerHas) {
    Folder const folder;
    std::string const path = folder / "a.safetensors";
    auto const count = [&](Optimizer optimizer) {
        trained(optimizer).save_checkpoint(path);
        int first = 0, second = 0;
        for (auto const& name : names(io::read_safetensors(path))) {
            first += name.starts_with("optimizer.first.");
            second += name.starts_with("optimizer.second.");
        }
        return std::pair(first, second);
    };
    // Encoder: weight, bias, gamma, beta, slope; weight, bias. Decoder: bias; weight, bias.
    EXPECT_EQ(count(Sgd{}), std::pair(0, 0));
    EXPECT_EQ(count(Sgd{.momentum = 0.5}), std::pair(10, 0));
    EXPECT_EQ(count(Adam{}), std::pair(10, 10));
    auto const file = io::read_safetensors(path);
    EXPECT_EQ(file.tensors.at("optimizer.second.encoder.0.weight").shape, (std::vector<std::int64_t>{5, width}));
    EXPECT_EQ(file.tensors.at("optimizer.second.encoder.0.weight").dtype, io::DType::f32);
    EXPECT_EQ(file.tensors.at("history").shape, (std::vector<std::int64_t>{3, 5}));
    EXPECT_EQ(file.metadata.at("architecture"), to_json(architecture));
    // 3 epochs of 5 batches each.
    EXPECT_EQ(file.metadata.at("progress").rfind(R"({"epochs":3,"batches":15,"steps":15,"stop":"finished","rule":{"kind":"adam",)", 0), 0U)
        << file.metadata.at("progress");
}

TEST(TrainingCheckpointFile, OfAnUntrainedModelBringsItBack) {
    Folder const folder;
    auto const fresh = reference();
    fresh.save_checkpoint(folder / "a.safetensors");
    auto other = trained(Adam{}, {.seed = 8});
    other.load_checkpoint(folder / "a.safetensors");
    expect_same(fresh.parameters(), other.parameters());
    EXPECT_EQ(other.epochs_trained(), 0);
}

// Every number of the optimizer and of the history, times included.
TEST(TrainingCheckpointFile, SavedAgainIsTheSameFile) {
    Folder const folder;
    for (auto const& [name, optimizer] : optimizers()) {
        trained(optimizer).save_checkpoint(folder / "a");
        auto back = reference();
        back.load_checkpoint(folder / "a");
        back.save_checkpoint(folder / "b");
        EXPECT_EQ(slurp(folder / "a"), slurp(folder / "b")) << name;
    }
}

TEST(TrainingCheckpointFile, GoesOnInDoubleToo) {
    Folder const folder;
    ModelOptions const options{.seed = 4, .precision = Precision::f64};
    for (auto const& [name, optimizer] : optimizers()) {
        SCOPED_TRACE(name);
        auto const train = view(samples(), width);
        auto whole = reference(options), first = reference(options), second = reference(options);
        whole.fit(train, options_of(optimizer, 5));
        first.fit(train, options_of(optimizer, 2));
        first.save_checkpoint(folder / "a.safetensors");
        second.load_checkpoint(folder / "a.safetensors");
        auto rest = options_of(optimizer, 5);
        rest.resume = true;
        second.fit(train, rest);
        expect_same(whole.parameters(), second.parameters());
    }
}

// ---- refusals ------------------------------------------------------------------------------------------------------------------

/// A model that has begun; what is refused leaves it alone, moments included.
class Loading {
public:
    Loading() : model_(trained(Adam{}, {.seed = 8})) { model_.save_checkpoint(folder_ / "before"); }

    template <class E>
    std::string refused(std::string const& path) {
        std::string const message = message_of<E>([&] { model_.load_checkpoint(path); });
        model_.save_checkpoint(folder_ / "after");
        EXPECT_EQ(slurp(folder_ / "before"), slurp(folder_ / "after"));
        return message;
    }
    template <class E>
    std::string refused(io::Tensors const& tensors) {
        io::write_safetensors(folder_ / "bad", tensors);
        return refused<E>(folder_ / "bad");
    }
    void loaded_or_refused(std::string const& path) {
        try {
            model_.load_checkpoint(path);
        } catch (FormatError const&) {
        } catch (InvalidArgument const&) {
        }
    }

private:
    Folder folder_;
    Model model_;
};

void expect_contains(std::string const& text, std::string const& part) {
    EXPECT_NE(text.find(part), std::string::npos) << "expected: " << part << "\nis: " << text;
}

io::Tensors good_checkpoint(Optimizer optimizer = Adam{}) {
    Folder const folder;
    trained(optimizer).save_checkpoint(folder / "good");
    return io::read_safetensors(folder / "good");
}

TEST(TrainingCheckpointFile, OfAnotherArchitectureIsRefused) {
    Folder const folder;
    Loading loading;
    struct Case {
        Architecture other;
        std::string words;
    };
    auto other_code = architecture;
    other_code.encoder_layers = 1;
    auto other_dropout = architecture;
    other_dropout.layers[0].options.dropout = 0.25;
    for (auto const& [other, words] :
         {Case{{9, {width}}, "its width of input is 9, this model's 7"},
          Case{{width, {width}}, "its number of layers is 1, this model's 4"},
          Case{{width, {5}, {2}, {5}, {width}}, "layer 0 has other options"}, Case{other_dropout, "layer 0 has other options"},
          Case{other_code, "its encoder_layers are 1, this model's -1"}}) {
        Model(Context::reference(), other).save_checkpoint(folder / "a.safetensors");
        auto const message = loading.refused<InvalidArgument>(folder / "a.safetensors");
        expect_contains(message, "is a checkpoint of another architecture: " + words);
    }
}

TEST(TrainingCheckpointFile, AModelIsNoCheckpoint) {
    Folder const folder;
    Loading loading;
    reference().save(folder / "a.safetensors");
    expect_contains(loading.refused<FormatError>(folder / "a.safetensors"), "metadata 'progress' is missing: not a checkpoint");
    EXPECT_THROW(reference().load_checkpoint(folder / "none"), FileError);
}

TEST(TrainingCheckpointFile, WithATensorMissingOrOfAnotherKindIsRefused) {
    Loading loading;
    auto const good = good_checkpoint();
    ASSERT_EQ(good.tensors.size(), 10U + 3U + 20U + 1U);
    for (auto const& [name, array] : good.tensors) {
        SCOPED_TRACE(name);
        auto const refused = [&](io::Tensors const& bad) {
            std::string const message = name == "history" ? loading.refused<FormatError>(bad) : loading.refused<InvalidArgument>(bad);
            expect_contains(message, name);
        };
        auto bad = good;
        bad.tensors.erase(name);
        refused(bad);
        bad = good;
        bad.tensors[name] =
            array_of<std::int8_t>(io::DType::i8, array.shape, std::vector<std::int8_t>(static_cast<std::size_t>(array.size()), 1));
        refused(bad);
        bad = good;
        bad.tensors[name].shape.insert(bad.tensors[name].shape.begin(), 1);
        refused(bad);
        bad = good;
        if (array.dtype == io::DType::f32) {
            bad.tensors[name].as<float>()[array.size() - 1] = std::numeric_limits<float>::quiet_NaN();
            refused(bad);
        }
        bad = good;
        bad.tensors[name + "x"] = array;
        expect_contains(loading.refused<InvalidArgument>(bad), "'" + name + "x' is not one of this architecture's");
    }
}

TEST(TrainingCheckpointFile, WithNumbersOutsideTheirRangeIsRefused) {
    Loading loading;
    auto const good = good_checkpoint();
    auto bad = good;
    bad.tensors["optimizer.second.encoder.0.weight"].as<float>()[3] = -1e-9f;
    expect_contains(loading.refused<InvalidArgument>(bad), "optimizer.second.encoder.0.weight: a mean of squares must not be negative");

    struct Case {
        std::size_t at;
        double value;
    };
    double const nan = std::numeric_limits<double>::quiet_NaN();
    // Columns: epoch, train_loss, test_loss, seconds, learning_rate.
    for (auto const& [at, value] :
         {Case{0, 0.0}, Case{0, 1.5}, Case{0, nan}, Case{5, 1.0}, Case{10, 4.0}, Case{1, nan}, Case{8, nan}, Case{14, nan}}) {
        bad = good;
        bad.tensors["history"].as<double>()[at] = value;
        expect_contains(loading.refused<FormatError>(bad),
                        "tensor 'history' is out of order or not finite in row " + std::to_string(at / 5));
    }
}

TEST(TrainingCheckpointFile, WithMetadataThatCannotBeMeantIsRefused) {
    Loading loading;
    auto const good = good_checkpoint();
    auto const change = [&](std::string const& from, std::string const& to) {
        auto bad = good;
        auto& text = bad.metadata["progress"];
        auto const at = text.find(from);
        EXPECT_NE(at, std::string::npos) << from << " in " << text;
        if (at != std::string::npos) text.replace(at, from.size(), to);
        return bad;
    };
    struct Case {
        std::string from, to, words;
    };
    std::vector<Case> const cases{
        {R"("epochs":3)", R"("epochs":-3)", "progress: $.epochs: must be a whole number that is not negative, is -3"},
        {R"("batches":15)", R"("batches":"15")", "$.batches: must be a whole number"},
        {R"("batches":15)", R"("batches":4294967297)", "$.batches: must be at most 2^32, is 4294967297"},
        {R"("steps":15)", R"("steps":9223372036854775807)", "$.steps: must be at most 2^32"},
        {R"("steps":15)", R"("steps":1.5)", "$.steps: must be a whole number"},
        {R"("steps":15,)", "", "$: 'steps' is missing"},
        {R"("stop":"finished")", R"("stop":"never")", R"($.stop: must be one of "finished", "early", "callback", is "never")"},
        {R"("kind":"adam")", R"("kind":"lion")", R"($.rule.kind: must be one of "adam", "sgd", is "lion")"},
        {R"("beta1":0.9)", R"("beta1":1)", "optimizer.beta1 must be in [0, 1), is 1"},
        {R"("learning_rate":0.001)", R"("learning_rate":null)", "$.rule.learning_rate: must be a number, is null"},
        {R"("decoupled":false)", R"("decoupled":0)", "$.rule.decoupled: must be true or false, is 0"},
        {R"("clip_norm":1.0)", R"("clip_norm":-1.0)", "clip_norm must be finite and not negative, is -1"},
        {"{", "", "metadata 'progress': progress: at byte"},
        {R"("epochs":3)", R"("epochs":3,"more":1)", "$.more: is not known here"},
    };
    for (auto const& [from, to, words] : cases) expect_contains(loading.refused<FormatError>(change(from, to)), words);

    for (char const* key : {"architecture", "progress"}) {
        auto bad = good;
        bad.metadata.erase(key);
        expect_contains(loading.refused<FormatError>(bad), std::string("metadata '") + key + "' is missing");
    }
    // Moments that the rule has no use for.
    auto bad = good_checkpoint(Sgd{.momentum = 0.5});
    bad.tensors["optimizer.second.encoder.0.bias"] = bad.tensors["encoder.0.bias"];
    expect_contains(loading.refused<InvalidArgument>(bad), "'optimizer.second.encoder.0.bias' is not one of this architecture's");
}

TEST(TrainingCheckpointFile, DamagedInAnyByteIsRefusedOrLoaded) {
    Folder const folder;
    std::string const path = folder / "a.safetensors";
    trained(Adam{}).save_checkpoint(path);
    Bytes const good = slurp(path);
    Loading loading;
    for (std::size_t length = 0; length < good.size(); length += 97) {
        spill(path, Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length)));
        static_cast<void>(loading.refused<FormatError>(path));
    }
    for (std::size_t at = 0; at < good.size(); at += 3) {
        Bytes bad = good;
        bad[at] ^= static_cast<std::byte>(1 << at % 8);
        spill(path, bad);
        loading.loaded_or_refused(path);
    }
}

}  // namespace
}  // namespace ca3::autoencoder
