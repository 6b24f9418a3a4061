#pragma once

#include "autoencoder/plan.hpp"

#include <ca3/autoencoder/model.hpp>

#include <ca3/random.hpp>

#include <algorithm>
#include <memory>
#include <span>
#include <variant>
#include <vector>

/// What the backends compute. model.cpp checks arguments and arranges; an engine holds one model's numbers where and how it likes.
namespace ca3::autoencoder {

/// The numbers of any optimizer. Gradients get weight_decay p + l1 sign(p), in this order; with `decoupled` p is scaled by
/// 1 - lr weight_decay first instead.
struct UpdateRule {
    enum class Kind : std::uint8_t { sgd, adam };
    Kind kind = Kind::adam;
    double learning_rate = 1e-3;
    double momentum = 0.0;
    double dampening = 0.0;
    bool nesterov = false;
    double beta1 = 0.9;
    double beta2 = 0.999;
    double epsilon = 1e-8;
    double weight_decay = 0.0;
    double l1 = 0.0;
    bool decoupled = false;
    double clip_norm = 0.0;  ///< 0: none

    [[nodiscard]] bool has_first() const { return kind == Kind::adam || momentum != 0.0; }
    [[nodiscard]] bool has_second() const { return kind == Kind::adam; }
};
[[nodiscard]] UpdateRule rule_of(Optimizer const&);

/// Class number of samples that do not count (PyTorch's ignore_index).
inline constexpr std::int64_t ignored_class = -100;

/// Rows of data: row r of a batch that starts at `begin` is sample rows[begin + r] (the sample begin + r itself where rows is empty).
struct Data {
    Samples inputs;
    Targets targets;
    std::span<std::int64_t const> rows{};
    std::vector<Corruption> corruptions{};
    random::Purpose noise = random::Purpose::noise;
    std::uint64_t seed = 0;  ///< of corruptions, dropout and sampling
    std::uint64_t id = 0;    ///< not 0: data of one id have the same samples, targets and corruptions, so that copies of them serve again

    [[nodiscard]] std::int64_t row(std::int64_t i) const { return rows.empty() ? i : rows[static_cast<std::size_t>(i)]; }
    [[nodiscard]] bool by_class() const { return targets.given && !targets.classes.empty(); }
    /// Rows of a batch that count in its mean loss: all of them, or those with a class.
    [[nodiscard]] std::int64_t counted(std::int64_t begin, std::int64_t size) const {
        if (!by_class()) return size;
        std::int64_t count = 0;
        for (std::int64_t r = begin; r < begin + size; ++r)
            count += targets.classes[static_cast<std::size_t>(row(r))] == ignored_class ? 0 : 1;
        return count;
    }
};

/// Batches k = 0 ... count-1 hold the rows [k batch, min((k + 1) batch, total)).
struct Batches {
    std::int64_t batch = 0;
    std::int64_t total = 0;

    [[nodiscard]] std::int64_t count() const { return batch == 0 ? 0 : (total + batch - 1) / batch; }
    [[nodiscard]] std::int64_t begin(std::int64_t k) const { return k * batch; }
    [[nodiscard]] std::int64_t size(std::int64_t k) const { return std::min(batch, total - k * batch); }
};

/// The factor of the KL of a row.
[[nodiscard]] inline double kl_share(Objective const& objective, std::int64_t rows) {
    return objective.kl_reduction == Reduction::sum ? objective.kl_scale : objective.kl_scale / static_cast<double>(rows);
}
/// The factor of the absolute value of each output.
[[nodiscard]] inline double penalty_share(ActivityPenalty const& penalty, std::int64_t rows, std::int64_t units) {
    return penalty.reduction == Reduction::sum ? penalty.scale : penalty.scale / (static_cast<double>(rows) * static_cast<double>(units));
}

/// Of several batches.
class MeanLoss {
public:
    /// @param loss mean of the batch @param counted its rows that count
    void add(double loss, std::int64_t counted) {
        if (counted > 0) sum_ += loss * static_cast<double>(counted);
        counted_ += counted;
    }
    [[nodiscard]] double value() const { return sum_ / static_cast<double>(counted_); }

private:
    double sum_ = 0.0;
    std::int64_t counted_ = 0;
};

/// Training steps first ... last-1 of an epoch.
struct TrainJob {
    Data const& data;
    Objective const& objective;
    UpdateRule rule{};
    Batches batches{};
    std::int64_t first = 0;
    std::int64_t last = 0;
    std::int64_t random_step = 0;  ///< number in the random streams of batch 0 of this epoch; batch k has random_step + k
    double* losses = nullptr;      ///< last - first, out: the mean loss of each batch, before its update
};

struct GradientJob {
    Data const& data;
    Objective const& objective;
    std::int64_t begin = 0;  ///< of the batch, as in Data
    std::int64_t rows = 0;
    bool training = false;
    std::int64_t random_step = 0;
    std::vector<double>* parameters = nullptr;  ///< as State::parameters, out, or null
    std::vector<double>* inputs = nullptr;      ///< rows x inputs, out, or null: with respect to the corrupted input
};

/// One model on one backend. Not thread-safe.
class Engine {
public:
    Engine() = default;
    Engine(Engine const&) = delete;
    Engine& operator=(Engine const&) = delete;
    virtual ~Engine() = default;

    virtual void put(State const&) = 0;
    virtual void get(State&) const = 0;
    /// Keeps the present state and takes it back, any number of times.
    virtual void keep() = 0;
    virtual void take_back() = 0;

    /// Trains until `last`, or until a loss or an update is not finite. @return steps done whose loss and update were finite; where these
    /// are fewer than asked for, the state is that of an unknown later moment (see take_back)
    [[nodiscard]] virtual std::int64_t train(TrainJob const&) = 0;
    /// The mean of the batches' losses, each times its rows that count (NaN where there are none), without training mode. Corruptions are
    /// applied with random_step 0 for every batch; rows are numbered from the first of all.
    [[nodiscard]] virtual double evaluate(Data const&, Objective const&, Batches const&) = 0;
    /// @return the mean loss of the batch
    [[nodiscard]] virtual double gradients(GradientJob const&) = 0;
    /// Output of layer `last` for input to layer `first`, without training mode. out: count x width_after(last), or count x inputs as
    /// corrupted for last = first - 1.
    virtual void forward(Data const&, std::int64_t begin, std::int64_t count, int first, int last, float* out) = 0;
};

// ---- many models of one shape ----------------------------------------------------------------------------------------

/// One of the models in a job.
struct Member {
    std::span<std::int64_t const> rows{};  ///< as Data::rows
    std::uint64_t seed = 0;
    double learning_rate = 0.0;
    double* losses = nullptr;  ///< one for each step, out
};

/// Training steps first ... last-1 of an epoch, of all models at once.
struct ManyJob {
    Data const& data;  ///< its rows and seed stand in the members
    std::span<Member const> members;
    Objective const& objective;
    UpdateRule rule{};  ///< its learning rate stands in the members
    Batches batches{};
    std::int64_t first = 0;
    std::int64_t last = 0;
    std::int64_t random_step = 0;
};

/// Models that train side by side; each one's numbers are those that it would have alone.
class Group {
public:
    Group() = default;
    Group(Group const&) = delete;
    Group& operator=(Group const&) = delete;
    virtual ~Group() = default;

    virtual void put(int model, State const&) = 0;
    virtual void get(int model, State&) const = 0;
    /// @return for each model what Engine::train returns
    [[nodiscard]] virtual std::vector<std::int64_t> train(ManyJob const&) = 0;
};

namespace reference {
[[nodiscard]] std::unique_ptr<Engine> make_engine(Context const&, Plan const&, Precision);
}
namespace cpu {
[[nodiscard]] std::unique_ptr<Engine> make_engine(Context const&, Plan const&, Precision);
}
namespace cuda {
[[nodiscard]] std::unique_ptr<Engine> make_engine(Context const&, Plan const&, Precision);
[[nodiscard]] std::unique_ptr<Group> make_group(Context const&, Plan const&, Precision, int models);
}  // namespace cuda

}  // namespace ca3::autoencoder
