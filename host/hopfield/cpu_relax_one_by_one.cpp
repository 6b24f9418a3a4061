#include "hopfield/cpu_fields.hpp"
#include "hopfield/cpu_relax.hpp"

#include "core/philox.hpp"

#include <mutex>
#include <numeric>

/// Asynchronous sweeps: one neuron after the other, in the order that the job asks for.
namespace ca3::hopfield::cpu {

namespace {

/// Visiting orders: ascending in (key, index).
class Orders {
public:
    Orders(Job const& job, std::int64_t d) : job_(job), d_(d) {
        if (job.update == Update::sequential) {
            fixed_.resize(d);
            std::iota(fixed_.begin(), fixed_.end(), 0u);
        }
    }

    /// The order of sweep t for state b; `own` is room for it.
    std::vector<std::uint32_t> const& order(std::int64_t b, std::int64_t t, std::vector<std::uint32_t>& own) {
        if (job_.update == Update::sequential) return fixed_;
        if (job_.update == Update::asynchronous) {
            sort(static_cast<std::uint32_t>(job_.first_state + b), t, own);
            return own;
        }
        std::lock_guard const lock(mutex_);
        while (static_cast<std::int64_t>(shared_.size()) <= t) {
            auto next = std::make_unique<std::vector<std::uint32_t>>();
            sort(0xFFFFFFFFu, static_cast<std::int64_t>(shared_.size()), *next);
            shared_.push_back(std::move(next));
        }
        return *shared_[t];
    }

private:
    /// Radix sort of the keys, 11 bits at a time; stable, so that equal keys stay in index order.
    void sort(std::uint32_t element, std::int64_t t, std::vector<std::uint32_t>& out) const {
        std::vector<std::uint64_t> pairs(d_), other(d_);
        auto const step = static_cast<std::uint32_t>(job_.first_sweep + t);
        for (std::int64_t i = 0; i < d_; i += 4) {
            random::Block const keys = random::draw_block(job_.seed, random::Purpose::visit_order, element, step, i / 4);
            for (std::int64_t k = 0; k < std::min<std::int64_t>(4, d_ - i); ++k) pairs[i + k] = std::uint64_t{keys.word[k]} << 32 | (i + k);
        }
        for (int shift = 32; shift < 64; shift += 11) {
            std::uint32_t place[2049] = {};
            for (std::uint64_t const pair : pairs) ++place[(pair >> shift & 2047) + 1];
            for (int k = 0; k < 2048; ++k) place[k + 1] += place[k];
            for (std::uint64_t const pair : pairs) other[place[pair >> shift & 2047]++] = pair;
            pairs.swap(other);
        }
        out.resize(d_);
        for (std::int64_t i = 0; i < d_; ++i) out[i] = static_cast<std::uint32_t>(pairs[i]);
    }

    Job const& job_;
    std::int64_t d_;
    std::vector<std::uint32_t> fixed_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<std::vector<std::uint32_t>>> shared_;
};

/// A state whose fields follow from its overlaps: a visit costs P products, a flip the overlaps and coefficients.
template <class T>
class FactoredState {
public:
    FactoredState(Model const& model, Packed const& packed, std::int8_t* s)
        : model_(model),
          packed_(packed),
          s_(s),
          m_(overlaps_of(packed, s)),
          total_(std::accumulate(s, s + model.neurons, std::int64_t{0})) {
        c_.compute(model_, m_.data(), total_);
    }

    [[nodiscard]] std::int64_t field(std::int64_t i) const {
        std::int64_t const self = c_.self - (model_.diagonal.empty() ? 0 : model_.diagonal[i]);
        std::int8_t const* const x = packed_.columns.data() + i * packed_.P;
        if constexpr (std::is_same_v<T, std::int32_t>) return packed_.kernels->dot(x, c_.a.data(), packed_.P) + c_.constant + self * s_[i];
        bool const unknown = s_[i] == 0 && !c_.unknown.empty();
        return dot(x, (unknown ? c_.unknown : c_.a).data(), packed_.P) + c_.constant + self * s_[i];
    }

    void set(std::int64_t i, std::int8_t value) {
        int const change = value - s_[i];
        std::int8_t const* const x = packed_.columns.data() + i * packed_.P;
        for (std::int64_t mu = 0; mu < packed_.P; ++mu) m_[mu] += change * x[mu];
        total_ += change;
        s_[i] = value;
        c_.compute(model_, m_.data(), total_);
    }

private:
    Model const& model_;
    Packed const& packed_;
    std::int8_t* s_;
    std::vector<std::int32_t> m_;
    std::int64_t total_;
    Coefficients<T> c_;
};

/// A state with a matrix: its fields are kept, a visit costs nothing and a flip one column.
class DenseState {
public:
    DenseState(Model const& model, Packed const& packed, std::int8_t* s) : model_(model), packed_(packed), s_(s), h_(model.neurons) {
        dense_fields(model, s, h_.data());
    }

    [[nodiscard]] std::int64_t field(std::int64_t i) const { return model_.diagonal.empty() ? h_[i] : h_[i] - model_.diagonal[i] * s_[i]; }

    void set(std::int64_t j, std::int8_t value) {
        std::int64_t const change = value - s_[j], d = model_.neurons;
        std::visit(
            [&]<class T>(std::vector<T> const& weights) {
                T const* const __restrict w = weights.data() + j * d;
                std::int64_t* const __restrict h = h_.data();
                if constexpr (std::is_same_v<T, std::uint8_t>) {
                    for (std::int64_t i = 0; i < d; ++i) h[i] += change * (2 * std::int64_t{w[i]} - model_.patterns);
                } else {
                    for (std::int64_t i = 0; i < d; ++i) h[i] += change * w[i];
                }
            },
            model_.symmetric ? model_.weights : packed_.transposed);
        s_[j] = value;
    }

private:
    Model const& model_;
    Packed const& packed_;
    std::int8_t* s_;
    std::vector<std::int64_t> h_;
};

template <class State>
void visit_all(Model const& model, Packed const& packed, Job const& job, Orders& orders, std::int64_t b) {
    std::int8_t* const s = job.states + b * model.neurons;
    start(job, b);
    if (job.max_sweeps == 0) return;
    State state(model, packed, s);
    std::vector<std::uint32_t> own;
    for (std::int64_t t = 0; t < job.max_sweeps; ++t) {
        std::int64_t changes = 0;
        for (std::uint32_t const i : orders.order(b, t, own)) {
            if (is_clamped(job, b, i)) continue;
            std::int8_t const next = decide(model, job, b, i, job.first_sweep + t, state.field(i), s[i]);
            if (next == s[i]) continue;
            ++changes;
            state.set(i, next);
        }
        job.flips[b] += changes;
        job.sweeps[b] = static_cast<std::int32_t>(t + 1);
        if (changes == 0 && job.glauber == nullptr) {
            job.status[b] = Status::fixed_point;
            return;
        }
    }
}

}  // namespace

void relax_one_by_one(ThreadPool& threads, Model const& model, Packed const& packed, Job const& job) {
    Orders orders(job, model.neurons);
    bool const small = model.kind == Kind::hebbian && model.field_limit < (std::int64_t{1} << 30);
    threads.run(job.batch, [&](std::int64_t b, int) {
        if (model.kind == Kind::dense) {
            visit_all<DenseState>(model, packed, job, orders, b);
        } else if (small) {
            visit_all<FactoredState<std::int32_t>>(model, packed, job, orders, b);
        } else {
            visit_all<FactoredState<std::int64_t>>(model, packed, job, orders, b);
        }
    });
}

}  // namespace ca3::hopfield::cpu
