#pragma once

#include "lif/neuron.hpp"

namespace ca3::lif {
#include "lif/neuron_step_inl.hpp"
}
