#include "core/check.hpp"
#include "core/state.hpp"
#include "hopfield/grid.hpp"
#include "hopfield/memory_state.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

/// Memory::recall: check, relax on the backend, then read overlaps and energies off the final states.
namespace ca3::hopfield {

namespace {

constexpr char const* recall_name = "hopfield::Memory::recall";

/// Calls visit(first, rows) for blocks of states that stay in a cache, from any thread.
void for_blocks(Context const& context, std::int64_t rows, auto&& visit) {
    constexpr std::int64_t block = 256;
    pool(context).run((rows + block - 1) / block, [&](std::int64_t k, int) { visit(k * block, std::min(block, rows - k * block)); });
}

void check_options(MemoryState const& state, RecallOptions const& o, std::int64_t batch) {
    constexpr char const* function = recall_name;
    require(o.update >= Update::synchronous && o.update <= Update::sequential, function,
            [] { return std::string("update is not one of Update"); });
    require(o.tie >= Tie::keep && o.tie <= Tie::zero, function, [] { return std::string("tie is not one of Tie"); });
    require(o.max_sweeps >= 0 && o.max_sweeps <= std::numeric_limits<std::int32_t>::max(), function,
            [&] { return "max_sweeps must be in [0, 2^31), is " + std::to_string(o.max_sweeps); });
    require(std::isfinite(o.temperature) && o.temperature >= 0, function,
            [&] { return "temperature must be finite and at least 0, is " + std::to_string(o.temperature); });
    require(o.temperature == 0 || state.source.options.rule != Rule::exponential, function,
            [] { return std::string("temperature must be 0 for the exponential rule, whose fields exceed every floating-point range"); });
    require(o.first_state + batch <= std::int64_t{1} << 32, function,
            [&] { return "first_state + batch must be at most 2^32, is " + std::to_string(o.first_state + batch); });
    require_view(o.clamp, function, "clamp");
    require(o.clamp.rows == 0 || ((o.clamp.rows == 1 || o.clamp.rows == batch) && o.clamp.cols == state.source.neurons), function, [&] {
        return "clamp must be empty, " + shape(1, state.source.neurons) + " or " + shape(batch, state.source.neurons) + ", is " +
               shape(o.clamp.rows, o.clamp.cols);
    });
}

void relax(MemoryState const& state, Job job) {
    Model const& model = state.built_model().model;
    Prepared& prepared = state.prepared_model();
    if (state.context.backend() == Backend::cpu) return cpu::relax(state.context, model, prepared, job);
    take_cues(state.context, job);
    state.context.backend() == Backend::cuda ? cuda::relax(state.context, model, prepared, job)
                                             : reference::relax(state.context, model, prepared, job);
}

/// Calls visit(first, overlaps, energies) for the states in parts whose overlaps take little memory.
void read_off(MemoryState const& state, MatrixView<std::int8_t const> states, auto&& visit) {
    std::int64_t const P = state.source.patterns;
    std::int64_t const part = std::max<std::int64_t>(64, (std::int64_t{1} << 20) / std::max<std::int64_t>(1, P));
    std::vector<std::int32_t> m(static_cast<std::size_t>(std::min(part, states.rows) * P));
    for (std::int64_t first = 0; first < states.rows; first += part) {
        std::int64_t const rows = std::min(part, states.rows - first);
        MatrixView<std::int8_t const> const view{states.row(first), rows, states.cols, states.stride};
        if (P > 0) state.pattern_overlaps(view, m.data());
        visit(first, rows, m.data(), energies(state.context, state.source, state.built_model().model, view, m.data()));
    }
}

void summarise(MemoryState const& state, Recall& recall) {
    std::int64_t const P = state.source.patterns;
    read_off(state, recall.view(), [&](std::int64_t first, std::int64_t rows, std::int32_t const* m, std::vector<double> const& energy) {
        for (std::int64_t b = 0; b < rows; ++b) {
            Result& r = recall.results[first + b];
            r.energy = energy[b];
            if (P == 0) continue;
            std::int32_t const* const best = std::max_element(m + b * P, m + (b + 1) * P);
            r.nearest = static_cast<std::int32_t>(best - (m + b * P));
            r.overlap = *best;
            r.spurious = *best != recall.neurons;
        }
    });
}

void take_readings(std::vector<Reading> const& readings, Recall& recall) {
    for (std::int64_t b = 0; b < recall.batch; ++b) {
        Result& r = recall.results[b];
        r.energy = -0.5 * static_cast<double>(readings[b].form) + 0.0;
        r.nearest = readings[b].nearest;
        r.overlap = readings[b].overlap;
        r.spurious = r.nearest < 0 || r.overlap != recall.neurons;
    }
}

TracePoint trace_point(MemoryState const& state, MatrixView<std::int8_t const> states, std::int64_t sweep) {
    TracePoint point{.sweep = sweep, .energy = {}, .overlap = {}};
    read_off(state, states, [&](std::int64_t, std::int64_t rows, std::int32_t const* m, std::vector<double> const& energy) {
        point.energy.insert(point.energy.end(), energy.begin(), energy.end());
        point.overlap.insert(point.overlap.end(), m, m + rows * state.source.patterns);
    });
    return point;
}

/// Runs the relaxation once more, sweep by sweep: the random streams are keyed by the sweep, so it is the same one.
std::vector<TracePoint> trace(MemoryState const& state, Job job, std::vector<Result> const& results) {
    std::int64_t const d = state.source.neurons;
    auto const batch = static_cast<std::int64_t>(results.size());
    std::vector<std::int8_t> current, next(batch * d);
    for (std::int64_t b = 0; b < batch; ++b) current.insert(current.end(), job.cues.row(b), job.cues.row(b) + d);
    MatrixView<std::int8_t const> const view{current.data(), batch, d};
    std::vector<Status> status(batch);
    std::vector<std::int32_t> sweeps(batch);
    std::vector<std::int64_t> flips(batch);
    std::vector<TracePoint> points{trace_point(state, view, 0)};
    std::int32_t last = 0;
    for (Result const& r : results) last = std::max(last, r.sweeps);
    job.cues = view;
    job.states = next.data();
    job.readings = nullptr;
    job.max_sweeps = 1;
    job.status = status.data();
    job.sweeps = sweeps.data();
    job.flips = flips.data();
    for (std::int32_t t = 1; t <= last; ++t) {
        job.first_sweep = t - 1;
        relax(state, job);
        for (std::int64_t b = 0; b < batch; ++b) {
            if (t <= results[b].sweeps) std::copy_n(next.begin() + b * d, d, current.begin() + b * d);
        }
        points.push_back(trace_point(state, view, t));
    }
    return points;
}

std::string form_of(Model const& model) {
    if (model.kind != Kind::dense) return "factored";
    constexpr char const* width[] = {"u8", "i8", "i16", "i32", "i64"};
    return std::string("dense ") + width[model.weights.index()];
}

}  // namespace

Glauber const& MemoryState::glauber_at(double temperature) const {
    if (temperature != glauber_temperature) {
        glauber = glauber_table(temperature, built_model().model.unit);
        glauber_temperature = temperature;
    }
    return glauber;
}

void MemoryState::pattern_overlaps(MatrixView<std::int8_t const> states, std::int32_t* out) const {
    Model const& model = built_model().model;
    Prepared& kept = prepared_model();
    switch (context.backend()) {
        case Backend::reference:
            return reference::pattern_overlaps(context, model, kept, states, out);
        case Backend::cpu:
            return cpu::pattern_overlaps(context, model, kept, states, out);
        case Backend::cuda:
            return cuda::pattern_overlaps(context, model, kept, states, out);
    }
}

void check_shape(MemoryState const& state, MatrixView<std::int8_t const> states, char const* function, char const* argument) {
    require_view(states, function, argument);
    require(state.source.neurons > 0, function, [] { return std::string("the memory is empty: store patterns first"); });
    require(states.cols == state.source.neurons, function, [&] {
        return std::string(argument) + " must have " + std::to_string(state.source.neurons) +
               " columns as this memory has neurons, has shape " + shape(states.rows, states.cols);
    });
}

void check_states(MemoryState const& state, MatrixView<std::int8_t const> states, char const* function, char const* argument) {
    check_shape(state, states, function, argument);
    // A block that holds a wrong entry is looked at again from the first, so that the error names the first.
    try {
        for_blocks(state.context, states.rows, [&](std::int64_t first, std::int64_t rows) {
            check_entries({states.row(first), rows, states.cols, states.stride}, true, function, argument);
        });
    } catch (InvalidArgument const&) {
        check_entries(states, true, function, argument);
    }
}

void refuse_cues(Job const& job) {
    check_entries(job.cues, true, recall_name, "cues");
    throw InvalidArgument(std::string(recall_name) + ": cues were changed while they were read");
}

void take_cues(Context const& context, Job& job) {
    if (job.cues.data == nullptr) return;
    try {
        for_blocks(context, job.batch, [&](std::int64_t first, std::int64_t rows) {
            std::int64_t const d = job.cues.cols;
            for (std::int64_t b = first; b < first + rows; ++b) std::copy_n(job.cues.row(b), d, job.states + b * d);
            check_entries({job.states + first * d, rows, d, d}, true, recall_name, "cues");
        });
    } catch (InvalidArgument const&) {
        refuse_cues(job);
    }
    job.cues = {};
}

Recall Memory::recall(MatrixView<std::int8_t const> cues, RecallOptions options) const {
    check_shape(*state_, cues, recall_name, "cues");
    check_options(*state_, options, cues.rows);
    return translate_bad_alloc([&] {
        MemoryState const& state = *state_;
        std::int64_t const d = state.source.neurons, batch = cues.rows;
        Recall recall{.states = {}, .batch = batch, .neurons = d, .results = std::vector<Result>(batch), .trace = {}, .form = {}};
        recall.states.resize(static_cast<std::size_t>(detail::checked_product(batch, d)));
        recall.form = form_of(state.built_model().model);
        if (batch == 0) return recall;

        std::vector<Status> status(batch);
        std::vector<std::int32_t> sweeps(batch);
        std::vector<std::int64_t> flips(batch);
        std::vector<Reading> readings(batch);
        bool read = false;
        Job job{.batch = batch,
                .cues = cues,
                .states = recall.states.data(),
                .clamp = options.clamp,
                .update = options.update,
                .tie = options.tie,
                .max_sweeps = options.max_sweeps,
                .first_sweep = 0,
                .seed = options.seed,
                .first_state = options.first_state,
                .glauber = options.temperature > 0 ? &state.glauber_at(options.temperature) : nullptr,
                .status = status.data(),
                .sweeps = sweeps.data(),
                .flips = flips.data(),
                .readings = readings.data(),
                .read = &read};
        relax(state, job);
        for (std::int64_t b = 0; b < batch; ++b) {
            recall.results[b].status = status[b];
            recall.results[b].sweeps = sweeps[b];
            recall.results[b].flips = flips[b];
        }
        read ? take_readings(readings, recall) : summarise(state, recall);
        if (options.trace) recall.trace = trace(state, job, recall.results);
        return recall;
    });
}

}  // namespace ca3::hopfield
