#pragma once

#include <ca3/autoencoder/baselines.hpp>
#include <ca3/autoencoder/data.hpp>
#include <ca3/autoencoder/description.hpp>
#include <ca3/autoencoder/layers.hpp>
#include <ca3/autoencoder/model.hpp>
#include <ca3/autoencoder/operations.hpp>
#include <ca3/autoencoder/training.hpp>
