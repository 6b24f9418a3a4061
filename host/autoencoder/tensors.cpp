#include "autoencoder/tensors.hpp"

#include <ca3/error.hpp>

#include "core/check.hpp"
#include "io/json_tree.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace ca3::autoencoder {
namespace {

using io::DType;
using Role = Tensor::Role;

[[noreturn]] void refuse(std::string const& name, std::string const& what) {
    throw InvalidArgument(name + ": " + what);
}

/// "(256 x 784)"; of more than 8 dimensions the first.
std::string shape_text(std::vector<std::int64_t> const& shape) {
    constexpr std::size_t most_shown = 8;
    if (shape.empty()) return "a scalar";
    std::string text;
    for (std::size_t i = 0; i < std::min(shape.size(), most_shown); ++i) text += (i == 0 ? "(" : " x ") + std::to_string(shape[i]);
    return text + (shape.size() > most_shown ? " x ...)" : ")");
}

/// "[3, 17]": where element i of this shape stands.
std::string index_text(std::vector<std::int64_t> const& shape, std::int64_t i) {
    std::string text;
    for (auto size = shape.rbegin(); size != shape.rend(); ++size) {
        if (!text.empty()) text.insert(0, ", ");
        text.insert(0, std::to_string(i % *size));
        i /= *size;
    }
    return text.empty() ? "" : "[" + text + "]";
}

bool is_float(DType dtype) {
    return dtype == DType::f16 || dtype == DType::bf16 || dtype == DType::f32 || dtype == DType::f64;
}

template <class T>
T element(io::Array const& array, std::int64_t i) {
    T value;
    std::memcpy(&value, array.data.data() + static_cast<std::size_t>(i) * sizeof(T), sizeof value);
    return value;
}

/// IEEE 754 binary16.
double from_half(std::uint16_t bits) {
    int const exponent = bits >> 10 & 0x1F, fraction = bits & 0x3FF;
    double magnitude = 0.0;
    if (exponent == 0x1F)
        magnitude = fraction == 0 ? HUGE_VAL : NAN;
    else
        magnitude = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(fraction + 0x400, exponent - 25);
    return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

/// Element i of a number type that `is_float`, or of i32 or i64.
double number(io::Array const& array, std::int64_t i) {
    switch (array.dtype) {
        case DType::f16:
            return from_half(element<std::uint16_t>(array, i));
        case DType::bf16:
            return std::bit_cast<float>(static_cast<std::uint32_t>(element<std::uint16_t>(array, i)) << 16);
        case DType::f32:
            return element<float>(array, i);
        case DType::i32:
            return element<std::int32_t>(array, i);
        case DType::i64:
            return static_cast<double>(element<std::int64_t>(array, i));
        default:
            return element<double>(array, i);
    }
}

/// The array has this shape, and as much data as that asks for.
void check_shape(io::Array const& array, std::vector<std::int64_t> const& shape, std::string const& name) {
    if (array.shape != shape) refuse(name, "expected " + shape_text(shape) + ", found " + shape_text(array.shape));
    std::uint64_t const bytes = static_cast<std::uint64_t>(array.size()) * io::size_of(array.dtype);
    if (array.data.size() != bytes)
        refuse(name, "expected " + std::to_string(bytes) + " bytes, found " + std::to_string(array.data.size()));
}

/// A count of batches: a whole number that a double holds, for files may have it as one.
void check_batches(io::Array const& array, std::string const& name) {
    constexpr double most = 9007199254740992.0;  // 2^53
    if (array.dtype != DType::i64 && array.dtype != DType::i32 && !is_float(array.dtype))
        refuse(name, "expected int64, int32 or floating-point numbers, found " + io::to_string(array.dtype));
    check_shape(array, {}, name);
    double const n = number(array, 0);
    if (!(n >= 0.0 && n <= most && n == std::floor(n))) refuse(name, "expected a whole number in [0, 2^53], found " + number_text(n));
}

void check_tensor(Tensor const& wanted, io::Array const& array, std::string const& name) {
    if (wanted.role == Role::batches) return check_batches(array, name);
    check_floats(array, wanted.shape, name);
    if (wanted.role != Role::running_variance) return;
    for (std::int64_t i = 0; i < array.size(); ++i)
        if (number(array, i) < 0.0)
            refuse(name + index_text(array.shape, i), "a variance must not be negative, is " + number_text(number(array, i)));
}

/// "'encoder.0.bias', 'encoder.0.weight' and 12 more"
std::string names_text(io::Tensors const& tensors) {
    constexpr std::size_t most_shown = 8;
    std::string text;
    std::size_t shown = 0;
    for (auto const& [name, array] : tensors.tensors) {
        if (shown++ == most_shown) return text + " and " + std::to_string(tensors.tensors.size() - most_shown) + " more";
        text += (text.empty() ? "" : ", ") + io::quoted(name);
    }
    return text.empty() ? "nothing" : text;
}

std::span<double> place_of(PlannedTensor const& tensor, State& state) {
    auto& list = tensor.buffer ? state.buffers : state.parameters;
    return std::span(list).subspan(static_cast<std::size_t>(tensor.place.offset), static_cast<std::size_t>(tensor.place.size));
}

}  // namespace

io::Array float_array(std::span<double const> values, std::vector<std::int64_t> shape, Precision precision) {
    if (precision == Precision::f64) {
        io::Array array{.dtype = DType::f64, .shape = std::move(shape), .data = std::vector<std::byte>(values.size_bytes())};
        if (!values.empty()) std::memcpy(array.data.data(), values.data(), array.data.size());
        return array;
    }
    io::Array array{.dtype = DType::f32, .shape = std::move(shape), .data = std::vector<std::byte>(values.size() * sizeof(float))};
    std::ranges::transform(values, array.as<float>(), [](double x) { return static_cast<float>(x); });
    return array;
}

void check_floats(io::Array const& array, std::vector<std::int64_t> const& shape, std::string const& name) {
    if (!is_float(array.dtype)) refuse(name, "expected floating-point numbers, found " + io::to_string(array.dtype));
    check_shape(array, shape, name);
    for (std::int64_t i = 0, size = array.size(); i < size; ++i) {
        double const x = number(array, i);
        if (!std::isfinite(static_cast<float>(x))) refuse(name + index_text(shape, i), "expected a finite float, found " + number_text(x));
    }
}

void copy_floats(io::Array const& array, std::span<double> out) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = number(array, static_cast<std::int64_t>(i));
}

void check_tensors(Plan const& plan, io::Tensors const& tensors, std::string const& origin, bool others) {
    for (auto const& [wanted, place, buffer] : plan.tensors) {
        auto const found = tensors.tensors.find(wanted.name);
        if (found == tensors.tensors.end()) refuse(origin, "missing tensor '" + wanted.name + "'; there are " + names_text(tensors));
        check_tensor(wanted, found->second, origin + ": " + wanted.name);
    }
    if (others || tensors.tensors.size() == plan.tensors.size()) return;
    std::vector<std::string_view> known;
    for (auto const& planned : plan.tensors) known.emplace_back(planned.tensor.name);
    std::ranges::sort(known);
    for (auto const& [name, array] : tensors.tensors)
        if (!std::ranges::binary_search(known, name)) refuse(origin, "tensor " + io::quoted(name) + " is not one of this architecture's");
}

io::Tensors to_tensors(Plan const& plan, State const& state, Precision precision) {
    io::Tensors out;
    for (auto const& [tensor, place, buffer] : plan.tensors) {
        if (tensor.role == Role::batches) {
            std::int64_t const count = state.batches[static_cast<std::size_t>(place.offset)];
            io::Array array{.dtype = DType::i64, .shape = {}, .data = std::vector<std::byte>(sizeof count)};
            std::memcpy(array.data.data(), &count, sizeof count);
            out.tensors.emplace(tensor.name, std::move(array));
        } else {
            auto const values = std::span(buffer ? state.buffers : state.parameters)
                                    .subspan(static_cast<std::size_t>(place.offset), static_cast<std::size_t>(place.size));
            out.tensors.emplace(tensor.name, float_array(values, tensor.shape, precision));
        }
    }
    return out;
}

void take_tensors(Plan const& plan, io::Tensors const& tensors, State& state, std::string const& origin, bool others) {
    check_tensors(plan, tensors, origin, others);
    for (auto const& planned : plan.tensors) {
        io::Array const& array = tensors.tensors.at(planned.tensor.name);
        if (planned.tensor.role == Role::batches)
            state.batches[static_cast<std::size_t>(planned.place.offset)] = static_cast<std::int64_t>(number(array, 0));
        else
            copy_floats(array, place_of(planned, state));
    }
}

}  // namespace ca3::autoencoder
