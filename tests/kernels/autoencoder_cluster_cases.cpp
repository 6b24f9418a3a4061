#include "kernels/autoencoder_cluster_cases.hpp"

#include <ca3/random.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace ca3::autoencoder::cluster_cases {

namespace {

/// Data for `steps` steps, the last of which is short where a batch has more than a row; held for as long as the views are.
struct CaseData {
    explicit CaseData(Case const& c) : rows(steps * c.batch - c.batch / 2) {
        std::int64_t const in = c.architecture.inputs, out = c.architecture.layers.back().units;
        values = samples(rows + 2, in, 1);
        wanted = samples(rows + 2, out, 2);
        for (float const x : values) bytes.push_back(static_cast<std::uint8_t>(x * 255.0f));
        data.inputs = c.bytes ? Samples(MatrixView<std::uint8_t const>(bytes.data(), rows + 2, in))
                              : Samples(MatrixView<float const>(values.data(), rows + 2, in));
        if (c.by_targets) data.targets = Targets(Samples(MatrixView<float const>(wanted.data(), rows + 2, out)));
        for (int m = 0; m < c.models; ++m) {
            orders.push_back(epoch_order(rows + 2, static_cast<std::uint64_t>(m), 0));
            orders.back().resize(static_cast<std::size_t>(rows));
        }
    }
    std::int64_t rows;
    std::vector<float> values, wanted;
    std::vector<std::uint8_t> bytes;
    std::vector<std::vector<std::int64_t>> orders;
    Data data;
};

/// What a layout looks at.
cuda::ClusterJob job_of(Case const& c) {
    UpdateRule const rule = rule_of(c.optimizer);
    auto const units = [&](std::size_t layer) { return static_cast<std::int32_t>(c.architecture.layers[layer].units); };
    cuda::ClusterJob job{.in = static_cast<std::int32_t>(c.architecture.inputs),
                         .hidden = units(0),
                         .out = units(1),
                         .activation1 = {.kind = c.architecture.layers[0].activation.kind},
                         .has_first = rule.has_first(),
                         .has_second = rule.has_second()};
    static float const some = 0.0f;
    if (c.by_targets) job.targets.values = &some;
    return job;
}

}  // namespace

std::int64_t launches_of(std::string const& name) {
    std::int64_t sum = 0;
    for (auto const& [file, count] : simt::launches())
        if (file.ends_with("autoencoder/" + name)) sum += count;
    return sum;
}
std::int64_t cluster_launches() {
    return launches_of("cluster.cu");
}

std::vector<float> samples(std::int64_t rows, std::int64_t width, std::uint64_t seed) {
    std::vector<float> x(static_cast<std::size_t>(rows * width));
    for (std::size_t i = 0; i < x.size(); ++i) {
        double const u = random::uniform(seed, random::Purpose::user, 0, 0, i);
        x[i] = u < 1.0 / 3.0 ? 0.0f : static_cast<float>(u);
    }
    return x;
}

bool Trained::operator==(Trained const& o) const {
    return done == o.done && losses == o.losses && state.parameters == o.state.parameters && state.first == o.state.first &&
           state.second == o.state.second;
}

std::vector<Trained> trained(Case const& c) {
    CaseData const made(c);
    Plan const plan = make_plan(c.architecture);
    Objective const objective{.loss = c.loss};
    UpdateRule const rule = rule_of(c.optimizer);
    cuda::DeviceModels models(Context::cuda(), plan, c.precision, c.models);
    std::vector<Trained> all(static_cast<std::size_t>(c.models));
    for (int m = 0; m < c.models; ++m) models.put(m, initial_state(plan, static_cast<std::uint64_t>(m)));
    for (auto& one : all) one.losses.resize(steps);
    std::vector<std::int64_t> begins{0};
    begins.insert(begins.end(), c.cuts.begin(), c.cuts.end());
    for (std::size_t i = 0; i < begins.size(); ++i) {
        std::vector<Member> members;
        for (std::size_t m = 0; m < all.size(); ++m)
            members.push_back({.rows = c.in_order ? std::span<std::int64_t const>() : made.orders[m],
                               .seed = m,
                               .learning_rate = rule.learning_rate * static_cast<double>(m + 1),
                               .losses = all[m].losses.data() + begins[i]});
        std::vector<std::int64_t> const done = models.train({.data = made.data,
                                                             .members = members,
                                                             .objective = objective,
                                                             .rule = rule,
                                                             .batches = {c.batch, made.rows},
                                                             .first = begins[i],
                                                             .last = i + 1 < begins.size() ? begins[i + 1] : steps});
        for (std::size_t m = 0; m < all.size(); ++m) all[m].done += done[m];
    }
    for (int m = 0; m < c.models; ++m) models.get(m, all[static_cast<std::size_t>(m)].state);
    return all;
}

std::vector<Trained> in_clusters(Case const& c, simt::Options options) {
    Words const words("cluster");
    options.compute_capability = 90;
    options.shared_bytes = c.shared_bytes;
    simt::Scope const scope(options);
    return trained(c);
}

Trained expected(Case const& c, std::size_t m) {
    CaseData made(c);
    Plan const plan = make_plan(c.architecture);
    Objective const objective{.loss = c.loss};
    auto const engine = reference::make_engine(Context::reference(), plan, Precision::f64);
    engine->put(initial_state(plan, m));
    Trained out;
    out.losses.resize(steps);
    if (!c.in_order) made.data.rows = made.orders[m];
    made.data.seed = m;
    UpdateRule rule = rule_of(c.optimizer);
    rule.learning_rate *= static_cast<double>(m + 1);
    out.done = engine->train({.data = made.data,
                              .objective = objective,
                              .rule = rule,
                              .batches = {c.batch, made.rows},
                              .last = steps,
                              .losses = out.losses.data()});
    engine->get(out.state);
    return out;
}

double distance(std::vector<double> const& a, std::vector<double> const& b) {
    EXPECT_EQ(a.size(), b.size());
    double most = 0.0, largest = 1e-30;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
        most = std::max(most, std::abs(a[i] - b[i]));
        largest = std::max(largest, std::abs(a[i]));
    }
    return most / largest;
}

std::size_t bytes_of(Case const& c, int blocks, bool ahead) {
    return cuda::cluster_layout(job_of(c), c.precision, c.batch, blocks, ahead).bytes();
}

Case in_blocks(Case c, int blocks, bool ahead) {
    c.name += ", " + std::to_string(blocks) + " blocks" + (ahead ? ", ahead" : "");
    c.shared_bytes = static_cast<int>(bytes_of(c, blocks, ahead));
    if (blocks > 1) {
        EXPECT_GT(bytes_of(c, blocks / 2), bytes_of(c, blocks, ahead));
    }
    return c;
}

Case sliced(int blocks, Precision precision, bool ahead) {
    return in_blocks(
        {.name = std::string(to_string(precision)), .architecture = {33, {30, hyperbolic_tangent}, {33, sigmoid}}, .precision = precision},
        blocks, ahead);
}

}  // namespace ca3::autoencoder::cluster_cases
