#pragma once

#include <ca3/lif/connect.hpp>
#include <ca3/lif/description.hpp>
#include <ca3/lif/models.hpp>
#include <ca3/lif/network.hpp>
#include <ca3/lif/neuron.hpp>
#include <ca3/lif/operations.hpp>
