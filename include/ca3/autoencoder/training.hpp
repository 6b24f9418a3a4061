#pragma once

#include <ca3/autoencoder/data.hpp>

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace ca3 {

/// Compares outputs x with targets t: PyTorch's functions of these names with reduction = "mean". N: rows of the batch, C: outputs.
enum class Loss : std::uint8_t {
    mse,              ///< mean over all N C elements of (x - t)^2
    l1,               ///< mean over all elements of |x - t|, gradient 0 at 0
    bce,              ///< mean of -t max(ln x, -100) - (1 - t) max(ln(1 - x), -100); gradient (x - t) / max(x (1 - x), 1e-12)
    bce_with_logits,  ///< bce of sigmoid(x), computed without cancellation
    cross_entropy,    ///< of softmax(x): class numbers (mean over those counted) or probabilities (mean over N)
    nll,              ///< -x[class], mean over those counted; x are log-probabilities
};
[[nodiscard]] std::string_view to_string(Loss) noexcept;

enum class Reduction : std::uint8_t { sum, mean };

/// scale times the sum (or mean) over the batch and the units of |output| of a layer, before its dropout.
struct ActivityPenalty {
    int layer = 0;
    double scale = 0.0;
    Reduction reduction = Reduction::sum;
    bool operator==(ActivityPenalty const&) const = default;
};

// In all optimizers g is the gradient of a parameter p, to which `weight_decay` (of Sgd and Adam) adds weight_decay p and `l1` adds
// l1 sign(p); lr is the learning rate and t = 1, 2, ... the number of the step.

/// torch.optim.SGD: b = momentum b + (1 - dampening) g, in the first step b = g; p -= lr b, with nesterov p -= lr (g + momentum b).
struct Sgd {
    double learning_rate = 1e-3;
    double momentum = 0.0;
    double dampening = 0.0;
    bool nesterov = false;  ///< asks for momentum > 0 and dampening 0
    double weight_decay = 0.0;
    double l1 = 0.0;
    bool operator==(Sgd const&) const = default;
};
/// torch.optim.Adam, Kingma and Ba (2015): m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2,
/// p -= lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon).
struct Adam {
    double learning_rate = 1e-3;
    double beta1 = 0.9;
    double beta2 = 0.999;
    double epsilon = 1e-8;
    double weight_decay = 0.0;
    double l1 = 0.0;
    bool operator==(Adam const&) const = default;
};
/// torch.optim.AdamW, Loshchilov and Hutter (2019): p *= 1 - lr weight_decay, then the step of Adam without weight decay.
struct AdamW {
    double learning_rate = 1e-3;
    double beta1 = 0.9;
    double beta2 = 0.999;
    double epsilon = 1e-8;
    double weight_decay = 1e-2;
    double l1 = 0.0;
    bool operator==(AdamW const&) const = default;
};
using Optimizer = std::variant<Sgd, Adam, AdamW>;

/// Factor of the learning rate in epoch e = 0, 1, ...
struct Schedule {
    enum class Kind : std::uint8_t {
        constant,
        step,    ///< gamma^floor(e / every): torch.optim.lr_scheduler.StepLR
        cosine,  ///< floor + (1 - floor) (1 + cos(pi e / period)) / 2: CosineAnnealingLR with eta_min = floor lr
    };
    Kind kind = Kind::constant;
    std::int64_t every = 10;
    double gamma = 0.1;
    std::int64_t period = 0;  ///< 0: all epochs of the call
    double floor = 0.0;
    bool operator==(Schedule const&) const = default;
};

namespace autoencoder {

/// What is minimised.
struct Objective {
    Loss loss = Loss::mse;
    std::vector<ActivityPenalty> penalties{};
    /// Times the Gaussian KL 1/2 sum (sigma^2 + mu^2 - ln sigma^2 - 1) of each gaussian layer: summed over its units, and over the batch
    /// summed (kl_reduction sum) or averaged (mean).
    double kl_scale = 1.0;
    Reduction kl_reduction = Reduction::mean;
    bool operator==(Objective const&) const = default;
};

struct EpochReport {
    std::int64_t epoch = 0;   ///< 1, 2, ...: counted over all calls that continue each other
    double train_loss = 0.0;  ///< mean over the epoch's batches, each as it was trained (dropout, noise and penalties included)
    double test_loss = std::numeric_limits<double>::quiet_NaN();  ///< after the epoch: as evaluate; NaN without test data
    double seconds = 0.0;                                         ///< of the training, without the test
    double learning_rate = 0.0;
    bool operator==(EpochReport const&) const = default;
};

enum class Stop : std::uint8_t { finished, early, callback };
[[nodiscard]] std::string_view to_string(Stop) noexcept;

struct History {
    std::vector<EpochReport> epochs;
    Stop stop = Stop::finished;
};

/// Ends the training when the test loss (the train loss without test data) has not fallen by more than `least_gain` for `patience` epochs.
struct EarlyStop {
    std::int64_t patience = 0;  ///< 0: never
    double least_gain = 0.0;
};

/// Samples, targets and order are not copied: what they view must live until fit returns.
struct FitOptions {
    std::int64_t epochs = 1;
    std::int64_t batch = 64;  ///< at most the number of samples; the last batch of an epoch may be smaller
    bool drop_last = false;   ///< leave out a smaller last batch
    Optimizer optimizer = Adam{};
    Loss loss = Loss::mse;
    std::vector<ActivityPenalty> penalties{};
    double kl_scale = 1.0;
    Reduction kl_reduction = Reduction::mean;
    Schedule schedule{};
    double clip_norm = 0.0;  ///< > 0: torch.nn.utils.clip_grad_norm_ before each update
    std::vector<Corruption> corrupt{};
    Targets targets{};  ///< of the training samples; default: they themselves, clean
    Samples test{};     ///< test_loss is measured on these (corrupted as in training, by a stream of its own)
    Targets test_targets{};
    /// E x M sample numbers: row e mod E is the order of epoch e. Empty: every sample once, shuffled anew for each epoch.
    MatrixView<std::int64_t const> order{};
    bool shuffle = true;                  ///< false: in the order of the samples
    std::optional<std::uint64_t> seed{};  ///< of shuffling, dropout, noise and sampling; empty: the model's
    EarlyStop early_stop{};
    std::string checkpoint{};  ///< file, written whole after every `checkpoint_every` epochs and at the end
    std::int64_t checkpoint_every = 1;
    /// Goes on from where the optimizer of the last fit, or a loaded checkpoint, stands: as if there had been no interruption. `epochs`
    /// then counts from the first start.
    bool resume = false;
    std::function<bool(EpochReport const&)> on_epoch{};                        ///< false ends the training
    std::function<void(std::int64_t done, std::int64_t total)> on_progress{};  ///< steps of all epochs, some ten times a second
};

}  // namespace autoencoder
}  // namespace ca3
