#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// JSON text as a tree whose every value knows its path, for errors that say where.
namespace ca3::io {

/// @param document its name, for errors
/// @throws FormatError for what is not JSON; InvalidArgument for a key that occurs twice, brackets nested more than 8 deep, and numbers
/// beyond double
[[nodiscard]] nlohmann::json parse_tree(std::string_view text, std::string const& document);

/// In single quotes, cut and escaped so that it fits into one line of an error.
[[nodiscard]] std::string quoted(std::string const& text);

/// A value and its path. Both it and the document's name must outlive the node. Its functions throw InvalidArgument for a value of another
/// kind.
class Node {
public:
    Node(nlohmann::json const& value, std::string const& document, std::string path)
        : value_(&value), document_(&document), path_(std::move(path)) {}

    [[noreturn]] void fail(std::string const& what) const;
    /// "must be <what>, is <this>"
    [[noreturn]] void fail_kind(std::string const& what) const;

    [[nodiscard]] std::string const& path() const noexcept { return path_; }
    [[nodiscard]] bool is_number() const { return value_->is_number(); }
    [[nodiscard]] bool is_list() const { return value_->is_array(); }
    [[nodiscard]] bool is_object() const { return value_->is_object(); }

    [[nodiscard]] std::string text() const;
    [[nodiscard]] bool flag() const;
    [[nodiscard]] double number() const;
    /// Not negative; 1e3 is whole too.
    [[nodiscard]] std::int64_t whole() const;
    [[nodiscard]] std::uint64_t whole_unsigned() const;
    [[nodiscard]] std::vector<double> numbers() const;
    [[nodiscard]] std::vector<std::int64_t> wholes() const;
    [[nodiscard]] std::vector<Node> list() const;

    /// What stands for this word.
    template <class T>
    [[nodiscard]] T choice(std::vector<std::pair<std::string_view, T>> const& choices) const {
        std::string words;
        for (auto const& [word, meaning] : choices) {
            if (value_->is_string() && value_->get_ref<std::string const&>() == word) return meaning;
            words += (words.empty() ? "\"" : ", \"") + std::string(word) + "\"";
        }
        fail_kind("one of " + words);
    }

private:
    friend class Members;

    [[nodiscard]] Node element(std::size_t index) const;

    nlohmann::json const* value_;
    std::string const* document_;
    std::string path_;
};

/// The members of an object. Those that nobody has asked for are refused by `close`.
class Members {
public:
    explicit Members(Node object);

    [[nodiscard]] Node const& node() const noexcept { return object_; }
    [[nodiscard]] std::optional<Node> find(std::string_view key);
    /// @throws InvalidArgument when it is missing
    [[nodiscard]] Node at(std::string_view key);
    /// Replaces `value` by what `read` makes of the member, where there is one.
    template <class T, class Read>
    void take(std::string_view key, T& value, Read&& read) {
        if (auto const member = find(key)) value = read(*member);
    }
    /// The same for a member that has two names. @throws InvalidArgument when both are there
    [[nodiscard]] std::optional<Node> find(std::string_view key, std::string_view synonym);
    template <class T, class Read>
    void take(std::string_view key, std::string_view synonym, T& value, Read&& read) {
        if (auto const member = find(key, synonym)) value = read(*member);
    }
    /// @throws InvalidArgument for a member that was not asked for
    void close() const;

private:
    Node object_;
    std::vector<std::string_view> asked_;
};

}  // namespace ca3::io
