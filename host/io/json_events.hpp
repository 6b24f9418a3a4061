#pragma once

#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace ca3::io {

/// Reads JSON once without keeping it, so that `watch(depth, event, key)` may refuse it by a throw before a tree is made; depth: brackets
/// that are open. Takes time in proportion to the text (the callbacks of nlohmann::json::parse take that of the square of an object's
/// members). What is no JSON ends it without an error: the parser that makes the tree has the words for that.
template <class Watch>
class JsonEvents final : public nlohmann::json_sax<nlohmann::json> {
public:
    using Event = nlohmann::json::parse_event_t;

    static void read(std::string_view text, Watch& watch) {
        JsonEvents events(watch);
        static_cast<void>(nlohmann::json::sax_parse(text.begin(), text.end(), &events));
    }

    bool null() override { return value(); }
    bool boolean(bool) override { return value(); }
    bool number_integer(number_integer_t) override { return value(); }
    bool number_unsigned(number_unsigned_t) override { return value(); }
    bool number_float(number_float_t, string_t const&) override { return value(); }
    bool string(string_t&) override { return value(); }
    bool binary(binary_t&) override { return value(); }
    bool start_object(std::size_t) override { return open(Event::object_start); }
    bool start_array(std::size_t) override { return open(Event::array_start); }
    bool end_object() override { return close(Event::object_end); }
    bool end_array() override { return close(Event::array_end); }
    bool key(string_t& key) override {
        watch_(depth_, Event::key, key);
        return true;
    }
    bool parse_error(std::size_t, std::string const&, nlohmann::detail::exception const&) override { return false; }

private:
    explicit JsonEvents(Watch& watch) : watch_(watch) {}

    bool value() {
        watch_(depth_, Event::value, {});
        return true;
    }
    bool open(Event event) {
        watch_(depth_, event, {});
        ++depth_;
        return true;
    }
    bool close(Event event) {
        --depth_;
        watch_(depth_, event, {});
        return true;
    }

    Watch& watch_;
    int depth_ = 0;
};

}  // namespace ca3::io
