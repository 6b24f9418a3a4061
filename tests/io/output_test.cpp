#include <ca3/io/idx.hpp>
#include <ca3/io/npy.hpp>
#include <ca3/io/safetensors.hpp>

#include "files.hpp"
#include "io/output.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <thread>

namespace ca3::io::test {
namespace {

namespace fs = std::filesystem;

Array large() {
    return {DType::u8, {1 << 20}, Bytes(1 << 20, std::byte{5})};
}
Array small() {
    return {DType::u8, {2}, Bytes(2, std::byte{6})};
}

struct Writer {
    char const* name;
    std::function<void(std::string const& path)> write;
};

std::vector<Writer> writers() {
    return {
        {"idx",
         [](std::string const& path) {
             write_idx(path, {IdxType::u8, {1 << 20}, large().data});
         }},
        {"npy", [](std::string const& path) { write_npy(path, large()); }},
        {"npz",
         [](std::string const& path) {
             write_npz(path, {{"x", large()}});
         }},
        {"safetensors",
         [](std::string const& path) {
             write_safetensors(path, {{{"x", large()}}, {}});
         }},
    };
}

std::string reason(std::function<void()> const& action) {
    try {
        action();
    } catch (FileError const& error) {
        return error.what();
    }
    ADD_FAILURE() << "did not throw FileError";
    return {};
}

void expect_contains(std::string const& text, std::string const& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST(Output, FileErrorsNameTheFileAndTheReason) {
    Folder const folder;
    for (auto const& [name, write] : writers()) {
        expect_contains(reason([&] { write("/dev/full"); }), "/dev/full': No space left on device");
        expect_contains(reason([&] { write(folder / "missing/file"); }), "missing/file': No such file or directory");
        expect_contains(reason([&] { write(folder.path()); }), "Is a directory");
        expect_contains(reason([&] { write(""); }), "No such file or directory");
        expect_contains(reason([&] { write(std::string("a\0b", 3)); }), "zero byte");
        expect_contains(reason([&] { write(folder / std::string(300, 'x')); }), "File name too long");
    }
    EXPECT_TRUE(folder.names().empty());
}

TEST(Output, ReadErrorsNameTheFileAndTheReason) {
    Folder const folder;
    ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
    std::vector<std::function<void(std::string const&)>> const readers{
        [](std::string const& path) { static_cast<void>(read_idx(path)); },
        [](std::string const& path) { static_cast<void>(read_npy(path)); },
        [](std::string const& path) { static_cast<void>(read_npz(path)); },
        [](std::string const& path) { static_cast<void>(read_safetensors(path)); },
    };
    for (auto const& read : readers) {
        expect_contains(reason([&] { read(folder / "none"); }), "none': No such file or directory");
        expect_contains(reason([&] { read(folder.path()); }), "Is a directory");
        expect_contains(reason([&] { read("/dev/zero"); }), "device");
        expect_contains(reason([&] { read(folder / "pipe"); }), "pipe");
    }
}

/// A limit on the size of files stands for a disk that fills up in the middle of a write.
TEST(Output, AFailureInTheMiddleLeavesTheOldFileAndNothingElse) {
    Folder const folder;
    Bytes const old = bytes("the old content");
    rlimit limit = {};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
    auto const handler = std::signal(SIGXFSZ, SIG_IGN);
    for (auto const& [name, write] : writers()) {
        spill(folder / name, old);
        rlimit tight = limit;
        tight.rlim_cur = 100000;
        ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
        std::string const text = reason([&] { write(folder / name); });
        ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
        expect_contains(text, "File too large");
        EXPECT_EQ(slurp(folder / name), old);
    }
    std::signal(SIGXFSZ, handler);
    EXPECT_EQ(folder.names(), (std::vector<std::string>{"idx", "npy", "npz", "safetensors"}));
}

TEST(Output, AFolderWithoutWritePermissionIsReported) {
    Folder const folder;
    fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_read | fs::perms::others_exec);
    // The superuser may write anywhere, so it puts its rights aside for this test.
    bool const superuser = ::geteuid() == 0;
    ASSERT_TRUE(!superuser || ::seteuid(65534) == 0);
    std::string const text = reason([&] { write_npy(folder / "a.npy", small()); });
    ASSERT_TRUE(!superuser || ::seteuid(0) == 0);
    fs::permissions(folder.path(), fs::perms::owner_all);
    expect_contains(text, "Permission denied");
    EXPECT_TRUE(folder.names().empty());
}

TEST(Output, ReplacesAFileAndKeepsItsMode) {
    Folder const folder;
    std::string const path = folder / "\xC3\xA9t\xC3\xA9 et hiver.npy";
    spill(path, bytes("private"));
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
    write_npy(path, small());
    EXPECT_EQ(read_npy(path).data, small().data);
    EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    EXPECT_EQ(folder.names().size(), 1U);
}

TEST(Output, FollowsSymbolicLinks) {
    Folder const folder;
    spill(folder / "real", bytes("old"));
    fs::create_symlink("real", folder / "link");
    write_npy(folder / "link", small());
    EXPECT_TRUE(fs::is_symlink(folder / "link"));
    EXPECT_EQ(read_npy(folder / "real").data, small().data);
}

TEST(Output, FollowsSymbolicLinksToAFileThatIsNotThereYet) {
    Folder const folder;
    fs::create_directory(folder / "elsewhere");
    fs::create_symlink("elsewhere/new.npy", folder / "link");
    fs::create_symlink("link", folder / "link to a link");
    write_npy(folder / "link to a link", small());
    EXPECT_TRUE(fs::is_symlink(folder / "link to a link"));
    EXPECT_TRUE(fs::is_symlink(folder / "link"));
    EXPECT_EQ(read_npy(folder / "elsewhere/new.npy").data, small().data);
}

TEST(Output, LinksInARingAreAnError) {
    Folder const folder;
    fs::create_symlink("b", folder / "a");
    fs::create_symlink("a", folder / "b");
    expect_contains(reason([&] { write_npy(folder / "a", small()); }), "Too many levels of symbolic links");
    EXPECT_TRUE(fs::is_symlink(folder / "a"));
}

TEST(Output, AProcessThatEndsInTheMiddleLeavesNothing) {
    Folder const folder;
    int const unnamed = ::open(folder.path().c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
    if (unnamed < 0) GTEST_SKIP() << "this file system has no files without a name";
    ::close(unnamed);
    pid_t const child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        try {
            OutputFile file(folder / "file");
            file.write(Bytes(100, std::byte{1}));
            ::_exit(7);
        } catch (...) {
            ::_exit(1);
        }
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    EXPECT_TRUE(folder.names().empty());
}

TEST(Output, AnOpenFileOfThisProcessIsWrittenWhereItStands) {
    Folder const folder;
    spill(folder / "file", Bytes(3, std::byte{7}));
    int const open_file = ::open((folder / "file").c_str(), O_WRONLY | O_CLOEXEC);
    ASSERT_EQ(2, ::lseek(open_file, 2, SEEK_SET));
    OutputFile file("/proc/self/fd/" + std::to_string(open_file));
    file.write(Bytes(3, std::byte{8}));
    file.commit();
    EXPECT_EQ(5, ::lseek(open_file, 0, SEEK_CUR));
    ::close(open_file);
    EXPECT_EQ((Bytes{std::byte{7}, std::byte{7}, std::byte{8}, std::byte{8}, std::byte{8}}), slurp(folder / "file"));
}

TEST(Output, ADeviceIsWrittenAndStaysADevice) {
    write_npy("/dev/null", small());
    EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST(Output, ANameAsLongAsANameCanBe) {
    Folder const folder;
    std::string const path = folder / std::string(255, 'n');
    write_npy(path, small());
    EXPECT_EQ(read_npy(path).data, small().data);
}

TEST(Output, ManyThreadsMayWriteIntoOneFolder) {
    Folder const folder;
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&folder, i] {
            for (int n = 0; n < 20; ++n) write_npy(folder / ("own" + std::to_string(i)), large());
            write_npy(folder / "shared", large());
        });
    }
    threads.clear();
    EXPECT_EQ(folder.names(), (std::vector<std::string>{"own0", "own1", "own2", "own3", "shared"}));
    EXPECT_EQ(read_npy(folder / "shared").data, large().data);
}

}  // namespace
}  // namespace ca3::io::test
