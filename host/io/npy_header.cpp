#include "io/npy_stream.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace ca3::io {
namespace {

constexpr std::array<std::pair<std::string_view, DType>, 12> type_codes{{{"b1", DType::boolean},
                                                                         {"i1", DType::i8},
                                                                         {"u1", DType::u8},
                                                                         {"i2", DType::i16},
                                                                         {"u2", DType::u16},
                                                                         {"i4", DType::i32},
                                                                         {"u4", DType::u32},
                                                                         {"i8", DType::i64},
                                                                         {"u8", DType::u64},
                                                                         {"f2", DType::f16},
                                                                         {"f4", DType::f32},
                                                                         {"f8", DType::f64}}};

/// Reads the Python literals that occur in a header: {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }
class Scanner {
public:
    Scanner(std::string_view text, Stream const& stream, std::uint64_t base) : text_(text), stream_(stream), base_(base) {}

    [[noreturn]] void fail(std::string const& what) const { stream_.fail(base_ + at_, "in the NPY header: " + what); }

    /// The next character that is no space, or 0 at the end.
    char peek() {
        at_ = std::min(text_.find_first_not_of(" \t\r\n\f", at_), text_.size());
        return at_ < text_.size() ? text_[at_] : '\0';
    }

    bool accept(char wanted) {
        if (peek() != wanted || at_ == text_.size()) return false;
        ++at_;
        return true;
    }

    void expect(char wanted) {
        if (!accept(wanted)) fail(std::string("'") + wanted + "' is missing");
    }

    std::string_view string() {
        char const quote = peek();
        if (quote != '\'' && quote != '"') fail("a quoted word is missing");
        auto const end = text_.find(quote, at_ + 1);
        if (end == std::string_view::npos) fail("a quoted word does not end");
        auto const word = text_.substr(at_ + 1, end - at_ - 1);
        if (word.find('\\') != std::string_view::npos) fail("escapes are not supported");
        at_ = end + 1;
        return word;
    }

    bool boolean() {
        peek();
        for (std::string_view const word : {"True", "False"}) {
            if (!text_.substr(at_).starts_with(word)) continue;
            at_ += word.size();
            return word == "True";
        }
        fail("True or False is missing");
    }

    std::int64_t size() {
        if (peek() == '-') fail("a dimension is negative");
        std::int64_t value = 0;
        auto const [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
        if (error == std::errc::invalid_argument) fail("a dimension is missing");
        if (error != std::errc{}) fail("a dimension is beyond 64 bits");
        at_ = static_cast<std::size_t>(end - text_.data());
        if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // Python 2 wrote its long integers so
        return value;
    }

    std::vector<std::int64_t> shape() {
        std::vector<std::int64_t> sizes;
        bool comma = true;
        expect('(');
        while (!accept(')')) {
            if (!comma) fail("',' or ')' is missing in the shape");
            if (sizes.size() == most_npy_dimensions) fail("more than " + std::to_string(most_npy_dimensions) + " dimensions");
            sizes.push_back(size());
            comma = accept(',');
        }
        if (sizes.size() == 1 && !comma) fail("the shape is no tuple: a comma is missing");
        return sizes;
    }

private:
    std::string_view text_;
    Stream const& stream_;
    std::uint64_t base_;
    std::size_t at_ = 0;
};

void read_type(Scanner& scan, NpyHeader& header) {
    if (scan.peek() == '[' || scan.peek() == '(') scan.fail("structured types are not supported");
    std::string_view const text = scan.string();
    std::string_view code = text;
    char order = '=';
    if (!code.empty() && std::string_view("<>|=").find(code.front()) != std::string_view::npos) {
        order = code.front();
        code.remove_prefix(1);
    }
    auto const found = std::ranges::find(type_codes, code, &std::pair<std::string_view, DType>::first);
    if (found == type_codes.end()) {
        scan.fail("type '" + std::string(text) + "' is not supported (bool, integers of 1 to 8 bytes and floats of 2, 4 and 8 bytes are)");
    }
    header.dtype = found->second;
    header.foreign_order = order == (std::endian::native == std::endian::little ? '>' : '<');
}

std::string_view type_code(DType dtype) {
    return std::ranges::find(type_codes, dtype, &std::pair<std::string_view, DType>::second)->first;
}

}  // namespace

NpyHeader parse_npy_header(std::string_view text, Stream const& stream, std::uint64_t at) {
    Scanner scan(text, stream, at);
    NpyHeader header;
    bool has_type = false;
    bool has_order = false;
    bool has_shape = false;
    bool comma = true;
    auto const once = [&](bool& has, std::string_view key) {
        if (std::exchange(has, true)) scan.fail("'" + std::string(key) + "' occurs twice");
    };
    scan.expect('{');
    while (!scan.accept('}')) {
        if (!comma) scan.fail("',' or '}' is missing");
        std::string_view const key = scan.string();
        scan.expect(':');
        if (key == "descr") {
            once(has_type, key);
            read_type(scan, header);
        } else if (key == "fortran_order") {
            once(has_order, key);
            header.fortran_order = scan.boolean();
        } else if (key == "shape") {
            once(has_shape, key);
            header.shape = scan.shape();
        } else {
            scan.fail("key '" + std::string(key) + "' is not one of NPY");
        }
        comma = scan.accept(',');
    }
    if (!has_type) scan.fail("'descr' is missing");
    if (!has_order) scan.fail("'fortran_order' is missing");
    if (!has_shape) scan.fail("'shape' is missing");
    if (scan.peek() != '\0') scan.fail("there is text after the dictionary");
    return header;
}

std::vector<std::byte> npy_preamble(Array const& array) {
    char const order = size_of(array.dtype) == 1 ? '|' : '<';
    std::string text = "{'descr': '" + std::string(1, order) + std::string(type_code(array.dtype)) +
                       "', 'fortran_order': False, 'shape': " + shape_text(array.shape) + ", }";
    // NumPy leaves room for the first dimension to grow to 21 digits in place, then pads to 64 bytes.
    std::size_t constexpr growth = 21;
    std::size_t constexpr alignment = 64;
    std::size_t constexpr fixed = 10;  // magic, version and length
    if (!array.shape.empty()) text.append(growth - std::to_string(array.shape[0]).size(), ' ');
    text.append(alignment - (fixed + text.size() + 1) % alignment, ' ');
    text += '\n';

    std::vector<std::byte> bytes;
    for (char const c : std::string_view("\x93NUMPY\x01\x00", 8)) bytes.push_back(static_cast<std::byte>(c));
    bytes.push_back(static_cast<std::byte>(text.size()));
    bytes.push_back(static_cast<std::byte>(text.size() >> 8));
    for (char const c : text) bytes.push_back(static_cast<std::byte>(c));
    return bytes;
}

}  // namespace ca3::io
