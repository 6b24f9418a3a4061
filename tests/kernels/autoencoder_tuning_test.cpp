// What is there to be measured computes the same as the usual way.
#include "autoencoder/cuda_tuning.hpp"
#include "support/compare.hpp"

#include <ca3/autoencoder.hpp>
#include <ca3/error.hpp>
#include <ca3/random.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace ca3::autoencoder {
namespace {

using cuda::Tuning;
using cuda::tuning_of;

/// CA3_TUNING for as long as it lives.
class Words {
public:
    explicit Words(std::string const& words) { setenv("CA3_TUNING", words.c_str(), 1); }
    Words(Words const&) = delete;
    Words& operator=(Words const&) = delete;
    ~Words() { unsetenv("CA3_TUNING"); }
};

TEST(AutoencoderTuning, WordsAreSeparatedByCommas) {
    EXPECT_EQ(tuning_of(""), Tuning{});
    EXPECT_EQ(tuning_of("overlap"), Tuning{.overlap = true});
    EXPECT_EQ(tuning_of("deep,overlap"), (Tuning{.overlap = true, .deep = true}));
    EXPECT_EQ(tuning_of("cluster,cluster"), Tuning{.cluster = true});
}

TEST(AutoencoderTuning, UnknownWordsAreNamed) {
    for (std::string const words : {"fast", "overlap,fast", "overlap, deep", "deep,,overlap", ",", "Deep", "deeper"}) {
        std::string const message = test::message_of<InvalidArgument>([&] { (void)tuning_of(words); });
        EXPECT_NE(message.find("CA3_TUNING: no word '"), std::string::npos) << words << ": " << message;
    }
}

TEST(AutoencoderTuning, IsReadWhenAModelIsMade) {
    Words const words("overlap,fast");
    std::string const message = test::message_of<InvalidArgument>([] { Model const m(Context::cuda(), {3, {3}}); });
    EXPECT_NE(message.find("'fast'"), std::string::npos) << message;
    EXPECT_NO_THROW(Model(Context::cpu(), {3, {3}}));
}

std::vector<float> samples(std::int64_t rows, std::int64_t width) {
    std::vector<float> x(static_cast<std::size_t>(rows * width));
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(random::uniform(1, random::Purpose::user, 0, 0, i));
    return x;
}

struct Trained {
    std::vector<float> outputs;
    std::vector<double> losses;
};
Trained trained(Context const& context, Architecture const& net, Precision precision, std::int64_t batch) {
    std::int64_t const rows = 3 * batch - 1;
    auto const values = samples(rows, net.inputs);
    Samples const x = MatrixView<float const>(values.data(), rows, net.inputs);
    Model model(context, net, {.seed = 3, .precision = precision});
    Trained out;
    for (auto const& epoch : model.fit(x, {.epochs = 2, .batch = batch, .optimizer = Sgd{.learning_rate = 0.5}, .test = x}).epochs) {
        out.losses.push_back(epoch.train_loss);
        out.losses.push_back(epoch.test_loss);
    }
    out.outputs = model.reconstruct(x);
    return out;
}

Architecture const plain{33, {40, relu}, {9, hyperbolic_tangent}, {33, sigmoid}};
Architecture const with_all{
    33, {20, prelu, {.batch_norm = true, .dropout = 0.2}}, {9, arctan}, {20, unit_sphere, {.tied_to = 1}}, {5, gaussian}, {33, sigmoid}};

/// The executor refuses launches that overlap and have a thread that does not wait.
TEST(AutoencoderTuning, OverlapChangesNoBit) {
    for (auto const& net : {plain, with_all}) {
        Trained const expected = trained(Context::cuda(), net, Precision::tf32, 16);
        Words const words("overlap");
        Trained const actual = trained(Context::cuda(), net, Precision::tf32, 16);
        EXPECT_EQ(expected.outputs, actual.outputs);
        EXPECT_EQ(expected.losses, actual.losses);
    }
}

}  // namespace
}  // namespace ca3::autoencoder
