#pragma once

#include <ca3/context.hpp>
#include <ca3/matrix.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

/// The baselines on the GPU: one synchronous sweep of a batch as sign(S W) through cuBLASLt.
namespace ca3::bench {

enum class Precision {
    f32,
    tf32,  ///< f32 in memory
    bf16,  ///< fields in f32
    int8,  ///< fields in int32
};

[[nodiscard]] std::string to_string(Precision);

/// States and weights are on the device, in the type of the product, before anything is timed. Of the algorithms that cuBLASLt proposes
/// the one is used that was the fastest here.
class CublasSign {
public:
    /// @param weights host, d x d, symmetric; |w| <= 127 for int8, 256 for bf16, 2048 for tf32  @param states host, B x d; d and B
    /// multiples of 16
    /// @throws DeviceError; std::runtime_error when cuBLASLt has no algorithm
    CublasSign(Context const& cuda, Precision, std::vector<std::int32_t> const& weights, MatrixView<std::int8_t const> states);
    ~CublasSign();

    void multiply();                                        ///< the fields S W alone; asynchronous
    void sweep();                                           ///< multiply(), then sign with ties kept; asynchronous
    [[nodiscard]] std::vector<std::int8_t> states() const;  ///< after sweep(), B x d; synchronises

private:
    struct Plan;
    std::unique_ptr<Plan> plan_;
};

/// Seconds of the device that one run takes, of so many back to back, by events on the context's stream; one run before warms up.
[[nodiscard]] double device_seconds(Context const& cuda, int runs, std::function<void()> const& work);

}  // namespace ca3::bench
