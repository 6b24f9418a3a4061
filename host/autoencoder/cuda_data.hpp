#pragma once

#include "autoencoder/engine.hpp"
#include "kernels/autoencoder/views.hpp"

#include <ca3/matrix.hpp>

#include <optional>
#include <vector>

namespace ca3::autoencoder::cuda {

/// A data set on the device, with the orders in which the models take it and the corruptions made ready.
class DeviceData {
public:
    /// Samples, targets and corruptions of `data`.
    DeviceData(Context const&, Data const& data, std::int64_t width);

    /// One order and one seed for each model; all orders are of one length, or all are empty. They take the place of former ones that were
    /// as many. @throws InvalidArgument
    void set_members(std::span<std::span<std::int64_t const> const> orders, std::vector<std::uint64_t> const& seeds);

    /// Whether `data` looks the same: the same memory and shapes. Its contents are not compared.
    [[nodiscard]] bool is_of(Data const& data) const;
    /// Whether it is the same: of one id.
    [[nodiscard]] bool has_id_of(Data const& data) const { return id_ != 0 && id_ == data.id; }

    /// One that no other DeviceData of this process has. Not 0.
    [[nodiscard]] std::uint64_t number() const { return number_; }
    [[nodiscard]] bool corrupts() const { return segments_.size() > 1 || segments_.front().count > 0; }
    [[nodiscard]] bool by_class() const { return classes_.size() > 0; }
    [[nodiscard]] bool has_targets() const { return target_bytes_.size() > 0 || target_values_.size() > 0; }
    [[nodiscard]] SampleView inputs() const { return {bytes_.data(), values_.data(), width_}; }
    [[nodiscard]] SampleView targets() const { return {target_bytes_.data(), target_values_.data(), target_width_}; }
    [[nodiscard]] std::int64_t const* classes() const { return classes_.data(); }
    [[nodiscard]] Span<std::int64_t const> order() const { return {order_.data(), order_stride_}; }
    [[nodiscard]] std::uint64_t const* seeds() const { return seeds_.data(); }

    /// Launches what makes a batch. target_out: none where the targets are not needed. `scratch` as large as `out`.
    void make_batch(int models, std::int64_t batch, StepView const& step, Matrix<float> out, Matrix<float> scratch,
                    Matrix<float> target_out, Matrix<std::uint16_t> rounded = {}) const;

private:
    /// Corruptions that one launch makes: a rotation or permutation of what was there before, then those of one value each.
    struct Segment {
        DeviceCorruption move{};
        bool moves = false;
        std::int64_t first = 0;
        int count = 0;
    };
    void add_corruptions(Data const& data);

    struct Key {
        void const* inputs;
        void const* targets;
        void const* classes;
        std::int64_t count, input_stride, target_stride;
        std::size_t class_count;
        std::vector<Corruption> corruptions;
        bool operator==(Key const&) const = default;
    };
    static Key key_of(Data const& data);

    Context context_;
    Key key_;
    std::uint64_t id_, number_;
    std::int64_t width_;
    std::int64_t target_width_ = 0;
    random::Purpose purpose_;
    Buffer<std::uint8_t> bytes_, target_bytes_;
    Buffer<float> values_, target_values_;
    Buffer<std::int64_t> classes_, order_, permutations_;
    std::int64_t order_stride_ = 0;
    Buffer<std::uint64_t> seeds_;
    Buffer<DeviceCorruption> list_;
    std::vector<Segment> segments_;
};

}  // namespace ca3::autoencoder::cuda
