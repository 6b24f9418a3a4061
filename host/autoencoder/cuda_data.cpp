#include "autoencoder/cuda_data.hpp"

#include "autoencoder/cuda_memory.hpp"
#include "core/check.hpp"
#include "core/cuda.hpp"

#include <algorithm>
#include <atomic>

namespace ca3::autoencoder::cuda {
namespace {

/// Into memory that is there already where it is as large.
template <class T>
void upload(Context const& context, Buffer<T>& to, std::vector<T> const& from) {
    if (to.size() == static_cast<std::int64_t>(from.size()) && !from.empty())
        to.copy_from_host(from.data());
    else
        to = uploaded(context, from);
}

std::uint64_t next_number() {
    static std::atomic<std::uint64_t> last = 0;
    return ++last;
}

void const* memory_of(Samples const& samples) {
    return samples.are_bytes() ? static_cast<void const*>(samples.bytes.data) : samples.values.data;
}
std::int64_t stride_of(Samples const& samples) {
    return samples.are_bytes() ? samples.bytes.stride : samples.values.stride;
}

DeviceCorruption device_corruption(CorruptionStep const& step) {
    return {.kind = step.kind,
            .element = step.element,
            .sigma = step.sigma,
            .threshold = step.threshold,
            .rectangle = step.rectangle,
            .image_width = step.image_width,
            .image_height = step.image_height,
            .degrees = step.degrees,
            .fixed = step.fixed,
            .permutation = nullptr};
}

}  // namespace

DeviceData::DeviceData(Context const& context, Data const& data, std::int64_t width)
    : context_(context), key_(key_of(data)), id_(data.id), number_(next_number()), width_(width), purpose_(data.noise) {
    if (data.inputs.are_bytes())
        bytes_ = uploaded(context_, data.inputs.bytes);
    else
        values_ = uploaded(context_, data.inputs.values);
    if (data.targets.given && !data.targets.classes.empty()) {
        classes_ = uploaded(context_, data.targets.classes.data(), static_cast<std::int64_t>(data.targets.classes.size()));
    } else if (data.targets.given) {
        target_width_ = data.targets.samples.width();
        if (data.targets.samples.are_bytes())
            target_bytes_ = uploaded(context_, data.targets.samples.bytes);
        else
            target_values_ = uploaded(context_, data.targets.samples.values);
    }
    add_corruptions(data);
}

void DeviceData::add_corruptions(Data const& data) {
    using Kind = CorruptionStep::Kind;
    std::vector<CorruptionStep> const steps = corruption_steps(data.corruptions, width_);
    std::vector<DeviceCorruption> list;
    std::vector<std::int64_t> permutations;
    for (auto const& step : steps) permutations.insert(permutations.end(), step.permutation.begin(), step.permutation.end());
    permutations_ = uploaded(context_, permutations);
    segments_.emplace_back();
    std::int64_t permuted = 0;
    for (auto const& step : steps) {
        DeviceCorruption c = device_corruption(step);
        if (step.kind == Kind::rotation || step.kind == Kind::permutation) {
            if (step.kind == Kind::permutation) c.permutation = permutations_.data() + permuted;
            permuted += static_cast<std::int64_t>(step.permutation.size());
            segments_.push_back({.move = c, .moves = true, .first = static_cast<std::int64_t>(list.size())});
        } else {
            list.push_back(c);
            ++segments_.back().count;
        }
    }
    list_ = uploaded(context_, list);
}

DeviceData::Key DeviceData::key_of(Data const& data) {
    return {.inputs = memory_of(data.inputs),
            .targets = memory_of(data.targets.samples),
            .classes = data.targets.classes.data(),
            .count = data.inputs.count(),
            .input_stride = stride_of(data.inputs),
            .target_stride = stride_of(data.targets.samples),
            .class_count = data.targets.classes.size(),
            .corruptions = data.corruptions};
}

bool DeviceData::is_of(Data const& data) const {
    return key_ == key_of(data);
}

void DeviceData::set_members(std::span<std::span<std::int64_t const> const> orders, std::vector<std::uint64_t> const& seeds) {
    std::size_t const length = orders.front().size();
    std::vector<std::int64_t> all;
    for (auto const& order : orders) {
        require(order.size() == length, "autoencoder: CUDA",
                [] { return std::string("models that train together take orders of one length"); });
        all.insert(all.end(), order.begin(), order.end());
    }
    upload(context_, seeds_, seeds);
    upload(context_, order_, all);
    order_stride_ = static_cast<std::int64_t>(length);
}

void DeviceData::make_batch(int models, std::int64_t batch, StepView const& step, Matrix<float> out, Matrix<float> scratch,
                            Matrix<float> target_out, Matrix<std::uint16_t> rounded) const {
    auto const count = segments_.size();
    Matrix<float const> former;
    for (std::size_t i = 0; i < count; ++i) {
        Segment const& s = segments_[i];
        Matrix<float> const to = (count - 1 - i) % 2 == 0 ? out : scratch;
        BatchJob job{.step = step,
                     .inputs = inputs(),
                     .order = order(),
                     .former = former,
                     .move = s.move,
                     .moves = s.moves,
                     .list = list_.data() + s.first,
                     .count = s.count,
                     .seeds = seeds_.data(),
                     .purpose = static_cast<std::uint32_t>(purpose_),
                     .out = to,
                     .rounded = i + 1 == count ? rounded : Matrix<std::uint16_t>()};
        if (i == 0 && target_out) {
            job.targets = has_targets() ? targets() : job.inputs;
            job.target_out = target_out;
        }
        launch_batch(context_, context_.stream(), models, batch, job);
        former = to;
    }
}

}  // namespace ca3::autoencoder::cuda
