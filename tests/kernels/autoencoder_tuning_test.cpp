// What is there to be measured computes the same as the usual way.
#include "autoencoder/cuda_tuning.hpp"
#include "support/compare.hpp"
#include "support/simt/executor.hpp"

#include <ca3/autoencoder.hpp>
#include <ca3/error.hpp>
#include <ca3/random.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <utility>
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
    EXPECT_TRUE(tuning_of("").chain);
    EXPECT_EQ(tuning_of("no-chain"), Tuning{.chain = false});
}

TEST(AutoencoderTuning, UnknownWordsAreNamed) {
    for (std::string const words : {"fast", "overlap,fast", "overlap, deep", "deep,,overlap", ",", "Deep", "deeper", "chain"}) {
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
/// Both epochs run three batches, the last one of a row less.
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

double distance(auto const& a, auto const& b) {
    EXPECT_EQ(a.size(), b.size());
    double most = 0.0, largest = 0.0;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
        most = std::max(most, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
        largest = std::max(largest, std::abs(static_cast<double>(a[i])));
    }
    return most / largest;
}

/// Sums of f32 go in one order whatever the tile. With tensor cores both ways part from the exact result by at most the share by which
/// TensorCoresKeepTheirBits lets them, so from each other by twice that; and they do part. 460 and 133 are more than what deep tiles have
/// on its way together and more than usual ones have, and no multiples of a piece.
TEST(AutoencoderTuning, DeepTilesComputeTheSame) {
    Architecture const net{460, {9, hyperbolic_tangent}, {133, relu}, {460, sigmoid}};
    simt::Scope const scope({.multiprocessors = 1000});
    for (auto const& [precision, share] : {std::pair{Precision::f32, 0.0}, std::pair{Precision::tf32x3, 1e-5},
                                           std::pair{Precision::tf32, 3e-3}, std::pair{Precision::bf16, 2.4e-2}}) {
        Trained const usual = trained(Context::cuda(), net, precision, 5);
        Words const words("deep");
        Trained const deep = trained(Context::cuda(), net, precision, 5);
        if (precision == Precision::f32) {
            EXPECT_EQ(usual.outputs, deep.outputs);
            EXPECT_EQ(usual.losses, deep.losses);
        } else {
            EXPECT_NE(usual.outputs, deep.outputs);
            EXPECT_LT(distance(usual.outputs, deep.outputs), 2.0 * share);
            EXPECT_LT(distance(usual.losses, deep.losses), 2.0 * share);
        }
        if (precision != Precision::tf32) continue;
        simt::Scope const ordered({.order = simt::Order::random, .blocks = simt::Order::random, .seed = 5, .multiprocessors = 1000});
        EXPECT_EQ(deep.outputs, trained(Context::cuda(), net, precision, 5).outputs);
    }
}

/// A device whose blocks have less shared memory than deep tiles need keeps the usual ones.
TEST(AutoencoderTuning, DeepTilesNeedTheirMemory) {
    Architecture const net{300, {9, hyperbolic_tangent}, {300, sigmoid}};
    simt::Scope const scope({.shared_bytes = 100 << 10, .multiprocessors = 1000});
    Trained const usual = trained(Context::cuda(), net, Precision::tf32, 5);
    Words const words("deep,overlap");
    EXPECT_EQ(usual.outputs, trained(Context::cuda(), net, Precision::tf32, 5).outputs);
}

}  // namespace
}  // namespace ca3::autoencoder
