#pragma once

#include "autoencoder/cuda_data.hpp"
#include "autoencoder/cuda_library.hpp"
#include "autoencoder/cuda_tuning.hpp"
#include "autoencoder/engine.hpp"
#include "kernels/autoencoder/chain.hpp"
#include "kernels/autoencoder/cluster.hpp"
#include "kernels/autoencoder/graph.hpp"
#include "kernels/autoencoder/library.hpp"
#include "kernels/autoencoder/views.hpp"

#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace ca3::autoencoder::cuda {

/// A tensor of the parameters, as a State has it and as it lies here: rows at multiples of 4 floats.
struct DeviceTensor {
    Place place;
    Range range;
};

/// Where the numbers of a layer lie in a model's parameters and gradients; -1: there are none.
struct LayerPlaces {
    std::int64_t weight = -1;
    std::int64_t weight_ld = 0;
    std::int64_t bias = -1;
    std::int64_t gamma = -1;
    std::int64_t beta = -1;
    std::int64_t slope = -1;
};

/// Where a layer's matrices lie in a model's working memory; -1: it has none.
struct LayerSpace {
    std::int64_t before = -1;     ///< what the activation is applied to
    std::int64_t activated = -1;  ///< its result, where that is projected on the unit sphere
    std::int64_t active = -1;     ///< its result, projected if asked for
    std::int64_t dropped = -1;
    std::int64_t normalised = -1;  ///< batch normalisation: z, then its normalised values
    std::int64_t mean = -1, variance = -1, scale = -1;
    std::int64_t noise = -1;
    std::int64_t gradient = -1;  ///< with respect to the output
    std::int64_t linear_gradient = -1;
    std::int64_t slope_part = -1;
    std::int64_t weight = -1;           ///< of a tied layer: a copy of its own, transposed
    std::int64_t weight_gradient = -1;  ///< of a tied layer
    std::int64_t linear_ld = 0, out_ld = 0, in_ld = 0;
};

/// What does not change from step to step; no memory.
[[nodiscard]] UpdateView update_view(UpdateRule const&);

/// Models of one architecture in the memory of one device, and all that is done with them. Models do not know of each other: each one's
/// numbers are those that it would have alone.
class DeviceModels {
public:
    DeviceModels(Context context, Plan plan, Precision precision, int models, Tuning tuning = tuning_of_environment());

    void put(int model, State const& state);
    void get(int model, State& state) const;
    void keep();
    void take_back();

    /// @return for each model the steps done whose loss and update were finite; see Engine::train
    [[nodiscard]] std::vector<std::int64_t> train(ManyJob const& job);
    /// How often the launches of a training step have been recorded.
    [[nodiscard]] std::int64_t recordings() const { return recordings_; }
    /// See Engine, for model 0 alone.
    [[nodiscard]] double evaluate(Data const& data, Objective const& objective, Batches const& batches);
    [[nodiscard]] double gradients(GradientJob const& job);
    void forward(Data const& data, std::int64_t begin, std::int64_t count, int first, int last, float* out);

private:
    /// How a pass is made.
    struct Pass {
        Objective const* objective = nullptr;
        DeviceData const* data = nullptr;
        StepView step{};
        std::int64_t batch = 0;
        int models = 1;
        bool training = false;        ///< dropout, statistics of the batch, sampling
        bool gradients = false;       ///< a backward pass follows
        bool input_gradient = false;  ///< down to the input
        bool update = false;
        UpdateView rule{};
        double clip_norm = 0.0;
        ChainJob const* chain = nullptr;  ///< not null: the step is made of its launches
    };
    /// What a job's steps have in common on the device. Kept from job to job, and made anew where one needs more.
    struct Steps {
        Buffer<StepEntry> entries;
        Buffer<double> losses;
        Buffer<std::int64_t> at;
        Buffer<unsigned long long> first_bad;
        Buffer<LossTerm> terms;
        std::vector<LossTerm> terms_there;
        int models = 0;
        std::int64_t capacity = 0;  ///< steps of a model

        [[nodiscard]] StepView view(bool overlap = false) const {
            return {{entries.data(), capacity}, at.data(), first_bad.data(), overlap};
        }
    };
    /// All that the launches of a training step depend on and that may change from job to job.
    struct Recorded {
        Objective objective;
        UpdateView rule;
        double clip_norm = 0.0;
        std::int64_t batch = 0;
        std::uint64_t data = 0;
        Span<std::int64_t const> order;
        std::uint64_t const* seeds = nullptr;
        StepView step;
        double const* losses = nullptr;
        LossTerm const* terms = nullptr;
        std::int64_t term_count = 0;
        float const* work = nullptr;
        std::int64_t work_rows = 0;  ///< training's working memory has its places by this
        double const* partials = nullptr;
        std::uint16_t const* halves = nullptr;
        bool operator==(Recorded const&) const = default;
    };

    // cuda_models.cpp: memory
    void lay_out();
    void fit(std::int64_t batch, bool training);
    void want_moments(UpdateRule const& rule);
    void pack(std::vector<double> const& from, float* to) const;
    void unpack(float const* from, std::vector<double>& to) const;

    // cuda_jobs.cpp
    void prepare(Steps& steps, std::vector<StepEntry> const& entries, int models) const;
    [[nodiscard]] std::vector<double> losses_of(Steps const& steps, std::int64_t count) const;
    [[nodiscard]] UpdateView update_view(UpdateRule const& rule) const;
    void want_data(ManyJob const& job);
    [[nodiscard]] std::vector<StepEntry> entries_of(ManyJob const& job) const;
    void run_steps(Pass const& pass, std::int64_t count);

    // cuda_cluster.cpp: all steps as one launch; none where that does not serve
    [[nodiscard]] std::optional<ClusterJob> cluster_job(Pass const& pass, Steps const& steps, std::int64_t count) const;

    // cuda_chain.cpp: a step of training as two launches, and those of a batch that is corrupted; none where that does not serve
    [[nodiscard]] bool takes_chain(Pass const& pass) const;
    [[nodiscard]] std::int64_t widest() const;
    void want_chain();
    [[nodiscard]] std::optional<ChainJob> chain_job(Pass const& pass);  ///< without `finish`
    void round_weights(Pass const& pass);
    void enqueue_chain(Pass const& pass);

    // cuda_pass.cpp: the launches of a step
    void enqueue(Pass const& pass, Steps const& steps);
    void set_terms(Pass const& pass, Steps& steps) const;
    [[nodiscard]] FinishJob finish_job(Pass const& pass, Steps const& steps) const;
    void forward_layer(Pass const& pass, int l, bool loss_at_once);
    void forward_layers(Pass const& pass, int first, int last, bool loss_at_once);
    void losses(Pass const& pass);
    void backward(Pass const& pass);
    void layer_gradient(Pass const& pass, int l, bool activation_done);
    void vector_gradients(Pass const& pass, int l);
    void update(Pass const& pass);
    [[nodiscard]] WeightGradientJob weight_job(Pass const& pass, int l) const;
    [[nodiscard]] LayerJob activation_job(Pass const& pass, int l) const;
    [[nodiscard]] LayerJob layer_job(Pass const& pass, int l) const;
    [[nodiscard]] NormJob norm_job(Pass const& pass, int l) const;
    [[nodiscard]] ActivationView activation_view(int l) const;
    [[nodiscard]] LossView loss_view(Pass const& pass) const;
    [[nodiscard]] Matrix<float> target(Pass const& pass) const;
    [[nodiscard]] Matrix<float> output(Pass const& pass, int l) const;  ///< l = -1: the input
    [[nodiscard]] Matrix<float const> weight(int l) const;
    [[nodiscard]] bool is_simple(Pass const& pass, int l) const;
    [[nodiscard]] bool loss_at_once(Pass const& pass) const;
    [[nodiscard]] bool updates_at_once(Pass const& pass) const { return pass.update && pass.clip_norm == 0.0 && !tied_; }

    /// A matrix of each model as it lies, or with `transposed` its transpose, as a factor of a product.
    struct LibraryFactor {
        Matrix<float const> values;
        std::int64_t rows = 0;
        std::int64_t columns = 0;
        bool transposed = false;
        bool of_batch = false;  ///< rows are a batch's
    };
    // cuda_products.cpp: layers whose products are the library's
    [[nodiscard]] bool by_library(Pass const& pass, int l) const;
    void want_library(std::int64_t batch);
    void library_product(Pass const& pass, LibraryFactor const& left, LibraryFactor const& right, Matrix<float> const& out);
    void library_forward(Pass const& pass, ForwardJob const& job);
    void library_backward(Pass const& pass, int l, InputGradientJob const& input);

    [[nodiscard]] Matrix<float> matrix(std::int64_t at, std::int64_t ld) const {
        return at < 0 ? Matrix<float>() : Matrix<float>(work_.data() + at, work_stride_, ld);
    }
    [[nodiscard]] Span<float> span(std::int64_t at) const { return at < 0 ? Span<float>() : Span<float>{work_.data() + at, work_stride_}; }
    [[nodiscard]] Span<float> parameter(std::int64_t at) const {
        return at < 0 ? Span<float>() : Span<float>{parameters_.data() + at, stride_};
    }
    [[nodiscard]] Span<float> gradient(std::int64_t at) const {
        return at < 0 ? Span<float>() : Span<float>{gradients_.data() + at, stride_};
    }
    [[nodiscard]] Span<double> partial(std::int64_t at) const { return {partials_.data() + at, partial_stride_}; }
    [[nodiscard]] PlannedLayer const& planned(int l) const { return plan_.layers[static_cast<std::size_t>(l)]; }
    [[nodiscard]] LayerPlaces const& places(int l) const { return places_[static_cast<std::size_t>(l)]; }
    [[nodiscard]] LayerSpace const& space(int l) const { return spaces_[static_cast<std::size_t>(l)]; }
    [[nodiscard]] int layers() const { return static_cast<int>(plan_.layers.size()); }

    Context context_;
    Plan plan_;
    Precision precision_;
    int models_;
    Tuning tuning_;
    bool tied_ = false;

    // Numbers that training changes, one model after the other.
    std::vector<DeviceTensor> tensors_;
    std::vector<LayerPlaces> places_;
    std::int64_t stride_ = 0;  ///< floats of a model
    Buffer<float> parameters_, first_, second_, gradients_, buffers_;
    bool has_first_ = false, has_second_ = false;
    std::vector<std::int64_t> steps_;
    struct Kept {
        Buffer<float> parameters, first, second, buffers;
        bool has_first = false, has_second = false;
        std::vector<std::int64_t> steps;
    } kept_;

    Buffer<Range> all_ranges_, vector_ranges_;  ///< what an update of its own covers: everything; all but weights and biases
    int all_count_ = 0, vector_count_ = 0;
    std::int64_t largest_ = 0, largest_vector_ = 0;

    // Working memory, for batches of up to `batch_` rows.
    std::int64_t batch_ = 0;
    bool for_training_ = false;
    std::vector<LayerSpace> spaces_;
    std::int64_t input_ = 0, scratch_ = 0, target_ = 0, input_gradient_ = -1, input_ld_ = 0, target_ld_ = 0;
    std::int64_t work_stride_ = 0;
    Buffer<float> work_;
    std::int64_t loss_partials_ = 0, partial_stride_ = 0;  ///< those of the loss come first
    Buffer<double> partials_;
    Buffer<float> clip_scale_;

    std::unique_ptr<ProductLibrary> library_;             ///< where a layer takes it
    Buffer<std::uint16_t> rounded_left_, rounded_right_;  ///< bf16: the factors of its product

    /// Where a layer's rounded numbers lie in a model's; and those of the bias' gradient.
    struct ChainPlaces {
        std::int64_t weight = 0, active = 0, gradient = 0, part = 0;
        std::int64_t weight_ld = 0, active_ld = 0;
    };
    struct ChainSpace {
        std::vector<ChainPlaces> layers;
        std::int64_t input = 0, input_ld = 0;
        std::int64_t stride = 0;      ///< halves of a model
        std::int64_t part = 0;        ///< floats of an array of parts
        std::int64_t part_count = 0;  ///< arrays of a model
        std::int64_t batch = 0;       ///< rows that there is room for
        Buffer<std::uint16_t> halves;
        Buffer<float> parts;
        Buffer<unsigned> ended;
    } chain_;

    std::unique_ptr<DeviceData> train_data_, test_data_;  ///< of the last job
    Steps train_steps_, other_steps_;
    Recorded recorded_;
    std::unique_ptr<StepGraph> graph_;  ///< of recorded_, or none
    std::int64_t recordings_ = 0;
    std::int64_t unrecorded_ = 0;  ///< steps asked for since recorded_ changed
};

}  // namespace ca3::autoencoder::cuda
