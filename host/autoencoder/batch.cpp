#include "autoencoder/batch.hpp"

#include <algorithm>
#include <cstring>

namespace ca3::autoencoder {

namespace {

/// Rows are made in groups of about this many values, which stay in the nearest cache from the first corruption to the last.
constexpr std::int64_t values_of_group = 4096;

/// Draws at a time: whole groups of sixteen blocks, which is what fills run best with.
constexpr std::int64_t draws_at_once = 2048;
constexpr std::int64_t fill_group = 64;

/// How many rows ahead samples are asked from memory, since shuffled rows lie anywhere.
constexpr std::int64_t rows_ahead = 4;

void prefetch(void const* from, std::int64_t bytes) {
    auto const* const p = static_cast<char const*>(from);
    for (std::int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(p + i);
}

bool is_whole_row(CorruptionStep::Kind kind) {
    using Kind = CorruptionStep::Kind;
    return kind == Kind::rectangle || kind == Kind::rotation || kind == Kind::permutation;
}

}  // namespace

Corruptor::Corruptor(std::span<Corruption const> corruptions, std::int64_t width, std::uint64_t seed, random::Purpose purpose,
                     InstructionSet set)
    : steps_(corruption_steps(corruptions, width)),
      width_(width),
      seed_(seed),
      purpose_(purpose),
      kernels_(&batch_kernels_for(set)),
      fill_(random::fill_for(set)) {}

void Corruptor::each_value(CorruptionStep const& step, float* values, std::int64_t count, std::uint64_t index,
                           std::uint32_t random_step) const {
    alignas(64) std::uint32_t draws[draws_at_once + fill_group];
    for (std::int64_t done = 0; done < count;) {
        std::uint64_t const first = index + static_cast<std::uint64_t>(done);
        auto const skipped = static_cast<std::int64_t>(first & 3);
        std::int64_t const n = std::min(count - done, draws_at_once - skipped);
        std::int64_t const filled = (skipped + n + fill_group - 1) / fill_group * fill_group;
        fill_(seed_, purpose_, step.element, random_step, first >> 2, filled / 4, draws);
        float* const x = values + done;
        std::uint32_t const* const u = draws + skipped;
        if (step.kind == CorruptionStep::Kind::noise) kernels_->add_noise(x, u, n, step.sigma);
        if (step.kind == CorruptionStep::Kind::salt_and_pepper) kernels_->salt_and_pepper(x, u, n, step.threshold);
        if (step.kind == CorruptionStep::Kind::flip) kernels_->flip(x, u, n, step.threshold);
        done += n;
    }
}

void Corruptor::whole_row(CorruptionStep const& step, float* values, std::int64_t number, std::uint32_t random_step, float* scratch) const {
    auto const draw = [&](std::uint64_t which) {
        return random::draw(seed_, purpose_, step.element, random_step, 2 * static_cast<std::uint64_t>(number) + which);
    };
    if (step.kind == CorruptionStep::Kind::rectangle) {
        OccludedRectangle const& r = step.rectangle;
        Corner const corner = corner_of(r, step.image_height, step.image_width, draw(0), draw(1));
        for (std::int64_t i = 0; i < r.height; ++i)
            std::fill_n(values + (corner.row + i) * step.image_width + corner.column, r.width, static_cast<float>(r.value));
        return;
    }
    std::memcpy(scratch, values, static_cast<std::size_t>(width_) * sizeof(float));
    if (step.kind == CorruptionStep::Kind::rotation) {
        double const degrees = step.fixed ? step.degrees : angle_of(draw(0), step.degrees);
        kernels_->rotate(scratch, step.image_height, step.image_width, turn_of(degrees), values);
    } else {
        for (std::int64_t j = 0; j < width_; ++j) values[j] = scratch[step.permutation[static_cast<std::size_t>(j)]];
    }
}

void Corruptor::apply(float* values, std::int64_t rows, std::int64_t stride, std::int64_t number, std::uint32_t random_step) const {
    if (rows <= 0 || width_ <= 0) return;
    std::vector<float> scratch;
    auto const first_value = static_cast<std::uint64_t>(number) * static_cast<std::uint64_t>(width_);
    for (CorruptionStep const& step : steps_) {
        if (is_whole_row(step.kind)) {
            scratch.resize(static_cast<std::size_t>(width_));
            for (std::int64_t r = 0; r < rows; ++r) whole_row(step, values + r * stride, number + r, random_step, scratch.data());
        } else if (stride == width_) {
            each_value(step, values, rows * width_, first_value, random_step);
        } else {
            for (std::int64_t r = 0; r < rows; ++r)
                each_value(step, values + r * stride, width_, first_value + static_cast<std::uint64_t>(r * width_), random_step);
        }
    }
}

BatchMaker::BatchMaker(Data const& data, std::int64_t width, InstructionSet set)
    : data_(&data), width_(width), kernels_(&batch_kernels_for(set)), corruptor_(data.corruptions, width, data.seed, data.noise, set) {}

void BatchMaker::gather(Samples const& samples, std::int64_t first, std::int64_t rows, float* out, std::int64_t stride) const {
    std::int64_t const width = samples.width();
    if (width == 0) return;
    // Also those behind the last row: they are likely to be next.
    std::int64_t const known = data_->rows.empty() ? samples.count() : std::ssize(data_->rows);
    for (std::int64_t r = 0; r < rows; ++r) {
        std::int64_t const row = data_->row(first + r);
        bool const more = first + r + rows_ahead < known;
        std::int64_t const later = more ? data_->row(first + r + rows_ahead) : 0;
        float* const to = out + r * stride;
        if (samples.are_bytes()) {
            if (more) prefetch(samples.bytes.row(later), width);
            kernels_->from_bytes(samples.bytes.row(row), width, to);
        } else {
            if (more) prefetch(samples.values.row(later), width * static_cast<std::int64_t>(sizeof(float)));
            std::memcpy(to, samples.values.row(row), static_cast<std::size_t>(width) * sizeof(float));
        }
    }
}

void BatchMaker::make(std::int64_t begin, std::int64_t first, std::int64_t rows, std::int64_t number, std::uint32_t random_step, float* out,
                      std::int64_t stride) const {
    if (!corrupts()) return clean(begin, first, rows, out, stride);
    std::int64_t const group = std::max<std::int64_t>(1, values_of_group / std::max<std::int64_t>(1, width_));
    for (std::int64_t r = 0; r < rows; r += group) {
        std::int64_t const n = std::min(group, rows - r);
        gather(data_->inputs, begin + first + r, n, out + r * stride, stride);
        corruptor_.apply(out + r * stride, n, stride, number + r, random_step);
    }
}

void BatchMaker::clean(std::int64_t begin, std::int64_t first, std::int64_t rows, float* out, std::int64_t stride) const {
    gather(data_->inputs, begin + first, rows, out, stride);
}

void BatchMaker::targets(std::int64_t begin, std::int64_t first, std::int64_t rows, float* out, std::int64_t stride) const {
    gather(data_->targets.given ? data_->targets.samples : data_->inputs, begin + first, rows, out, stride);
}

}  // namespace ca3::autoencoder
