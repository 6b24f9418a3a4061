// The tree is what README says it is, and the public headers show nothing but the standard library.
#include "layout/table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <vector>

namespace ca3::test {
namespace {

namespace fs = std::filesystem;

fs::path const root = CA3_SOURCE_DIR;

std::string text_of(fs::path const& file) {
    std::ifstream in(file, std::ios::binary);
    EXPECT_TRUE(in) << "cannot read " << file;
    return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<fs::path> public_headers() {
    std::vector<fs::path> headers;
    for (auto const& entry : fs::recursive_directory_iterator(root / "include" / "ca3"))
        if (entry.is_regular_file()) headers.push_back(entry.path());
    std::sort(headers.begin(), headers.end());
    return headers;
}

/// A path as it stands, or with `*` in its last part when a file fits.
bool exists(std::string const& path) {
    fs::path const full = root / path;
    std::string const name = full.filename().string();
    if (name.find('*') == std::string::npos) return fs::exists(full);
    std::string pattern;
    for (char c : name) pattern += c == '*' ? std::string(".*") : c == '.' ? std::string("\\.") : std::string(1, c);
    if (!fs::is_directory(full.parent_path())) return false;
    auto const files = fs::directory_iterator(full.parent_path());
    return std::any_of(begin(files), end(files),
                       [fits = std::regex(pattern)](auto const& f) { return std::regex_match(f.path().filename().string(), fits); });
}

TEST(FunctionTable, EveryPathInReadmeExists) {
    auto const rows = function_table(text_of(root / "README.md"));
    ASSERT_FALSE(rows.empty()) << "README.md has no table `function | reference | cpu | kernel | test | bench`";
    for (auto const& row : rows) {
        EXPECT_FALSE(row.paths.empty()) << "README.md:" << row.line << " names no file";
        for (auto const& path : row.paths) EXPECT_TRUE(exists(path)) << "README.md:" << row.line << ": " << path << " does not exist";
    }
}

TEST(FunctionTable, EveryFunctionInReadmeIsDeclaredInAPublicHeader) {
    std::string declared;
    for (auto const& header : public_headers()) declared += text_of(header);
    for (auto const& row : function_table(text_of(root / "README.md"))) {
        EXPECT_FALSE(row.functions.empty()) << "README.md:" << row.line << " names no function in backticks";
        for (auto const& function : row.functions) {
            std::string const name = function.substr(function.find_last_of(':') + 1);
            EXPECT_TRUE(std::regex_search(declared, std::regex("\\b" + name + "\\b")))
                << "README.md:" << row.line << ": no public header declares " << function;
        }
    }
}

TEST(FunctionTable, IsReadFromMarkdown) {
    auto const rows = function_table(
        "text with a | bar\n"
        "| Function | reference | CPU | kernel | test | bench | status |\n"
        "|---|:--|---|---|---|---|---|\n"
        "| `outer_product::accumulate`, `add` | `a/b.cpp` | [x](a/c.cpp#L3)<br>a/d.cpp:12 | - | tests/e.cpp | – | ran https://x/y |\n"
        "\n"
        "| other | table |\n");
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].line, 4);
    EXPECT_EQ(rows[0].functions, (std::vector<std::string>{"outer_product::accumulate", "add"}));
    EXPECT_EQ(rows[0].paths, (std::vector<std::string>{"a/b.cpp", "a/c.cpp", "a/d.cpp", "tests/e.cpp"}));
}

TEST(FunctionTable, IsEmptyWithoutItsHeading) {
    EXPECT_TRUE(function_table("").empty());
    EXPECT_TRUE(function_table("| function | reference |\n|--|--|\n| `f` | a/b |\n").empty());
}

TEST(FunctionTable, FindsFilesByPattern) {
    EXPECT_TRUE(exists("include/ca3/*.hpp"));
    EXPECT_FALSE(exists("include/ca3/*.cu"));
    EXPECT_FALSE(exists("no/such/folder/*.hpp"));
    EXPECT_FALSE(exists("include/ca3/no_such.hpp"));
}

TEST(PublicHeaders, IncludeOnlyTheStandardLibraryAndEachOther) {
    ASSERT_FALSE(public_headers().empty());
    for (auto const& header : public_headers())
        for (auto const& name : includes_of(text_of(header))) {
            bool const own = name.starts_with("ca3/") && fs::exists(root / "include" / name);
            EXPECT_TRUE(own || is_standard_header(name)) << header << " includes " << name;
        }
}

TEST(PublicHeaders, NameNoTypeOfCuda) {
    // The stream handle is the one exception: a forward declaration, so that callers can pass a cudaStream_t.
    std::regex const cuda_type(R"(\b(cuda[A-Z]\w*|cu[A-Z]\w*|CU[a-z]\w*|__m(128|256|512)\w*|__(global|device|host)__)\b)");
    for (auto const& header : public_headers()) {
        std::string const code = std::regex_replace(text_of(header), std::regex("//[^\n]*"), "");
        for (std::sregex_iterator m(code.begin(), code.end(), cuda_type), end; m != end; ++m)
            EXPECT_EQ(m->str(), "CUstream_st") << "in " << header;
    }
}

TEST(PublicHeaders, AreAllInTheUmbrellaHeader) {
    auto const included = includes_of(text_of(root / "include/ca3/ca3.hpp"));
    for (auto const& header : public_headers()) {
        std::string const name = fs::relative(header, root / "include").generic_string();
        EXPECT_TRUE(name == "ca3/ca3.hpp" || std::count(included.begin(), included.end(), name) == 1) << name;
    }
}

TEST(PublicHeaders, IncludesAreReadFromSource) {
    EXPECT_EQ(includes_of("#include <a>\n  # include \"b.h\" // c\n// #include <d>\nint x;\n#include <e"),
              (std::vector<std::string>{"a", "b.h", "<e"}));
    EXPECT_TRUE(is_standard_header("span"));
    EXPECT_FALSE(is_standard_header("immintrin.h"));
    EXPECT_FALSE(is_standard_header("cuda"));
    EXPECT_FALSE(is_standard_header(""));
}

}  // namespace
}  // namespace ca3::test
