#include "hopfield/memory_state.hpp"

#include <ca3/io/safetensors.hpp>

#include <charconv>
#include <cmath>
#include <cstring>

/// Memory::save and Memory::load: safetensors with the options as metadata.
namespace ca3::hopfield {

namespace {

constexpr char const* format_name = "ca3.hopfield.memory";
constexpr char const* format_version = "1";

template <class T>
io::Array to_array(std::vector<T> const& values, io::DType dtype, std::vector<std::int64_t> shape) {
    io::Array array{.dtype = dtype, .shape = std::move(shape), .data = std::vector<std::byte>(values.size() * sizeof(T))};
    if (!values.empty()) std::memcpy(array.data.data(), values.data(), array.data.size());
    return array;
}

/// The shortest text that reads back as the same double.
std::string exact(double value) {
    char text[32];
    auto const end = std::to_chars(text, text + sizeof text, value).ptr;
    return {text, end};
}

class Reader {
public:
    Reader(std::string const& path) : path_(path), file_(io::read_safetensors(path)) {}

    [[noreturn]] void fail(std::string const& what) const { throw FormatError(path_, 0, what); }

    [[nodiscard]] std::string const& text(char const* key) const {
        auto const found = file_.metadata.find(key);
        if (found == file_.metadata.end()) fail(std::string("metadata '") + key + "' is missing: not a memory saved by ca3");
        return found->second;
    }

    [[nodiscard]] bool flag(char const* key) const {
        std::string const& value = text(key);
        if (value != "true" && value != "false") fail(std::string("metadata '") + key + "' must be true or false, is '" + value + "'");
        return value == "true";
    }

    template <class T>
    [[nodiscard]] T number(char const* key) const {
        std::string const& value = text(key);
        T out{};
        auto const [end, error] = std::from_chars(value.data(), value.data() + value.size(), out);
        if (error != std::errc{} || end != value.data() + value.size())
            fail(std::string("metadata '") + key + "' is not a number: '" + value + "'");
        return out;
    }

    template <class E>
    [[nodiscard]] E name(char const* key, E last) const {
        std::string const& value = text(key);
        for (int k = 0; k <= static_cast<int>(last); ++k) {
            if (to_string(static_cast<E>(k)) == value) return static_cast<E>(k);
        }
        fail(std::string("metadata '") + key + "' is unknown: '" + value + "'");
    }

    [[nodiscard]] bool has(char const* tensor) const { return file_.tensors.contains(tensor); }

    template <class T>
    [[nodiscard]] std::vector<T> values(char const* tensor, io::DType dtype, std::vector<std::int64_t> const& shape) const {
        io::Array const& array = at(tensor);
        if (array.dtype != dtype)
            fail(std::string("tensor '") + tensor + "' must be " + io::to_string(dtype) + ", is " + io::to_string(array.dtype));
        if (array.shape != shape) fail(std::string("tensor '") + tensor + "' has another shape than the patterns ask for");
        std::vector<T> out(array.data.size() / sizeof(T));
        if (!out.empty()) std::memcpy(out.data(), array.data.data(), array.data.size());
        return out;
    }

    [[nodiscard]] io::Array const& at(char const* tensor) const {
        auto const found = file_.tensors.find(tensor);
        if (found == file_.tensors.end()) fail(std::string("tensor '") + tensor + "' is missing");
        return found->second;
    }

private:
    std::string path_;
    io::Tensors file_;
};

}  // namespace

void Memory::save(std::string const& path) const {
    Source const& source = state_->source;
    auto const& o = source.options;
    auto const flag = [](bool value) { return std::string(value ? "true" : "false"); };
    io::Tensors out;
    out.metadata = {{"format", format_name},
                    {"version", format_version},
                    {"rule", std::string(to_string(o.rule))},
                    {"form", std::string(to_string(o.form))},
                    {"keep_diagonal", flag(o.keep_diagonal)},
                    {"centre", flag(o.centre)},
                    {"ridge", exact(o.ridge)},
                    {"degree", std::to_string(o.degree)},
                    {"beta", exact(o.beta)}};
    std::int64_t const d = source.neurons;
    out.tensors["patterns"] = to_array(source.pattern, io::DType::i8, {source.patterns, d});
    if (!source.bias.empty()) out.tensors["bias"] = to_array(source.bias, io::DType::f64, {d});
    if (!source.weights.empty()) out.tensors["weights"] = to_array(source.weights, io::DType::f64, {d, d});
    io::write_safetensors(path, out);
}

Memory Memory::load(Context context, std::string const& path) {
    return translate_bad_alloc([&] {
        Reader const in(path);
        if (in.text("format") != format_name) in.fail("metadata 'format' is '" + in.text("format") + "', not " + format_name);
        if (in.text("version") != format_version)
            in.fail("version " + in.text("version") + " is not known; this library reads " + format_version);
        Source source;
        source.options = {.rule = in.name("rule", Rule::weights),
                          .form = in.name("form", Form::dense),
                          .keep_diagonal = in.flag("keep_diagonal"),
                          .centre = in.flag("centre"),
                          .ridge = in.number<double>("ridge"),
                          .degree = in.number<int>("degree"),
                          .beta = in.number<double>("beta")};
        auto const& shape = in.at("patterns").shape;
        if (shape.size() != 2) in.fail("tensor 'patterns' must have two dimensions");
        source.patterns = shape[0];
        source.neurons = shape[1];
        source.pattern = in.values<std::int8_t>("patterns", io::DType::i8, shape);
        bool const has_weights = (source.options.rule == Rule::storkey && source.neurons > 0) || source.options.rule == Rule::weights;
        if (has_weights) source.weights = in.values<double>("weights", io::DType::f64, {source.neurons, source.neurons});
        if (in.has("bias")) source.bias = in.values<double>("bias", io::DType::f64, {source.neurons});
        try {
            check_source(source);
            return Memory(make_state(std::move(context), std::move(source)));
        } catch (InvalidArgument const& error) {
            in.fail(error.what());
        }
    });
}

}  // namespace ca3::hopfield
