#include "autoencoder/cuda_models.hpp"

#include "autoencoder/cuda_memory.hpp"
#include "core/check.hpp"

namespace ca3::autoencoder::cuda {
namespace {

/// One model on the device.
class Network final : public Engine {
public:
    Network(Context const& context, Plan const& plan, Precision precision) : models_(context, plan, precision, 1) {}

    void put(State const& state) override { models_.put(0, state); }
    void get(State& state) const override { models_.get(0, state); }
    void keep() override { models_.keep(); }
    void take_back() override { models_.take_back(); }

    std::int64_t train(TrainJob const& job) override {
        Member const member{.rows = job.data.rows, .seed = job.data.seed, .learning_rate = job.rule.learning_rate, .losses = job.losses};
        return models_
            .train({.data = job.data,
                    .members = {&member, 1},
                    .objective = job.objective,
                    .rule = job.rule,
                    .batches = job.batches,
                    .first = job.first,
                    .last = job.last,
                    .random_step = job.random_step})
            .front();
    }
    double evaluate(Data const& data, Objective const& objective, Batches const& batches) override {
        return models_.evaluate(data, objective, batches);
    }
    double gradients(GradientJob const& job) override { return models_.gradients(job); }
    void forward(Data const& data, std::int64_t begin, std::int64_t count, int first, int last, float* out) override {
        models_.forward(data, begin, count, first, last, out);
    }

private:
    DeviceModels models_;
};

class Networks final : public Group {
public:
    Networks(Context const& context, Plan const& plan, Precision precision, int models) : models_(context, plan, precision, models) {}

    void put(int model, State const& state) override { models_.put(model, state); }
    void get(int model, State& state) const override { models_.get(model, state); }
    std::vector<std::int64_t> train(ManyJob const& job) override { return models_.train(job); }

private:
    DeviceModels models_;
};

/// @throws InvalidArgument
void check_model(Plan const& plan, Precision precision) {
    require(precision != Precision::f64, "autoencoder::Model", [&] {
        return "precision " + std::string(to_string(precision)) + " is not available on the cuda backend; f32, tf32x3, tf32 and bf16 are";
    });
    for (auto const& layer : plan.layers)
        require(layer.in <= most_units && layer.linear <= most_units, "autoencoder::Model",
                [] { return std::string("a layer has more than 2^28 units, the most that the cuda backend takes"); });
}

}  // namespace

std::unique_ptr<Engine> make_engine(Context const& context, Plan const& plan, Precision precision) {
    check_model(plan, precision);
    return std::make_unique<Network>(context, plan, precision);
}

std::unique_ptr<Group> make_group(Context const& context, Plan const& plan, Precision precision, int models) {
    check_model(plan, precision);
    constexpr int most = 65535;  // the z extent of a grid
    require(models <= most, "fit_many",
            [&] { return "at most 65535 variants at once on the cuda backend, not " + std::to_string(models); });
    return std::make_unique<Networks>(context, plan, precision, models);
}

}  // namespace ca3::autoencoder::cuda
