#include "program.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

extern char** environ;

namespace ca3::test {
namespace fs = std::filesystem;

namespace {

std::string read(fs::path const& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

}  // namespace

void Program::SetUp() {
    if (std::string(CA3_PROGRAM).empty()) GTEST_SKIP() << "the program is not part of this build";
    auto const* info = testing::UnitTest::GetInstance()->current_test_info();
    folder = fs::path(testing::TempDir()) / ("ca3_cli_" + std::string(info->name()) + "_" + std::to_string(::getpid()));
    fs::remove_all(folder);
    fs::create_directories(folder);
}

void Program::TearDown() {
    std::error_code ignored;
    if (!folder.empty()) fs::remove_all(folder, ignored);
}

Outcome Program::run(std::vector<std::string> arguments) const {
    fs::path const out = folder.string() + ".stdout", err = folder.string() + ".stderr";
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
    arguments.insert(arguments.begin(), CA3_PROGRAM);
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_t child = 0;
    int const failed = ::posix_spawn(&child, CA3_PROGRAM, &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    EXPECT_EQ(failed, 0);
    int status = -1;
    if (failed == 0) ::waitpid(child, &status, 0);
    Outcome result{.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1, .out = read(out), .err = read(err)};
    fs::remove(out);
    fs::remove(err);
    return result;
}

Outcome Program::run_well(std::vector<std::string> arguments) const {
    Outcome result = run(std::move(arguments));
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_EQ(result.err, "");
    return result;
}

void Program::run_badly(std::vector<std::string> arguments, std::string const& words) const {
    Outcome const result = run(std::move(arguments));
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(result.err.rfind("ca3: error: ", 0), 0U) << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_NE(result.err.find(words), std::string::npos) << "expected \"" << words << "\" in: " << result.err;
}

std::string Program::text(std::string const& file) const {
    return read(folder / file);
}

nlohmann::json Program::json(std::string const& file) const {
    return nlohmann::json::parse(text(file));
}

std::vector<std::string> Program::files() const {
    std::vector<std::string> names;
    for (auto const& entry : fs::recursive_directory_iterator(folder))
        if (entry.is_regular_file()) names.push_back(fs::relative(entry.path(), folder).string());
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace ca3::test
