#include <ca3/error.hpp>
#include <ca3/hopfield.hpp>

#include "support/backends.hpp"
#include "support/compare.hpp"
#include "support/random_patterns.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace ca3::hopfield {
namespace {

using test::contains;
using test::view;
using States = std::vector<std::int8_t>;

class MemoryFile : public test::OnEveryBackend {
protected:
    void SetUp() override {
        OnEveryBackend::SetUp();
        auto name = std::string(testing::UnitTest::GetInstance()->current_test_info()->name());
        for (char& c : name)
            if (c == '/') c = '_';
        folder = std::filesystem::path(testing::TempDir()) / ("ca3_" + name);
        std::filesystem::remove_all(folder);
        std::filesystem::create_directories(folder);
        path = (folder / "memory.safetensors").string();
    }
    void TearDown() override { std::filesystem::remove_all(folder); }

    static void expect_same(Memory const& a, Memory const& b) {
        auto const &p = a.options(), &q = b.options();
        EXPECT_EQ(p.rule, q.rule);
        EXPECT_EQ(p.form, q.form);
        EXPECT_EQ(p.keep_diagonal, q.keep_diagonal);
        EXPECT_EQ(p.centre, q.centre);
        EXPECT_EQ(p.ridge, q.ridge);
        EXPECT_EQ(p.degree, q.degree);
        EXPECT_EQ(p.beta, q.beta);
        EXPECT_EQ(a.stored_patterns(), b.stored_patterns());
        EXPECT_EQ(a.bias(), b.bias());
        EXPECT_EQ(a.symmetric(), b.symmetric());
        EXPECT_EQ(a.neurons(), b.neurons());
    }

    [[nodiscard]] Memory memory(MemoryOptions options = {}) const {
        Memory result(context(), options);
        result.store(view(patterns, P, d));
        return result;
    }
    [[nodiscard]] Recall recall(Memory const& m) const {
        return m.recall(view(cues, B, d), {.update = Update::asynchronous, .max_sweeps = 20, .seed = 3});
    }

    std::int64_t const d = 45, P = 11, B = 13;
    States const patterns = test::random_patterns(P, d, 1);
    States const cues = test::random_states(B, d, 0.2, 2);
    std::filesystem::path folder;
    std::string path;
};
CA3_ON_EVERY_BACKEND(MemoryFile);

TEST_P(MemoryFile, BringsBackEveryRule) {
    for (auto const& options :
         {MemoryOptions{}, MemoryOptions{.form = Form::dense, .keep_diagonal = true}, MemoryOptions{.centre = true},
          MemoryOptions{.rule = Rule::pseudo_inverse, .ridge = 0.1}, MemoryOptions{.rule = Rule::storkey, .keep_diagonal = true},
          MemoryOptions{.rule = Rule::dense_associative, .degree = 5}, MemoryOptions{.rule = Rule::exponential, .beta = 1.0 / 3}}) {
        auto m = memory(options);
        if (options.rule != Rule::exponential) m.set_bias(std::vector<double>(static_cast<std::size_t>(d), 0.1));
        m.save(path);
        auto const back = Memory::load(context(), path);
        expect_same(m, back);
        EXPECT_TRUE(test::same_recall(recall(m), recall(back))) << to_string(options.rule);
    }
}

TEST_P(MemoryFile, BringsBackGivenWeights) {
    test::Random random(4);
    std::vector<double> w;
    for (std::int64_t k = 0; k < d * d; ++k) w.push_back(random.normal());
    for (std::int64_t i = 0; i < d; ++i) w[static_cast<std::size_t>(i * d + i)] = 5;
    auto m = Memory::from_weights(context(), view(w, d, d), std::vector<double>(static_cast<std::size_t>(d), -0.3));
    m.store(view(patterns, P, d));
    m.save(path);
    auto const back = Memory::load(context(), path);
    expect_same(m, back);
    EXPECT_EQ(m.weights(), back.weights());
    EXPECT_TRUE(test::same_recall(recall(m), recall(back)));
}

TEST_P(MemoryFile, BringsBackEmptyMemories) {
    Memory(context(), {.rule = Rule::storkey}).save(path);
    EXPECT_EQ(Memory::load(context(), path).neurons(), 0);
    Memory sized(context());
    sized.store({nullptr, 0, 7});
    sized.save(path);
    auto const back = Memory::load(context(), path);
    EXPECT_EQ(back.neurons(), 7);
    EXPECT_EQ(back.patterns(), 0);
}

TEST_P(MemoryFile, MayBeAddedToAfterLoading) {
    for (Rule const rule : {Rule::hebbian, Rule::pseudo_inverse, Rule::storkey, Rule::dense_associative, Rule::exponential}) {
        Memory first(context(), {.rule = rule});
        first.store({patterns.data(), 6, d});
        first.save(path);
        auto back = Memory::load(context(), path);
        back.store({patterns.data() + 6 * d, P - 6, d});
        EXPECT_TRUE(test::same_recall(recall(memory({.rule = rule})), recall(back))) << to_string(rule);
    }
}

TEST_P(MemoryFile, IsTheSameBytesEveryTime) {
    auto const bytes = [&] {
        std::ifstream file(path, std::ios::binary);
        return std::string(std::istreambuf_iterator<char>(file), {});
    };
    memory().save(path);
    auto const first = bytes();
    memory().save(path);
    EXPECT_EQ(bytes(), first);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1) << "no temporary file is left";
}

// Every prefix of the file is refused as malformed, whatever byte it ends at.
TEST_P(MemoryFile, CutShortIsAFormatError) {
    Memory m(context(), {.rule = Rule::storkey});
    m.store({patterns.data(), 2, 9, d});
    m.set_bias(std::vector<double>(9, 1.0));
    m.save(path);
    auto const size = std::filesystem::file_size(path);
    for (std::uintmax_t length = size; length-- > 0;) {
        std::filesystem::resize_file(path, length);
        try {
            (void)Memory::load(context(), path);
            FAIL() << "loaded from " << length << " of " << size << " bytes";
        } catch (FormatError const& error) {
            ASSERT_TRUE(contains(error.what(), path)) << error.what();
            ASSERT_LE(error.offset, size);
        }
    }
}

TEST_P(MemoryFile, WithContentOfAnotherKindIsAFormatError) {
    std::ofstream(path, std::ios::binary) << "this is no memory at all, only some text that is longer than a header";
    EXPECT_THROW((void)Memory::load(context(), path), FormatError);
    std::string const header = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
    std::ofstream file(path, std::ios::binary);
    char const length[8] = {static_cast<char>(header.size()), 0, 0, 0, 0, 0, 0, 0};
    file.write(length, 8);
    file << header << "abcd";
    file.close();
    EXPECT_THROW((void)Memory::load(context(), path), FormatError) << "a safetensors file of somebody else";
}

TEST_P(MemoryFile, ThatCannotBeReadOrWrittenIsAFileError) {
    EXPECT_THROW((void)Memory::load(context(), (folder / "nothing").string()), FileError);
    EXPECT_THROW(memory().save((folder / "no" / "such" / "folder.safetensors").string()), FileError);
}

// Any single byte of the file changed: an error of the documented kind, or a memory that works.
TEST_P(MemoryFile, WithAnyByteChangedIsRefusedOrUsable) {
    Memory m(context(), {.rule = Rule::pseudo_inverse, .ridge = 0.5});
    m.store({patterns.data(), 2, 9, d});
    m.save(path);
    std::ifstream in(path, std::ios::binary);
    std::string const original(std::istreambuf_iterator<char>(in), {});
    in.close();
    States const cue(9, 1);
    for (std::size_t at = 0; at < original.size(); ++at)
        for (char const change : {char(1), char(0x20), char(-128)}) {
            auto bytes = original;
            bytes[at] = static_cast<char>(bytes[at] ^ change);
            std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
            try {
                auto const back = Memory::load(context(), path);
                if (back.neurons() == 9) (void)back.recall(view(cue, 1, 9), {.max_sweeps = 3});
            } catch (FormatError const&) {
            } catch (Overflow const&) {
            }
        }
}

}  // namespace
}  // namespace ca3::hopfield
