#pragma once

#include <ca3/autoencoder/layers.hpp>
#include <ca3/autoencoder/training.hpp>
#include <ca3/context.hpp>
#include <ca3/io/safetensors.hpp>

#include <memory>

namespace ca3 {

/// Of products of matrices; everything else is f32 (f64 with `f64`).
enum class Precision : std::uint8_t {
    f32,
    tf32x3,  ///< CUDA: three tf32 products for one of nearly f32
    tf32,    ///< CUDA
    bf16,    ///< CUDA, and CPUs with AVX-512 BF16: operands rounded to nearest even, sums and master weights f32
    f64,     ///< reference only
};
[[nodiscard]] std::string_view to_string(Precision) noexcept;

namespace autoencoder {

struct ModelState;

struct ModelOptions {
    std::uint64_t seed = 0;
    Precision precision = Precision::f32;
};

/// Gradients of the mean loss of one batch.
struct Gradients {
    double loss = 0.0;                            ///< penalties included
    std::vector<std::vector<double>> parameters;  ///< one list for each trained tensor of `tensors`, in that order
    std::vector<double> inputs;                   ///< B x inputs
};

/// A dense network: an autoencoder, or any stack of layers.
///
/// All arguments are host memory. Calls return when the result is there. Training is bit-identical from run to run on one backend, and on
/// the CPU for any number of threads and any instruction set.
///
/// A throw leaves the model as it was before the call, but for fit once it trains (it refuses with InvalidArgument before): NonFinite
/// leaves it as it was before the step in which the number came up; FileError, and what a callback throws, as the last finished step left
/// it; all other errors as a step left it that was finished within a second or so before.
class Model {
public:
    /// @throws InvalidArgument for an architecture that is none (width 0, no layers, dropout outside [0, 1), a tied layer that does not
    /// fit), or a precision that the context lacks
    Model(Context, Architecture, ModelOptions = {});
    Model(Model&&) noexcept;
    Model& operator=(Model&&) noexcept;
    ~Model();

    /// Trains. @param train N x inputs
    /// @throws InvalidArgument: shapes, empty data, batch larger than the data, targets outside [0, 1] for bce, options outside their
    /// domain; NonFinite (epoch, step, layer) for NaN or infinities in losses or parameters; FileError for the checkpoint; Overflow for
    /// more than 2^32 steps of training, those of former calls that it resumes included
    History fit(Samples train, FitOptions const& options);

    /// Without dropout, with running statistics, without sampling. Layers count from 0. @param inputs B x inputs; out: B x (width of what
    /// is asked for) @throws InvalidArgument: shapes, NaN or infinities in the samples, a layer that is none, decode without a decoder
    [[nodiscard]] std::vector<float> reconstruct(Samples inputs) const;
    [[nodiscard]] std::vector<float> encode(Samples inputs) const;
    [[nodiscard]] std::vector<float> decode(Samples codes) const;
    /// Output of layer `layer`.
    [[nodiscard]] std::vector<float> activations(Samples inputs, int layer) const;
    /// Mean loss over the samples whose class counts (all where there are no classes; NaN when none does), in batches of `batch`. That
    /// matters only to penalties and a KL summed over a batch; where some classes do not count, to all of them, as batches weigh by those
    /// that do. @throws InvalidArgument as fit
    [[nodiscard]] double evaluate(Samples inputs, Objective const& = {}, Targets = {}, std::int64_t batch = 256) const;
    /// Of one batch. `training`: with dropout and batch statistics, as in step `step` of a fit with the model's seed (buffers are left
    /// alone); otherwise as in evaluate. @throws InvalidArgument as fit
    [[nodiscard]] Gradients gradients(Samples inputs, Objective const& = {}, Targets = {}, bool training = false,
                                      std::int64_t step = 0) const;

    [[nodiscard]] Context const& context() const noexcept;
    [[nodiscard]] Architecture const& architecture() const noexcept;
    [[nodiscard]] ModelOptions const& options() const noexcept;
    [[nodiscard]] std::int64_t inputs() const noexcept;
    [[nodiscard]] std::int64_t outputs() const noexcept;
    [[nodiscard]] std::int64_t code() const noexcept;            ///< width of the code
    [[nodiscard]] std::int64_t epochs_trained() const noexcept;  ///< that a resuming fit counts from
    /// All tensors by their names in the state_dict; f32, or f64 for that precision; batches i64.
    [[nodiscard]] io::Tensors parameters() const;
    /// Replaces all tensors. Floating-point types of any width are taken. The optimizer starts anew.
    /// @throws InvalidArgument naming the tensor that is missing, surplus, of another shape (expected, found) or no float
    void set_parameters(io::Tensors const&);

    /// safetensors with the names of the state_dict; as metadata the architecture, and, for people, precision and seed. Written whole or
    /// not at all. @throws FileError
    void save(std::string const& path) const;
    /// Of a file of save(), or with `architecture` of any state_dict in safetensors that fits it. A checkpoint will do. Seed and precision
    /// are those of the options, whatever the file says.
    /// @throws FormatError, FileError; InvalidArgument as set_parameters
    [[nodiscard]] static Model load(Context, std::string const& path, ModelOptions = {});
    [[nodiscard]] static Model load(Context, std::string const& path, Architecture architecture, ModelOptions = {});
    /// Parameters, optimizer, number of epochs and history so far, of a model of the same architecture.
    void save_checkpoint(std::string const& path) const;
    /// @throws FormatError, FileError; InvalidArgument for a checkpoint of another architecture
    void load_checkpoint(std::string const& path);

private:
    friend struct ModelState;
    explicit Model(std::unique_ptr<ModelState>);
    std::unique_ptr<ModelState> state_;
};

/// One of many models trained at once.
struct Variant {
    std::uint64_t seed = 0;      ///< of its parameters, shuffling, dropout and noise
    double learning_rate = 0.0;  ///< 0: that of the options
};
struct Ensemble {
    std::vector<Model> models;
    std::vector<History> histories;
};
/// Trains one model for each variant on the same data: as `fit` would, one after the other, to the bit; on the CPU one a thread, on CUDA
/// side by side (up to 65535). The models have their optimizers, so that fit may resume. Checkpoints and callbacks are not available.
/// @throws as fit, for one of those that fail; InvalidArgument for a rate that is negative or not finite. No model is returned then
[[nodiscard]] Ensemble fit_many(Context, Architecture const&, std::span<Variant const>, Samples train, FitOptions const&,
                                ModelOptions = {});

}  // namespace autoencoder
}  // namespace ca3
