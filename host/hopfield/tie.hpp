#pragma once

#include <ca3/hopfield.hpp>

#include "core/host_device.hpp"

#include <cstdint>

namespace ca3::hopfield {

/// What a neuron becomes whose field is exactly at its threshold.
[[nodiscard]] CA3_HOST_DEVICE inline std::int8_t on_tie(Tie tie, std::int8_t old) {
    switch (tie) {
        case Tie::keep:
            return old;
        case Tie::plus:
            return 1;
        case Tie::minus:
            return -1;
        case Tie::zero:
            return 0;
    }
    return old;
}

}  // namespace ca3::hopfield
