#include "hopfield/cpu_fields.hpp"
#include "hopfield/cpu_relax.hpp"

#include <algorithm>
#include <numeric>

/// Synchronous sweeps of what relax_hebbian does not cover.
namespace ca3::hopfield::cpu {

namespace {

/// Synchronous bookkeeping of one state: the outcome of a sweep, or nothing yet.
class History {
public:
    /// @param changes neurons that differ between `before` (the state of the last sweep) and `now`
    bool done(Job const& job, std::int64_t b, std::int64_t t, std::int64_t changes, std::vector<std::int8_t> const& before,
              std::int8_t const* now) {
        job.flips[b] += changes;
        job.sweeps[b] = static_cast<std::int32_t>(t + 1);
        if (job.glauber != nullptr) return false;
        if (changes == 0) {
            job.status[b] = Status::fixed_point;
            return true;
        }
        if (!earlier_.empty() && std::equal(earlier_.begin(), earlier_.end(), now)) {
            job.status[b] = Status::two_cycle;
            return true;
        }
        earlier_ = before;
        return false;
    }

private:
    std::vector<std::int8_t> earlier_;
};

}  // namespace

void relax_synchronously(ThreadPool& threads, Model const& model, Packed const& packed, Job const& job) {
    std::int64_t const d = model.neurons;
    std::int64_t const block = std::clamp<std::int64_t>(job.batch / (8 * threads.size()), 1, 64);
    bool const plain = job.glauber == nullptr && job.clamp.rows == 0;
    auto const relax_one = [&](std::int64_t b, Fields& fields, std::vector<std::int8_t>& before) {
        std::int8_t* const s = job.states + b * d;
        History history;
        start(job, b);
        for (std::int64_t t = 0; t < job.max_sweeps; ++t) {
            std::int64_t const* const h = fields.of(s);
            before.assign(s, s + d);
            std::int64_t changes = 0;
            if (plain) {
                changes = packed.kernels->decide_fields({.d = d,
                                                         .fields = h,
                                                         .diagonal = model.diagonal.empty() ? nullptr : model.diagonal.data(),
                                                         .tau = model.tau.empty() ? nullptr : model.tau.data(),
                                                         .tie = job.tie,
                                                         .now = before.data(),
                                                         .next = s});
            } else {
                for (std::int64_t i = 0; i < d; ++i) {
                    if (is_clamped(job, b, i)) continue;
                    std::int64_t const field = h[i] - (model.diagonal.empty() ? 0 : model.diagonal[i] * s[i]);
                    s[i] = decide(model, job, b, i, job.first_sweep + t, field, s[i]);
                    changes += s[i] != before[i];
                }
            }
            if (history.done(job, b, t, changes, before, s)) return;
        }
    };
    threads.run(ceil_div(job.batch, block), [&](std::int64_t k, int) {
        Fields fields(model, packed);
        std::vector<std::int8_t> before;
        for (std::int64_t b = k * block; b < std::min(job.batch, (k + 1) * block); ++b) relax_one(b, fields, before);
    });
}

void relax_dense(ThreadPool& threads, Model const& model, Packed const& packed, Job const& job) {
    std::int64_t const d = model.neurons;
    std::vector<std::int64_t> active(job.batch);
    std::iota(active.begin(), active.end(), 0);
    std::vector<History> history(job.batch);
    std::vector<std::uint8_t> done(job.batch, 0);
    std::vector<std::int8_t> gathered;
    // Nothing else between field and decision, and everything inside 32 bits.
    bool const plain = job.glauber == nullptr && job.clamp.rows == 0 && model.tau.empty() && model.field_limit < (std::int64_t{1} << 28);
    std::vector<std::int32_t> diagonal;
    if (plain) diagonal.assign(model.diagonal.begin(), model.diagonal.end());
    for (std::int64_t b = 0; b < job.batch; ++b) start(job, b);
    for (std::int64_t t = 0; t < job.max_sweeps && !active.empty(); ++t) {
        auto const count = static_cast<std::int64_t>(active.size());
        gathered.resize(count * d);
        for (std::int64_t k = 0; k < count; ++k) std::copy_n(job.states + active[k] * d, d, gathered.begin() + k * d);
        for_dense_fields(threads, packed, model.patterns, {gathered.data(), count, d}, [&](std::int64_t k, DenseFields const& field) {
            std::int64_t const b = active[k];
            std::int8_t* const s = job.states + b * d;
            std::vector<std::int8_t> const before(s, s + d);
            std::int64_t changes = 0;
            if (plain) {
                changes = packed.kernels->decide_dense({.d = d,
                                                        .fields = field.fields,
                                                        .scale = field.scale,
                                                        .shift = static_cast<std::int32_t>(field.shift),
                                                        .offset = field.row_sum,
                                                        .diagonal = diagonal.empty() ? nullptr : diagonal.data(),
                                                        .tie = job.tie,
                                                        .now = before.data(),
                                                        .next = s});
            } else {
                for (std::int64_t i = 0; i < d; ++i) {
                    if (is_clamped(job, b, i)) continue;
                    std::int64_t const h = field(i) - (model.diagonal.empty() ? 0 : model.diagonal[i] * s[i]);
                    s[i] = decide(model, job, b, i, job.first_sweep + t, h, s[i]);
                    changes += s[i] != before[i];
                }
            }
            done[b] = history[b].done(job, b, t, changes, before, s);
        });
        std::erase_if(active, [&](std::int64_t b) { return done[b] != 0; });
    }
}

}  // namespace ca3::hopfield::cpu
