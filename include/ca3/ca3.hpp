#pragma once

#include <ca3/context.hpp>
#include <ca3/digits.hpp>
#include <ca3/error.hpp>
#include <ca3/hopfield.hpp>
#include <ca3/io/idx.hpp>
#include <ca3/io/npy.hpp>
#include <ca3/io/safetensors.hpp>
#include <ca3/matrix.hpp>
#include <ca3/outer_product.hpp>
#include <ca3/random.hpp>
#include <ca3/version.hpp>
