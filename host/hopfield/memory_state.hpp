#pragma once

#include "hopfield/model.hpp"

#include <ca3/error.hpp>

#include "core/out_of_memory.hpp"

#include <memory>

namespace ca3::hopfield {

/// The source is the truth; the model and what the backend prepared are made from it when first needed.
struct MemoryState {
    Context context;
    Source source;
    mutable std::unique_ptr<BuiltModel> built;
    mutable std::unique_ptr<Prepared> prepared;
    mutable double glauber_temperature = 0.0;  ///< of the table below, 0: none yet
    mutable Glauber glauber;

    [[nodiscard]] BuiltModel const& built_model() const;
    [[nodiscard]] Prepared& prepared_model() const;
    /// The table of the last temperature asked for is kept, for those who anneal.
    [[nodiscard]] Glauber const& glauber_at(double temperature) const;
    void pattern_overlaps(MatrixView<std::int8_t const> states, std::int32_t* out) const;
};

/// Builds the model at once where that can fail or reports something.
[[nodiscard]] std::unique_ptr<MemoryState> make_state(Context context, Source source);

/// Every entry is -1 or +1, or 0 where `zero` allows it. @throws InvalidArgument naming the first that is not
void check_entries(MatrixView<std::int8_t const> view, bool zero, char const* function, char const* argument);

/// Well-formed states of this memory: B x d, entries -1, 0, +1; the memory has neurons. @throws InvalidArgument
void check_states(MemoryState const& state, MatrixView<std::int8_t const> states, char const* function, char const* argument);

/// All that the constructors and store() check, for a source that came from a file. @throws InvalidArgument
void check_source(Source const& source);

/// std::bad_alloc and std::length_error become OutOfMemory.
auto translate_bad_alloc(auto&& body) -> decltype(body()) {
    return ca3::translate_bad_alloc("hopfield::Memory", body);
}

}  // namespace ca3::hopfield
