// What a CUDA engine keeps from one job to the next changes no bit of any job: an engine that has done others before is compared with one
// that was made for the job and given the same state.
#include "autoencoder/cuda_models.hpp"
#include "support/compare.hpp"
#include "support/simt/executor.hpp"
#include "support/simt/runtime.hpp"

#include <ca3/autoencoder.hpp>
#include <ca3/error.hpp>
#include <ca3/random.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

namespace ca3::autoencoder {
namespace {

constexpr std::int64_t width = 13, rows = 40;

std::vector<float> samples(std::uint64_t seed) {
    std::vector<float> x(static_cast<std::size_t>(rows * width));
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(random::uniform(seed, random::Purpose::user, 0, 0, i));
    return x;
}
Samples view(std::vector<float> const& x) {
    return MatrixView<float const>(x.data(), rows, width);
}

/// A job of training. Model m of several has the order of seed m.
struct Train {
    Data data;
    Objective objective{};
    UpdateRule rule{};
    std::int64_t batch = 4;
    std::int64_t first = 0;
    std::int64_t last = 10;
};

struct Outcome {
    std::vector<std::int64_t> done;
    std::vector<std::vector<double>> losses;
    std::vector<State> states;
};

class Engines {
public:
    Engines(Architecture const& architecture, int models) : plan_(make_plan(architecture)), models_(models) {}

    [[nodiscard]] cuda::DeviceModels fresh() const { return {Context::cuda(), plan_, Precision::f32, models_}; }
    void start(cuda::DeviceModels& engine) const {
        for (int m = 0; m < models_; ++m) engine.put(m, initial_state(plan_, static_cast<std::uint64_t>(m)));
    }

    [[nodiscard]] Outcome train(cuda::DeviceModels& engine, Train const& job) const {
        std::vector<std::vector<std::int64_t>> orders;
        Outcome out;
        out.losses.assign(static_cast<std::size_t>(models_), std::vector<double>(static_cast<std::size_t>(job.last - job.first)));
        std::vector<Member> members;
        for (int m = 0; m < models_; ++m) orders.push_back(epoch_order(rows, static_cast<std::uint64_t>(m), 0));
        for (std::size_t m = 0; m < orders.size(); ++m)
            members.push_back(
                {.rows = orders[m], .seed = m, .learning_rate = 0.01 * static_cast<double>(m + 1), .losses = out.losses[m].data()});
        out.done = engine.train({.data = job.data,
                                 .members = members,
                                 .objective = job.objective,
                                 .rule = job.rule,
                                 .batches = {job.batch, rows},
                                 .first = job.first,
                                 .last = job.last});
        out.states.resize(orders.size());
        for (int m = 0; m < models_; ++m) engine.get(m, out.states[static_cast<std::size_t>(m)]);
        return out;
    }

    /// Trains `engine` and one of its state that has nothing from before.
    void expect_as_fresh(cuda::DeviceModels& engine, Train const& job, std::string const& name) const {
        SCOPED_TRACE(name);
        cuda::DeviceModels other = fresh();
        for (int m = 0; m < models_; ++m) {
            State state;
            engine.get(m, state);
            other.put(m, state);
        }
        Outcome const expected = train(other, job), actual = train(engine, job);
        EXPECT_EQ(expected.done, actual.done);
        EXPECT_EQ(expected.losses, actual.losses);
        for (std::size_t m = 0; m < expected.states.size(); ++m) {
            EXPECT_EQ(expected.states[m].parameters, actual.states[m].parameters) << "model " << m;
            EXPECT_EQ(expected.states[m].buffers, actual.states[m].buffers) << "model " << m;
            EXPECT_EQ(expected.states[m].second, actual.states[m].second) << "model " << m;
            EXPECT_EQ(expected.states[m].steps, actual.states[m].steps) << "model " << m;
        }
    }

private:
    Plan plan_;
    int models_;
};

Architecture const net{width, {7, hyperbolic_tangent}, {width, sigmoid}};
Architecture const with_all{width, {7, prelu, {.batch_norm = true, .dropout = 0.2}}, {5, gaussian}, {width, sigmoid}};

TEST(AutoencoderJobs, RecordedStepsAreThoseThatRunAtOnce) {
    auto const x = samples(1);
    for (auto const& architecture : {net, with_all}) {
        Engines const engines(architecture, 2);
        auto recorded = engines.fresh(), at_once = engines.fresh();
        engines.start(recorded);
        engines.start(at_once);
        Outcome const all = engines.train(recorded, {.data = {.inputs = view(x), .id = 1}});
        EXPECT_EQ(recorded.recordings(), 1);
        Outcome last;
        for (std::int64_t k = 0; k < 4; ++k) {
            last = engines.train(at_once, {.data = {.inputs = view(x), .id = 1}, .first = k, .last = k + 1});
            for (std::size_t m = 0; m < 2; ++m) EXPECT_EQ(last.losses[m].front(), all.losses[m][static_cast<std::size_t>(k)]);
        }
        EXPECT_EQ(at_once.recordings(), 0);
    }
}

TEST(AutoencoderJobs, JobsThatAreAlikeShareARecording) {
    auto const x = samples(1), y = samples(2);
    Engines const engines(with_all, 1);
    auto engine = engines.fresh();
    engines.start(engine);
    Train job{.data = {.inputs = view(x), .corruptions = {GaussianNoise{0.1}}, .id = 7}};
    for (int epoch = 0; epoch < 3; ++epoch) {
        engines.expect_as_fresh(engine, job, "epoch " + std::to_string(epoch));
        engine.keep();
        static_cast<void>(engine.evaluate({.inputs = view(y)}, {}, {4, rows}));
        GradientJob const gradients{.data = job.data, .objective = job.objective, .rows = 3};
        static_cast<void>(engine.gradients(gradients));
    }
    engine.take_back();
    engines.expect_as_fresh(engine, job, "after take_back");
    job.rule.learning_rate = 0.5;  // of the steps, not of their launches
    job.first = 8;
    engines.expect_as_fresh(engine, job, "two steps");
    EXPECT_EQ(engine.recordings(), 1);
}

/// Jobs of a step each are recorded too, when there have been some.
TEST(AutoencoderJobs, ShortJobsAreRecordedInTheEnd) {
    auto const x = samples(1);
    Engines const engines(net, 1);
    auto engine = engines.fresh();
    engines.start(engine);
    for (std::int64_t k = 0; k < 8; ++k)
        engines.expect_as_fresh(engine, {.data = {.inputs = view(x), .id = 7}, .first = k, .last = k + 1}, "step " + std::to_string(k));
    EXPECT_EQ(engine.recordings(), 1);
}

TEST(AutoencoderJobs, WhatAStepDependsOnIsRecordedAnew) {
    auto const x = samples(1), y = samples(2);
    for (int const models : {1, 2}) {
        Engines const engines(models == 1 ? net : with_all, models);
        auto engine = engines.fresh();
        engines.start(engine);
        Train job{.data = {.inputs = view(x), .id = 7}};
        std::int64_t recordings = 0;
        auto const check = [&](std::string const& name, bool anew = true) {
            engines.expect_as_fresh(engine, job, name + ", models " + std::to_string(models));
            EXPECT_EQ(engine.recordings(), recordings += anew ? 1 : 0) << name;
        };
        check("first");
        job.batch = 3;
        job.last = 13;  // without the one row at the end, which has no variance
        check("smaller batch");
        job.batch = 6;
        job.last = 7;
        check("larger batch");
        job.data = {.inputs = view(y), .id = 8};
        check("other data");
        job.data = {.inputs = view(x)};
        check("data without an id");
        check("which are taken anew in each epoch");
        job.data = {.inputs = view(x), .corruptions = {SaltAndPepper{0.2}}, .id = 9};
        check("corruptions");
        job.data = {.inputs = view(x), .targets = Targets(view(y)), .id = 10};
        check("targets");
        job.objective.loss = Loss::bce;
        check("loss");
        job.objective.penalties = {{0, 1e-3, Reduction::sum}};
        check("penalty");
        job.objective.penalties[0].scale = 2e-3;
        check("its scale");
        job.rule.l1 = 1e-3;
        check("rule");
        job.rule.clip_norm = 0.1;
        check("clipping");
        job.rule.clip_norm = 0.2;
        check("its bound");
        job.batch = 2;
        job.last = 20;
        check("more steps than ever");
        job.last = 10;
        check("fewer", false);
        if (models == 1) static_cast<void>(engine.evaluate({.inputs = view(y)}, {}, {37, rows}));
        check("after an evaluation of larger batches", models == 1);
    }
}

TEST(AutoencoderJobs, AnErrorLeavesNothingBehind) {
    auto const x = samples(1);
    auto bad = x;
    bad[static_cast<std::size_t>(5 * width)] = std::numeric_limits<float>::quiet_NaN();
    Engines const engines(net, 1);
    auto engine = engines.fresh();
    engines.start(engine);
    Train const good{.data = {.inputs = view(x), .id = 7}};
    engines.expect_as_fresh(engine, good, "before");
    engine.keep();
    Outcome const failed = engines.train(engine, {.data = {.inputs = view(bad), .id = 8}});
    EXPECT_LT(failed.done.front(), 10);
    engine.take_back();
    engines.expect_as_fresh(engine, good, "after a number that is not finite");
    EXPECT_THROW(static_cast<void>(engine.train({.data = good.data, .members = {}, .objective = good.objective})), InvalidArgument);
    engines.expect_as_fresh(engine, good, "after a refusal");
    {
        auto const state = [&] {
            State s;
            engine.get(0, s);
            return s.parameters;
        };
        auto const before = state();
        Train larger = good;
        larger.batch = rows;
        larger.last = 1;
        simt::Scope const scope({.memory_bytes = simt::allocations().bytes});
        EXPECT_THROW(static_cast<void>(engines.train(engine, larger)), OutOfMemory);
        EXPECT_EQ(before, state());
    }
    engines.expect_as_fresh(engine, good, "after memory ran out");
}

}  // namespace
}  // namespace ca3::autoencoder
