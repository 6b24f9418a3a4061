#pragma once

#include "autoencoder/engine.hpp"

#include <memory>
#include <optional>

namespace ca3::autoencoder {

/// Their numbers in the random streams have 32 bits.
inline constexpr std::int64_t most_training_steps = std::int64_t{1} << 32;

/// Where a fit stands, for one that resumes.
struct Progress {
    std::optional<UpdateRule> rule;  ///< whose moments the engine holds; empty: none
    std::int64_t epochs = 0;         ///< finished
    std::int64_t batches = 0;        ///< steps of the random streams so far
    History history;
};

/// The engine holds the truth: parameters, buffers, moments; but for counts of batches, which want whole numbers.
struct ModelState {
    Context context;
    Architecture architecture;
    ModelOptions options;
    Plan plan;
    std::unique_ptr<Engine> engine;
    std::vector<std::int64_t> batches{};  ///< State::batches
    Progress progress{};

    [[nodiscard]] State get() const;
    void put(State const&);
    [[nodiscard]] static Model to_model(std::unique_ptr<ModelState>);
};

/// Builds the engine of the context's backend; its numbers are not set. @throws InvalidArgument
[[nodiscard]] std::unique_ptr<ModelState> make_model_state(Context, Architecture, ModelOptions);
/// The same with the numbers of a new model. @throws InvalidArgument
[[nodiscard]] std::unique_ptr<ModelState> make_initial_model(Context, Architecture, ModelOptions);

/// All tensors of the state_dict. f32, or f64; batches i64.
[[nodiscard]] io::Tensors to_tensors(Plan const&, State const&, Precision);
/// Overwrites parameters and buffers of `state`, whose sizes are the plan's. With `others` tensors that are not the plan's are passed over.
/// @param origin "Model::set_parameters", or the file's name, for errors
/// @throws InvalidArgument naming the tensor that is missing, surplus, of another shape or no float
void take_tensors(Plan const&, io::Tensors const&, State& state, std::string const& origin, bool others = false);

/// What Model::save_checkpoint writes: whole or not at all. @throws FileError
void write_checkpoint(ModelState const&, std::string const& path);

}  // namespace ca3::autoencoder
