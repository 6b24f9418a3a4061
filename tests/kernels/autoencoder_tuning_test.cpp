// What is there to be measured computes the same as the usual way.
#include "autoencoder/cuda_tuning.hpp"
#include "support/compare.hpp"

#include <ca3/autoencoder.hpp>
#include <ca3/error.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

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

}  // namespace
}  // namespace ca3::autoencoder
