#include "hopfield/cpu_relax.hpp"

#include <ca3/error.hpp>

#include <algorithm>
#include <array>

namespace ca3::hopfield::cpu {

namespace {

/// One state on its way: its bits now, one sweep ago and room for the next; the three rotate.
struct Slot {
    Bits now, before, next;
    std::int64_t state = -1;
    bool full = false;  ///< no neuron is 0 now
    std::int32_t sweeps = 0;
    std::int64_t flips = 0;
    Status status = Status::sweep_limit;
};

constexpr std::size_t most_slots = 16;

class Worker {
public:
    Worker(Model const& model, Packed const& packed, Job const& job)
        : packed_(packed),
          job_(job),
          diagonal_(model.diagonal.empty() ? 0 : static_cast<std::int32_t>(model.diagonal.front())),
          stride_(overlap_stride(packed)),
          slots_(packed.kernels->sweep_states),
          planes_(slots_.size() * 6 * packed.words),
          scratch_(packed.kernels->sweep_scratch(packed)),
          m_(slots_.size() * stride_) {
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
            std::array<std::size_t, most_slots> done;
            std::size_t count = 0;
            for (std::size_t k = 0; k < active; ++k) {
                if (advance(slots_[k])) done[count++] = k;
            }
            if (count == 0) continue;
            if (job_.readings != nullptr) read_off(done.data(), count);
            while (count-- > 0) {
                Slot& slot = slots_[done[count]];
                write_back(slot);
                if (first < last) {
                    load(slot, first++);
                } else {
                    std::swap(slot, slots_[--active]);
                }
            }
        }
    }

private:
    void load(Slot& slot, std::int64_t state) {
        bool const given = job_.cues.data != nullptr;
        std::int8_t const* const cue = given ? job_.cues.row(state) : job_.states + state * packed_.d;
        Entries const entries = packed_.kernels->pack(cue, packed_.d, slot.now);
        if (!entries.known && given) throw InvalidArgument("cues");  // relax_hebbian() says which
        slot.state = state;
        slot.full = entries.full;
        slot.sweeps = 0;
        slot.flips = 0;
    }

    void sweep(std::size_t active) {
        std::array<Bits, most_slots> now, next;
        bool full = true;
        for (std::size_t k = 0; k < active; ++k) {
            now[k] = slots_[k].now;
            next[k] = slots_[k].next;
            full = full && slots_[k].full;
        }
        packed_.kernels->hebbian_sweep(
            {&packed_, now.data(), next.data(), static_cast<int>(active), full, diagonal_, job_.tie, m_.data(), scratch_.data()});
    }

    /// Takes the sweep's result over; true when the state is done.
    bool advance(Slot& slot) {
        Difference const difference = packed_.kernels->compare(slot.next, slot.now, slot.before, packed_.words);
        bool const cycle = slot.sweeps > 0 && difference.as_before;
        std::swap(slot.before, slot.now);
        std::swap(slot.now, slot.next);
        ++slot.sweeps;
        slot.flips += difference.changes;
        bool const stays_full = job_.tie == Tie::plus || job_.tie == Tie::minus || (slot.full && job_.tie == Tie::keep);
        slot.full = stays_full || is_full(slot.now, packed_.d);
        slot.status = difference.changes == 0 ? Status::fixed_point : cycle ? Status::two_cycle : Status::sweep_limit;
        return slot.status != Status::sweep_limit || slot.sweeps >= job_.max_sweeps;
    }

    /// Nearest patterns and energies. The overlaps of a fixed point are those that its last sweep began with.
    void read_off(std::size_t const* done, std::size_t count) {
        std::array<Bits, most_slots> moved;
        std::array<std::size_t, most_slots> from;
        std::size_t moving = 0;
        bool full = true;
        for (std::size_t k = 0; k < count; ++k) {
            Slot const& slot = slots_[done[k]];
            if (slot.status == Status::fixed_point) {
                job_.readings[slot.state] = packed_.kernels->read_off(packed_, slot.now, diagonal_, m_.data() + done[k] * stride_);
                continue;
            }
            from[moving] = done[k];
            moved[moving++] = slot.now;
            full = full && slot.full;
        }
        if (moving == 0) return;
        packed_.kernels->overlaps(packed_, moved.data(), static_cast<int>(moving), full, m_.data(), stride_);
        for (std::size_t k = 0; k < moving; ++k) {
            Slot const& slot = slots_[from[k]];
            job_.readings[slot.state] = packed_.kernels->read_off(packed_, slot.now, diagonal_, m_.data() + k * stride_);
        }
    }

    void write_back(Slot const& slot) {
        packed_.kernels->unpack(slot.now, packed_.d, job_.states + slot.state * packed_.d);
        job_.status[slot.state] = slot.status;
        job_.sweeps[slot.state] = slot.sweeps;
        job_.flips[slot.state] = slot.flips;
    }

    Packed const& packed_;
    Job const& job_;
    std::int32_t diagonal_;
    std::int64_t stride_;
    std::vector<Slot> slots_;
    AlignedVector<std::uint64_t> planes_;
    AlignedVector<std::byte> scratch_;
    AlignedVector<std::int32_t> m_;  ///< slots x stride, zero past P
};

}  // namespace

void relax_hebbian(ThreadPool& threads, Model const& model, Packed const& packed, Job const& job) {
    // Enough blocks that no thread waits long for the last, large enough that slots stay filled.
    std::int64_t const block = std::clamp<std::int64_t>(ceil_div(job.batch, 8 * threads.size()), 1, 512);
    if (job.read != nullptr) *job.read = true;
    try {
        threads.run(ceil_div(job.batch, block),
                    [&](std::int64_t k, int) { Worker(model, packed, job).run(k * block, std::min(job.batch, (k + 1) * block)); });
    } catch (InvalidArgument const&) {
        refuse_cues(job);
    }
}

}  // namespace ca3::hopfield::cpu
