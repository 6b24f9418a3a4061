#include "hopfield/cpu_relax.hpp"

#include <algorithm>
#include <array>

namespace ca3::hopfield::cpu {

namespace {

/// One state on its way: its bits now, one sweep ago and room for the next; the three rotate.
struct Slot {
    Bits now, before, next;
    std::int64_t state = -1;
    std::int32_t sweeps = 0;
    std::int64_t flips = 0;
};

class Worker {
public:
    Worker(Model const& model, Packed const& packed, Job const& job)
        : packed_(packed),
          job_(job),
          diagonal_(model.diagonal.empty() ? 0 : static_cast<std::int32_t>(model.diagonal.front())),
          slots_(packed.kernels->sweep_states),
          planes_(slots_.size() * 6 * packed.words),
          scratch_(packed.kernels->sweep_scratch(packed)),
          m_(packed.P) {
        std::uint64_t* plane = planes_.data();
        for (Slot& slot : slots_) {
            for (Bits* bits : {&slot.now, &slot.before, &slot.next}) {
                *bits = {plane, plane + packed.words};
                plane += 2 * packed.words;
            }
        }
    }

    /// Relaxes states first ... last - 1. A slot whose state is done takes the next one.
    void run(std::int64_t first, std::int64_t last) {
        std::size_t active = 0;
        while (active < slots_.size() && first < last) load(slots_[active++], first++);
        while (active > 0) {
            sweep(active);
            for (std::size_t k = 0; k < active;) {
                if (!advance(slots_[k])) {
                    ++k;
                    continue;
                }
                if (first < last) {
                    load(slots_[k++], first++);
                } else {
                    std::swap(slots_[k], slots_[--active]);
                }
            }
        }
    }

private:
    void load(Slot& slot, std::int64_t state) {
        packed_.kernels->pack(job_.states + state * packed_.d, packed_.d, slot.now);
        slot.state = state;
        slot.sweeps = 0;
        slot.flips = 0;
    }

    void sweep(std::size_t active) {
        constexpr std::size_t most = 16;
        std::array<Bits, most> now, next;
        bool full = true;
        for (std::size_t k = 0; k < active; ++k) {
            now[k] = slots_[k].now;
            next[k] = slots_[k].next;
            full = full && is_full(slots_[k].now, packed_.d);
        }
        packed_.kernels->hebbian_sweep(
            {&packed_, now.data(), next.data(), static_cast<int>(active), full, diagonal_, job_.tie, scratch_.data()});
    }

    /// Takes the sweep's result over; true when the state is done and written back.
    bool advance(Slot& slot) {
        Difference const difference = packed_.kernels->compare(slot.next, slot.now, slot.before, packed_.words);
        bool const cycle = slot.sweeps > 0 && difference.as_before;
        std::swap(slot.before, slot.now);
        std::swap(slot.now, slot.next);
        ++slot.sweeps;
        slot.flips += difference.changes;
        Status status = Status::sweep_limit;
        if (difference.changes == 0) {
            status = Status::fixed_point;
        } else if (cycle) {
            status = Status::two_cycle;
        } else if (slot.sweeps < job_.max_sweeps) {
            return false;
        }
        packed_.kernels->unpack(slot.now, packed_.d, job_.states + slot.state * packed_.d);
        job_.status[slot.state] = status;
        job_.sweeps[slot.state] = slot.sweeps;
        job_.flips[slot.state] = slot.flips;
        if (job_.readings != nullptr) job_.readings[slot.state] = read_off(slot.now);
        return true;
    }

    Reading read_off(Bits state) {
        packed_.kernels->overlaps(packed_, &state, 1, is_full(state, packed_.d), m_.data(), packed_.P);
        return packed_.kernels->read_off(packed_, state, diagonal_, m_.data());
    }

    Packed const& packed_;
    Job const& job_;
    std::int32_t diagonal_;
    std::vector<Slot> slots_;
    AlignedVector<std::uint64_t> planes_;
    AlignedVector<std::byte> scratch_;
    std::vector<std::int32_t> m_;
};

}  // namespace

void relax_hebbian(ThreadPool& threads, Model const& model, Packed const& packed, Job const& job) {
    if (job.max_sweeps == 0) return relax_synchronously(threads, model, packed, job);
    // Enough blocks that no thread waits long for the last, large enough that slots stay filled.
    std::int64_t const block = std::clamp<std::int64_t>(ceil_div(job.batch, 8 * threads.size()), 1, 512);
    if (job.read != nullptr) *job.read = true;
    threads.run(ceil_div(job.batch, block),
                [&](std::int64_t k, int) { Worker(model, packed, job).run(k * block, std::min(job.batch, (k + 1) * block)); });
}

}  // namespace ca3::hopfield::cpu
