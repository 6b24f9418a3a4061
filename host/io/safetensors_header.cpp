#include "io/safetensors_header.hpp"

#include <ca3/error.hpp>

#include "core/check.hpp"
#include "io/elements.hpp"
#include "io/json_events.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <tuple>
#include <utility>

namespace ca3::io {
namespace {

using json = nlohmann::json;

constexpr char metadata_key[] = "__metadata__";

constexpr std::array<std::pair<std::string_view, DType>, 13> type_names{{{"BOOL", DType::boolean},
                                                                         {"I8", DType::i8},
                                                                         {"U8", DType::u8},
                                                                         {"I16", DType::i16},
                                                                         {"U16", DType::u16},
                                                                         {"I32", DType::i32},
                                                                         {"U32", DType::u32},
                                                                         {"I64", DType::i64},
                                                                         {"U64", DType::u64},
                                                                         {"F16", DType::f16},
                                                                         {"BF16", DType::bf16},
                                                                         {"F32", DType::f32},
                                                                         {"F64", DType::f64}}};

/// The text as a tree. The parser would silently keep one of two equal keys, and would follow brackets to any depth; both are refused while
/// it reads.
class HeaderReader {
public:
    HeaderReader(std::string_view text, std::string const& file, std::uint64_t at) : text_(text), file_(file), at_(at) {}

    [[noreturn]] void fail(std::string const& what) const { throw FormatError(file_, at_, "in the safetensors header: " + what); }

    json tree() const {
        std::vector<std::set<std::string>> keys;
        auto const watch = [&](int depth, json::parse_event_t event, std::string const& key) {
            int constexpr deepest = 3;  // header, tensor, list
            switch (event) {
                case json::parse_event_t::object_start:
                case json::parse_event_t::array_start:
                    if (depth >= deepest) fail("brackets are nested more than " + std::to_string(deepest) + " deep");
                    if (event == json::parse_event_t::object_start) keys.emplace_back();
                    break;
                case json::parse_event_t::object_end:
                    keys.pop_back();
                    break;
                case json::parse_event_t::key:
                    if (!keys.back().insert(key).second) fail("'" + key + "' occurs twice");
                    break;
                default:
                    break;
            }
        };
        JsonEvents<decltype(watch)>::read(text_, watch);
        try {
            return json::parse(text_.begin(), text_.end());
        } catch (json::parse_error const& error) {
            std::uint64_t const position = error.byte > 0 ? error.byte - 1 : 0;
            throw FormatError(file_, at_ + position, std::string("in the safetensors header: ") + error.what());
        } catch (json::exception const& error) {
            fail(error.what());
        }
    }

private:
    std::string_view text_;
    std::string const& file_;
    std::uint64_t at_;
};

std::vector<std::uint64_t> read_list(HeaderReader const& reader, std::string const& who, json const& list) {
    if (!list.is_array()) reader.fail(who + " must be a list");
    std::vector<std::uint64_t> values;
    for (json const& value : list) {
        if (!value.is_number_unsigned() || value.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max()) {
            reader.fail(who + " must hold whole numbers from 0 to 2^63 - 1");
        }
        values.push_back(value.get<std::uint64_t>());
    }
    return values;
}

TensorEntry read_entry(HeaderReader const& reader, std::string const& name, json const& object) {
    std::string const who = "tensor '" + name + "'";
    if (!object.is_object() || object.size() != 3 || !object.contains("dtype") || !object.contains("shape") ||
        !object.contains("data_offsets")) {
        reader.fail(who + " must have exactly dtype, shape and data_offsets");
    }
    json const& type = object["dtype"];
    if (!type.is_string()) reader.fail(who + ": dtype must be a string");
    auto const& type_name = type.get_ref<std::string const&>();
    auto const found = std::ranges::find(type_names, std::string_view(type_name), &std::pair<std::string_view, DType>::first);
    if (found == type_names.end()) reader.fail(who + ": dtype '" + type_name + "' is not supported");

    TensorEntry entry{.name = name, .dtype = found->second, .shape = {}};
    for (std::uint64_t const size : read_list(reader, who + ": shape", object["shape"]))
        entry.shape.push_back(static_cast<std::int64_t>(size));
    auto const offsets = read_list(reader, who + ": data_offsets", object["data_offsets"]);
    if (offsets.size() != 2 || offsets[0] > offsets[1]) reader.fail(who + ": data_offsets must be a begin and an end");
    entry.begin = offsets[0];
    entry.end = offsets[1];
    auto const bytes = byte_count(entry.shape, size_of(entry.dtype));
    if (!bytes || *bytes != entry.end - entry.begin) {
        reader.fail(who + " of shape " + shape_text(entry.shape) + " does not fit its " + std::to_string(entry.end - entry.begin) +
                    " bytes");
    }
    return entry;
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view text, std::string const& file, std::uint64_t at) {
    HeaderReader const reader(text, file, at);
    if (!text.starts_with('{')) reader.fail("it must begin with '{'");
    json const tree = reader.tree();
    SafetensorsHeader header;
    for (auto const& [name, value] : tree.items()) {
        if (name != metadata_key) {
            header.entries.push_back(read_entry(reader, name, value));
            continue;
        }
        if (!value.is_object()) reader.fail("__metadata__ must be an object");
        for (auto const& [key, word] : value.items()) {
            if (!word.is_string()) reader.fail("__metadata__ must hold strings, '" + key + "' is none");
            header.metadata.emplace(key, word.get<std::string>());
        }
    }
    std::ranges::sort(header.entries, {}, [](TensorEntry const& entry) { return std::tuple(entry.begin, entry.end); });
    std::uint64_t end = 0;
    for (TensorEntry const& entry : header.entries) {
        if (entry.begin != end) {
            reader.fail("tensor '" + entry.name + "' begins at byte " + std::to_string(entry.begin) + " of the data, where " +
                        (entry.begin > end ? "a hole precedes it" : "another tensor is"));
        }
        end = entry.end;
    }
    return header;
}

std::string safetensors_header_text(SafetensorsHeader const& header) {
    std::string text;
    auto const add = [&](std::string const& name, nlohmann::ordered_json const& value) {
        text += (text.empty() ? "{" : ",") + json(name).dump() + ":" + value.dump();
    };
    try {
        if (!header.metadata.empty()) add(metadata_key, header.metadata);
        for (TensorEntry const& entry : header.entries) {
            auto const type = std::ranges::find(type_names, entry.dtype, &std::pair<std::string_view, DType>::second)->first;
            add(entry.name, {{"dtype", type}, {"shape", entry.shape}, {"data_offsets", {entry.begin, entry.end}}});
        }
    } catch (json::exception const& error) {
        throw InvalidArgument(std::string("write_safetensors: a name or metadata is no UTF-8: ") + error.what());
    }
    text += text.empty() ? "{}" : "}";
    std::size_t constexpr alignment = 8;
    text.append((alignment - text.size() % alignment) % alignment, ' ');
    return text;
}

}  // namespace ca3::io
