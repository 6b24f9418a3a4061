// Models as files: the names of a PyTorch state_dict, every bit of every number, and a refusal for everything that does not fit.
#include <ca3/autoencoder/model.hpp>

#include <ca3/autoencoder/description.hpp>
#include <ca3/error.hpp>

#include "autoencoder/files.hpp"
#include "support/compare.hpp"

#include <gtest/gtest.h>

#include <sys/resource.h>

#include <csignal>
#include <functional>
#include <limits>

namespace ca3::autoencoder {
namespace {

using ca3::test::message_of;
using namespace test;

using Shapes = std::map<std::string, std::vector<std::int64_t>>;

Shapes shapes(io::Tensors const& tensors) {
    Shapes list;
    for (auto const& [name, array] : tensors.tensors) list[name] = array.shape;
    return list;
}

Model reference(Architecture architecture, ModelOptions options = {.seed = 3}) {
    return Model(Context::reference(), std::move(architecture), options);
}

/// Two layers, each of another kind.
Architecture const small{3, {2, relu, {.batch_norm = true}}, {3, sigmoid}};
/// A file's worth of tensors for it.
io::Tensors small_tensors() {
    io::Tensors tensors;
    tensors.tensors = {{"encoder.0.weight", ramp({2, 3})},
                       {"encoder.0.bias", ramp({2})},
                       {"encoder.1.weight", ramp({2})},
                       {"encoder.1.bias", ramp({2})},
                       {"encoder.1.running_mean", ramp({2})},
                       {"encoder.1.running_var", ramp({2})},
                       {"encoder.1.num_batches_tracked", array_of<std::int64_t>(io::DType::i64, {}, {7})},
                       {"decoder.0.weight", ramp({3, 2})},
                       {"decoder.0.bias", ramp({3})}};
    return tensors;
}

// ---- names ---------------------------------------------------------------------------------------------------------------------

// encoder: Linear, BatchNorm1d, ReLU, Dropout, Linear, PReLU, Linear; decoder: Linear, LeakyReLU, Linear, Sigmoid.
TEST(ModelFile, HasTheNamesOfNnSequential) {
    Folder const folder;
    reference({6,
               {5, relu, {.batch_norm = true, .dropout = 0.5}},
               {4, {Activation::Kind::prelu, 0.25, true}},
               {2},
               {4, leaky_relu},
               {6, sigmoid, {.bias = false}}})
        .save(folder / "a.safetensors");
    EXPECT_EQ(shapes(io::read_safetensors(folder / "a.safetensors")), (Shapes{{"encoder.0.weight", {5, 6}},
                                                                              {"encoder.0.bias", {5}},
                                                                              {"encoder.1.weight", {5}},
                                                                              {"encoder.1.bias", {5}},
                                                                              {"encoder.1.running_mean", {5}},
                                                                              {"encoder.1.running_var", {5}},
                                                                              {"encoder.1.num_batches_tracked", {}},
                                                                              {"encoder.4.weight", {4, 5}},
                                                                              {"encoder.4.bias", {4}},
                                                                              {"encoder.5.weight", {4}},
                                                                              {"encoder.6.weight", {2, 4}},
                                                                              {"encoder.6.bias", {2}},
                                                                              {"decoder.0.weight", {4, 2}},
                                                                              {"decoder.0.bias", {4}},
                                                                              {"decoder.2.weight", {6, 4}}}));
}

// Linear(4, 2 * 3) gives mean and log variance; the sampling is a module of the user's own, in place 1.
TEST(ModelFile, HasTheNamesOfAVariationalNetwork) {
    Folder const folder;
    Architecture architecture{4, {3, gaussian}, {5, hyperbolic_tangent, {.dropout = 0.1}}, {4, prelu}};
    reference(architecture).save(folder / "a.safetensors");
    EXPECT_EQ(shapes(io::read_safetensors(folder / "a.safetensors")), (Shapes{{"encoder.0.weight", {6, 4}},
                                                                              {"encoder.0.bias", {6}},
                                                                              {"decoder.0.weight", {5, 3}},
                                                                              {"decoder.0.bias", {5}},
                                                                              {"decoder.3.weight", {4, 5}},
                                                                              {"decoder.3.bias", {4}},
                                                                              {"decoder.4.weight", {1}}}));
    // Where the encoder ends is the user's choice.
    architecture.encoder_layers = 2;
    reference(architecture).save(folder / "a.safetensors");
    EXPECT_EQ(names(io::read_safetensors(folder / "a.safetensors")),
              (std::set<std::string>{"encoder.0.weight", "encoder.0.bias", "encoder.2.weight", "encoder.2.bias", "decoder.0.weight",
                                     "decoder.0.bias", "decoder.1.weight"}));
}

TEST(ModelFile, HoldsTiedWeightsOnce) {
    Folder const folder;
    auto const model = reference({4, {2, relu}, {4, sigmoid, {.tied_to = 0}}});
    model.save(folder / "a.safetensors");
    EXPECT_EQ(shapes(io::read_safetensors(folder / "a.safetensors")),
              (Shapes{{"encoder.0.weight", {2, 4}}, {"encoder.0.bias", {2}}, {"decoder.0.bias", {4}}}));
    expect_same(model.parameters(), Model::load(Context::reference(), folder / "a.safetensors").parameters());
}

TEST(ModelFile, SaysWhatItIs) {
    Folder const folder;
    reference(small, {.seed = 18446744073709551615ULL, .precision = Precision::f64}).save(folder / "a.safetensors");
    auto const file = io::read_safetensors(folder / "a.safetensors");
    EXPECT_EQ(file.metadata, (std::map<std::string, std::string>{{"format", "pt"},
                                                                 {"ca3", "autoencoder"},
                                                                 {"architecture", to_json(small)},
                                                                 {"precision", "f64"},
                                                                 {"seed", "18446744073709551615"}}));
    EXPECT_EQ(file.tensors.at("encoder.0.weight").dtype, io::DType::f64);
    EXPECT_EQ(file.tensors.at("encoder.1.num_batches_tracked").dtype, io::DType::i64);
}

// ---- there and back ------------------------------------------------------------------------------------------------------------

TEST(ModelFile, BringsBackEveryBit) {
    Folder const folder;
    for (Precision const precision : {Precision::f32, Precision::f64}) {
        Architecture architecture{6, {4, {Activation::Kind::prelu, 1.0 / 3.0}, {.batch_norm = true, .dropout = 0.1}}, {6, sigmoid}};
        auto model = reference(architecture, {.seed = 5, .precision = precision});
        auto const data = values(40, 6);
        model.fit(view(data, 6), {.epochs = 2, .batch = 8});
        model.save(folder / "a.safetensors");
        auto const back = Model::load(Context::reference(), folder / "a.safetensors", {.seed = 5, .precision = precision});
        EXPECT_EQ(back.architecture(), architecture);
        expect_same(model.parameters(), back.parameters());
        EXPECT_EQ(model.reconstruct(view(data, 6)), back.reconstruct(view(data, 6)));
        EXPECT_EQ(back.epochs_trained(), 0);
    }
}

TEST(ModelFile, IsTheSameBytesEveryTime) {
    Folder const folder;
    auto const model = reference(small);
    model.save(folder / "a.safetensors");
    auto const first = slurp(folder / "a.safetensors");
    model.save(folder / "a.safetensors");
    EXPECT_EQ(slurp(folder / "a.safetensors"), first);
    EXPECT_EQ(folder.names().size(), 1U) << "no temporary file is left";
}

TEST(ModelFile, AStateDictIsLoadedWithItsArchitecture) {
    Folder const folder;
    io::write_safetensors(folder / "a.safetensors", small_tensors());
    auto const model = Model::load(Context::reference(), folder / "a.safetensors", small);
    expect_same(small_tensors(), model.parameters());
    auto const message = message_of<FormatError>([&] { static_cast<void>(Model::load(Context::reference(), folder / "a.safetensors")); });
    EXPECT_NE(message.find("metadata 'architecture' is missing"), std::string::npos) << message;
}

// 1, -2, 2^-24 and 65504 as halves; 1, -0.15625 (-1.25 x 2^-3) and 2^127 as bfloat16. All are floats.
TEST(ModelFile, TakesFloatsOfEveryWidth) {
    Folder const folder;
    io::Tensors tensors;
    tensors.tensors = {{"encoder.0.weight", array_of<std::uint16_t>(io::DType::f16, {2, 2}, {0x3C00, 0xC000, 0x0001, 0x7BFF})},
                       {"encoder.0.bias", array_of<std::uint16_t>(io::DType::bf16, {2}, {0x3F80, 0xBE20})},
                       {"encoder.1.weight", array_of<double>(io::DType::f64, {2}, {0.1, 3.0})},
                       {"encoder.1.bias", array_of<std::uint16_t>(io::DType::bf16, {2}, {0x7F00, 0x8000})},
                       {"encoder.1.running_mean", array_of<float>(io::DType::f32, {2}, {1.0f, -1.0f})},
                       {"encoder.1.running_var", array_of<std::uint16_t>(io::DType::f16, {2}, {0x0000, 0x3E00})},
                       {"encoder.1.num_batches_tracked", array_of<float>(io::DType::f32, {}, {12.0f})}};
    Architecture const architecture{2, {2, {}, {.batch_norm = true}}};
    io::write_safetensors(folder / "a.safetensors", tensors);
    auto const got = Model::load(Context::reference(), folder / "a.safetensors", architecture).parameters();

    io::Tensors expected;
    expected.tensors = {{"encoder.0.weight", array_of<float>(io::DType::f32, {2, 2}, {1.0f, -2.0f, 0x1p-24f, 65504.0f})},
                        {"encoder.0.bias", array_of<float>(io::DType::f32, {2}, {1.0f, -0.15625f})},
                        {"encoder.1.weight", array_of<float>(io::DType::f32, {2}, {0.1f, 3.0f})},
                        {"encoder.1.bias", array_of<float>(io::DType::f32, {2}, {0x1p127f, -0.0f})},
                        {"encoder.1.running_mean", array_of<float>(io::DType::f32, {2}, {1.0f, -1.0f})},
                        {"encoder.1.running_var", array_of<float>(io::DType::f32, {2}, {0.0f, 1.5f})},
                        {"encoder.1.num_batches_tracked", array_of<std::int64_t>(io::DType::i64, {}, {12})}};
    expect_same(expected, got);

    // f64 models keep all 53 bits.
    auto const wide = Model::load(Context::reference(), folder / "a.safetensors", architecture, {.precision = Precision::f64});
    EXPECT_EQ(wide.parameters().tensors.at("encoder.1.weight").as<double>()[0], 0.1);

    for (auto const& count : {array_of<std::int32_t>(io::DType::i32, {}, {12}), array_of<double>(io::DType::f64, {}, {12.0})}) {
        tensors.tensors["encoder.1.num_batches_tracked"] = count;
        io::write_safetensors(folder / "a.safetensors", tensors);
        expect_same(expected, Model::load(Context::reference(), folder / "a.safetensors", architecture).parameters());
    }
}

// ---- refusals ------------------------------------------------------------------------------------------------------------------

struct Fault {
    std::string words;
    std::function<void(std::map<std::string, io::Array>&)> make;
};

std::vector<Fault> faults() {
    using Map = std::map<std::string, io::Array>;
    float const nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
    return {
        {"encoder.0.weight: expected (2 x 3), found (3 x 2)",
         [](Map& t) {
             t["encoder.0.weight"] = ramp({3, 2});
         }},
        {"encoder.0.weight: expected (2 x 3), found (6)", [](Map& t) { t["encoder.0.weight"] = ramp({6}); }},
        {"encoder.0.bias: expected (2), found (2 x 1)",
         [](Map& t) {
             t["encoder.0.bias"] = ramp({2, 1});
         }},
        {"encoder.0.bias: expected (2), found a scalar", [](Map& t) { t["encoder.0.bias"] = ramp({}); }},
        {"encoder.0.bias: expected (2), found (2 x 1 x 1 x 1 x 1 x 1 x 1 x 1 x ...)",
         [](Map& t) {
             t["encoder.0.bias"] = ramp({2, 1, 1, 1, 1, 1, 1, 1, 1});
         }},
        {"encoder.0.weight: expected floating-point numbers, found int8",
         [](Map& t) {
             t["encoder.0.weight"] = array_of<std::int8_t>(io::DType::i8, {2, 3}, {1, 2, 3, 4, 5, 6});
         }},
        {"encoder.0.bias: expected floating-point numbers, found int64",
         [](Map& t) {
             t["encoder.0.bias"] = array_of<std::int64_t>(io::DType::i64, {2}, {1, 2});
         }},
        {"encoder.0.bias: expected floating-point numbers, found bool",
         [](Map& t) {
             t["encoder.0.bias"] = array_of<std::uint8_t>(io::DType::boolean, {2}, {1, 0});
         }},
        {"missing tensor 'decoder.0.bias'; there are 'decoder.0.weight', 'encoder.0.bias', 'encoder.0.weight', ",
         [](Map& t) { t.erase("decoder.0.bias"); }},
        {"missing tensor 'encoder.0.weight'; there are nothing", [](Map& t) { t.clear(); }},
        {"missing tensor 'encoder.1.num_batches_tracked'; there are 'a', 'b', 'c', 'd', 'decoder.0.bias', 'decoder.0.weight', "
         "'encoder.0.bias', 'encoder.0.weight' and 4 more",
         [](Map& t) {
             t.erase("encoder.1.num_batches_tracked");
             for (char const* name : {"a", "b", "c", "d"}) t[name] = ramp({1});
         }},
        {"tensor 'encoder.2.weight' is not one of this architecture's", [](Map& t) { t["encoder.2.weight"] = ramp({1}); }},
        {R"(tensor '\u001b[31m' is not one of this architecture's)", [](Map& t) { t["\x1b[31m"] = ramp({1}); }},
        {"encoder.0.weight[1, 2]: expected a finite float, found nan", [nan](Map& t) { t["encoder.0.weight"].as<float>()[5] = nan; }},
        {"encoder.0.bias[0]: expected a finite float, found -inf", [infinity](Map& t) { t["encoder.0.bias"].as<float>()[0] = -infinity; }},
        {"encoder.0.bias[1]: expected a finite float, found nan",
         [](Map& t) {
             t["encoder.0.bias"] = array_of<std::uint16_t>(io::DType::f16, {2}, {0x3C00, 0x7C01});
         }},
        {"encoder.0.bias[1]: expected a finite float, found 1e+39",
         [](Map& t) {
             t["encoder.0.bias"] = array_of<double>(io::DType::f64, {2}, {1.0, 1e39});
         }},
        {"encoder.1.running_var[1]: a variance must not be negative, is -0.5",
         [](Map& t) { t["encoder.1.running_var"].as<float>()[1] = -0.5f; }},
        {"encoder.1.num_batches_tracked: expected int64, int32 or floating-point numbers, found uint8",
         [](Map& t) { t["encoder.1.num_batches_tracked"] = array_of<std::uint8_t>(io::DType::u8, {}, {1}); }},
        {"encoder.1.num_batches_tracked: expected a scalar, found (1)",
         [](Map& t) { t["encoder.1.num_batches_tracked"] = array_of<std::int64_t>(io::DType::i64, {1}, {1}); }},
        {"encoder.1.num_batches_tracked: expected a whole number in [0, 2^53], found -1",
         [](Map& t) { t["encoder.1.num_batches_tracked"] = array_of<std::int64_t>(io::DType::i64, {}, {-1}); }},
        {"encoder.1.num_batches_tracked: expected a whole number in [0, 2^53], found 1.5",
         [](Map& t) { t["encoder.1.num_batches_tracked"] = array_of<float>(io::DType::f32, {}, {1.5f}); }},
        {"encoder.1.num_batches_tracked: expected a whole number in [0, 2^53], found nan",
         [nan](Map& t) { t["encoder.1.num_batches_tracked"] = array_of<float>(io::DType::f32, {}, {nan}); }},
    };
}

TEST(ModelFile, WithTensorsThatDoNotFitIsRefusedByName) {
    Folder const folder;
    std::string const path = folder / "a.safetensors";
    for (Fault const& fault : faults()) {
        auto tensors = small_tensors();
        fault.make(tensors.tensors);
        io::write_safetensors(path, tensors);
        auto const message = message_of<InvalidArgument>([&] { static_cast<void>(Model::load(Context::reference(), path, small)); });
        EXPECT_EQ(message.rfind(path + ": " + fault.words, 0), 0U) << "expected: " << fault.words << "\nis: " << message;
        tensors.metadata["architecture"] = to_json(small);
        io::write_safetensors(path, tensors);
        EXPECT_EQ(message_of<InvalidArgument>([&] { static_cast<void>(Model::load(Context::reference(), path)); }), message);
    }
}

TEST(SetParameters, RefusesWhatDoesNotFitAndLeavesTheModelAsItWas) {
    auto model = reference(small);
    auto const before = model.parameters();
    for (Fault const& fault : faults()) {
        auto tensors = small_tensors();
        fault.make(tensors.tensors);
        auto const message = message_of<InvalidArgument>([&] { model.set_parameters(tensors); });
        EXPECT_EQ(message.rfind("Model::set_parameters: " + fault.words, 0), 0U) << message;
        expect_same(before, model.parameters());
    }
    auto torn = small_tensors();
    torn.tensors["encoder.0.weight"].data.pop_back();
    EXPECT_EQ(message_of<InvalidArgument>([&] { model.set_parameters(torn); }),
              "Model::set_parameters: encoder.0.weight: expected 24 bytes, found 23");
    model.set_parameters(small_tensors());
    expect_same(small_tensors(), model.parameters());
}

TEST(ModelFile, OfAnotherArchitectureIsRefused) {
    Folder const folder;
    reference(small).save(folder / "a.safetensors");
    auto const message = message_of<InvalidArgument>([&] {
        static_cast<void>(Model::load(Context::reference(), folder / "a.safetensors", {3, {4, relu, {.batch_norm = true}}, {3, sigmoid}}));
    });
    EXPECT_NE(message.find("expected (4 x 3), found (2 x 3)"), std::string::npos) << message;
}

TEST(ModelFile, WithAnArchitectureThatIsNoneIsAFormatError) {
    Folder const folder;
    for (std::string const text : {"", "{", "3", R"({"inputs": 3, "layers": []})", R"({"inputs": 3, "layers": [{"units": 2, "x": 1}]})"}) {
        auto tensors = small_tensors();
        tensors.metadata["architecture"] = text;
        io::write_safetensors(folder / "a.safetensors", tensors);
        auto const message =
            message_of<FormatError>([&] { static_cast<void>(Model::load(Context::reference(), folder / "a.safetensors")); });
        EXPECT_NE(message.find("metadata 'architecture': architecture: "), std::string::npos) << message;
    }
}

// 10^12 weights announced, none there.
TEST(ModelFile, ThatAnnouncesALargeModelTakesNoMemory) {
    Folder const folder;
    io::Tensors tensors;
    tensors.tensors["encoder.0.weight"] = ramp({1});
    tensors.metadata["architecture"] = R"({"inputs": 1000000, "layers": [{"units": 1000000}]})";
    io::write_safetensors(folder / "a.safetensors", tensors);
    auto const message =
        message_of<InvalidArgument>([&] { static_cast<void>(Model::load(Context::reference(), folder / "a.safetensors")); });
    EXPECT_NE(message.find("expected (1000000 x 1000000), found (1)"), std::string::npos) << message;
}

/// The file is loaded, or refused with an exception that says so.
template <class Load>
void load_or_refuse(Load&& load) {
    try {
        static_cast<void>(load());
    } catch (FormatError const&) {
    } catch (InvalidArgument const&) {
    }
}

TEST(ModelFile, DamagedInAnyByteIsRefusedOrLoaded) {
    Folder const folder;
    std::string const path = folder / "a.safetensors";
    reference(small).save(path);
    Bytes const good = slurp(path);
    for (std::size_t length = 0; length < good.size(); length += 7) {
        spill(path, Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length)));
        ASSERT_THROW(static_cast<void>(Model::load(Context::reference(), path)), FormatError) << "cut to " << length;
    }
    for (std::size_t at = 0; at < good.size(); ++at) {
        Bytes bad = good;
        bad[at] ^= static_cast<std::byte>(1 << at % 8);
        spill(path, bad);
        load_or_refuse([&] { return Model::load(Context::reference(), path); });
    }
}

TEST(ModelFile, ThatCannotBeReadOrWrittenIsAFileError) {
    Folder const folder;
    auto const model = reference(small);
    EXPECT_THROW(static_cast<void>(Model::load(Context::reference(), folder / "none")), FileError);
    EXPECT_THROW(static_cast<void>(Model::load(Context::reference(), folder.path(), small)), FileError);
    EXPECT_THROW(model.save(folder / "no/such/folder"), FileError);
    EXPECT_THROW(model.save("/dev/full"), FileError);
    EXPECT_THROW(model.save_checkpoint("/dev/full"), FileError);
    EXPECT_TRUE(folder.names().empty());
}

/// A limit on the size of files stands for a disk that fills up in the middle of a write.
TEST(ModelFile, ThatDoesNotFitOnTheDiskLeavesTheOldOne) {
    Folder const folder;
    auto const model = reference({100, {20, relu}, {100}});
    reference(small).save(folder / "model");
    reference(small).save(folder / "checkpoint");
    Bytes const old = slurp(folder / "model");
    rlimit limit = {};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
    auto const handler = std::signal(SIGXFSZ, SIG_IGN);
    rlimit tight = limit;
    tight.rlim_cur = 4000;
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
    EXPECT_THROW(model.save(folder / "model"), FileError);
    EXPECT_THROW(model.save_checkpoint(folder / "checkpoint"), FileError);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    std::signal(SIGXFSZ, handler);
    EXPECT_EQ(slurp(folder / "model"), old);
    EXPECT_EQ(slurp(folder / "checkpoint"), old);
    EXPECT_EQ(folder.names(), (std::vector<std::string>{"checkpoint", "model"}));
}

}  // namespace
}  // namespace ca3::autoencoder
