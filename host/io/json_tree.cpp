#include "io/json_tree.hpp"

#include <ca3/error.hpp>

#include "io/json_events.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace ca3::io {
namespace {

using nlohmann::json;

constexpr std::size_t most_shown = 60;  // bytes of the text, in an error

/// The first bytes of UTF-8, whole characters.
std::string start_of(std::string const& text) {
    if (text.size() <= most_shown) return text;
    auto const continues = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; };
    std::size_t end = most_shown;
    while (end > 0 && continues(text[end])) --end;
    return text.substr(0, end) + "...";
}

/// JSON of one line, without control characters.
std::string line_of(json const& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// ".key", or "['a key']" where it is no plain word.
std::string step(std::string const& key) {
    auto const plain = [](char c) { return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    return !key.empty() && key.size() <= most_shown && std::ranges::all_of(key, plain) ? "." + key : "[" + quoted(key) + "]";
}

std::string step(std::size_t index) {
    return "[" + std::to_string(index) + "]";
}

/// Where the parser is. It would silently keep one of two equal keys, and follow brackets to any depth.
class Place {
public:
    explicit Place(std::string const& document) : document_(document) {}

    void operator()(int /*depth*/, json::parse_event_t event, std::string const& key) {
        switch (event) {
            case json::parse_event_t::object_start:
            case json::parse_event_t::array_start:
                open(event == json::parse_event_t::object_start);
                break;
            case json::parse_event_t::object_end:
            case json::parse_event_t::array_end:
                levels_.pop_back();
                next();
                break;
            case json::parse_event_t::key:
                enter(key);
                break;
            case json::parse_event_t::value:
                next();
                break;
        }
    }

    [[noreturn]] void fail(std::string const& what) const {
        std::string path = "$";
        for (Level const& level : levels_) path += level.is_object ? (level.keys.empty() ? "" : step(level.key)) : step(level.index);
        throw InvalidArgument(document_ + ": " + path + ": " + what);
    }

private:
    struct Level {
        bool is_object;
        std::set<std::string> keys{};
        std::string key{};
        std::size_t index = 0;
    };

    void open(bool is_object) {
        constexpr std::size_t deepest = 8;
        if (levels_.size() >= deepest) fail("brackets are nested more than " + std::to_string(deepest) + " deep");
        levels_.push_back({.is_object = is_object});
    }
    void enter(std::string const& key) {
        Level& level = levels_.back();
        level.key = key;
        if (!level.keys.insert(key).second) fail("occurs twice");
    }
    void next() {
        if (!levels_.empty()) ++levels_.back().index;
    }

    std::string const& document_;
    std::vector<Level> levels_;
};

std::string shown(json const& value) {
    if (value.is_object()) return "an object";
    if (value.is_array()) return "a list of " + std::to_string(value.size());
    return start_of(line_of(value));
}

/// "line 1, column 3: unexpected end of input; expected ...", from the parser's much longer words, of which "last read" may be any part of
/// the text.
std::string reason(std::string const& words) {
    auto const from = [&](std::string_view mark) {
        auto const found = words.find(mark);
        return found == std::string::npos ? std::size_t{0} : found + mark.size();
    };
    auto const place = from("parse error at "), message = from(" - ");
    auto const after_place = words.find(": ", place), last_read = words.find("; last read: ", message);
    if (place == 0 || message == 0 || after_place == std::string::npos) return start_of(words);
    std::string text = words.substr(place, after_place + 2 - place) + words.substr(message, last_read - message);
    if (last_read == std::string::npos) return text;
    auto const expected = words.rfind("; expected ");
    auto const from_the_parser = [](char c) { return c >= ' ' && c <= '~'; };
    bool const given = expected != std::string::npos && expected > last_read && words.size() - expected <= most_shown &&
                       std::all_of(words.begin() + static_cast<std::ptrdiff_t>(expected), words.end(), from_the_parser);
    return given ? text + words.substr(expected) : text;
}

/// The whole number that this is, up to `most`.
std::optional<std::uint64_t> to_whole(json const& value, std::uint64_t most) {
    std::uint64_t whole = 0;
    if (value.is_number_unsigned() || (value.is_number_integer() && value.get<std::int64_t>() >= 0)) {  // "-0" is of the second kind
        whole = value.get<std::uint64_t>();
    } else if (value.is_number_float()) {
        constexpr double exact = 9007199254740992.0;  // 2^53: above it a double may stand for another number than was written
        auto const x = value.get<double>();
        if (!(x >= 0.0) || x > exact || x != std::floor(x)) return std::nullopt;
        whole = static_cast<std::uint64_t>(x);
    } else {
        return std::nullopt;
    }
    return whole <= most ? std::optional(whole) : std::nullopt;
}

constexpr auto most_signed = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

std::string whole_wanted(json const& value) {
    bool const large = value.is_number() && value.get<double>() > 9e15;
    return large ? "a whole number of at most 2^63 - 1, with all its digits" : "a whole number that is not negative";
}

}  // namespace

json parse_tree(std::string_view text, std::string const& document) {
    Place place(document);
    JsonEvents<Place>::read(text, place);
    try {
        return json::parse(text.begin(), text.end());
    } catch (json::parse_error const& error) {
        throw FormatError(document, error.byte > 0 ? error.byte - 1 : 0, reason(error.what()));
    } catch (json::out_of_range const&) {
        place.fail("this number is too large");
    }
}

std::string quoted(std::string const& text) {
    std::string const line = line_of(text);
    return "'" + start_of(line.substr(1, line.size() - 2)) + "'";
}

void Node::fail(std::string const& what) const {
    throw InvalidArgument(*document_ + ": " + path_ + ": " + what);
}

void Node::fail_kind(std::string const& what) const {
    fail("must be " + what + ", is " + shown(*value_));
}

std::string Node::text() const {
    if (!value_->is_string()) fail_kind("a string");
    return value_->get<std::string>();
}

bool Node::flag() const {
    if (!value_->is_boolean()) fail_kind("true or false");
    return value_->get<bool>();
}

double Node::number() const {
    if (!value_->is_number()) fail_kind("a number");
    return value_->get<double>();
}

std::int64_t Node::whole() const {
    auto const whole = to_whole(*value_, most_signed);
    if (!whole) fail_kind(whole_wanted(*value_));
    return static_cast<std::int64_t>(*whole);
}

std::uint64_t Node::whole_unsigned() const {
    auto const whole = to_whole(*value_, std::numeric_limits<std::uint64_t>::max());
    if (!whole) fail_kind("a whole number from 0 to 2^64 - 1");
    return *whole;
}

std::vector<double> Node::numbers() const {
    if (!is_list()) fail_kind("a list of numbers");
    std::vector<double> values;
    values.reserve(value_->size());
    for (std::size_t i = 0; i < value_->size(); ++i) {
        json const& value = (*value_)[i];
        values.push_back(value.is_number() ? value.get<double>() : element(i).number());
    }
    return values;
}

std::vector<std::int64_t> Node::wholes() const {
    if (!is_list()) fail_kind("a list of whole numbers");
    std::vector<std::int64_t> values;
    values.reserve(value_->size());
    for (std::size_t i = 0; i < value_->size(); ++i) {
        auto const whole = to_whole((*value_)[i], most_signed);
        values.push_back(whole ? static_cast<std::int64_t>(*whole) : element(i).whole());
    }
    return values;
}

std::vector<Node> Node::list() const {
    if (!is_list()) fail_kind("a list");
    std::vector<Node> nodes;
    nodes.reserve(value_->size());
    for (std::size_t i = 0; i < value_->size(); ++i) nodes.push_back(element(i));
    return nodes;
}

Node Node::element(std::size_t index) const {
    return {(*value_)[index], *document_, path_ + step(index)};
}

Members::Members(Node object) : object_(std::move(object)) {
    if (!object_.is_object()) object_.fail_kind("an object");
}

std::optional<Node> Members::find(std::string_view key) {
    if (std::ranges::find(asked_, key) == asked_.end()) asked_.push_back(key);
    auto const member = object_.value_->find(key);
    if (member == object_.value_->end()) return std::nullopt;
    return Node(*member, *object_.document_, object_.path_ + step(std::string(key)));
}

std::optional<Node> Members::find(std::string_view key, std::string_view synonym) {
    auto member = find(key), other = find(synonym);
    if (member && other) other->fail("means the same as '" + std::string(key) + "', which is there too");
    return member ? member : other;
}

Node Members::at(std::string_view key) {
    auto member = find(key);
    if (!member) object_.fail("'" + std::string(key) + "' is missing");
    return *std::move(member);
}

void Members::close() const {
    for (auto const& member : object_.value_->items()) {
        if (std::ranges::find(asked_, member.key()) != asked_.end()) continue;
        std::string known;
        for (auto const key : asked_) known += (known.empty() ? "" : ", ") + std::string(key);
        throw InvalidArgument(*object_.document_ + ": " + object_.path_ + step(member.key()) + ": is not known here; known are " + known);
    }
}

}  // namespace ca3::io
