#pragma once

#include "autoencoder_study.hpp"

/// The experiments with autoencoders and small networks, each as a function of what the command line changes of its protocol.
namespace ca3::cli {

nlohmann::json run_sigmoid_widths(Environment const&, ProtocolChoice const&);      // A1
nlohmann::json run_salt_and_pepper(Environment const&, ProtocolChoice const&);     // A2
nlohmann::json run_preconditioning(Environment const&, ProtocolChoice const&);     // A3
nlohmann::json run_against_pca(Environment const&, ProtocolChoice const&);         // A4
nlohmann::json run_relu_widths(Environment const&, ProtocolChoice const&);         // A5
nlohmann::json run_sparse(Environment const&, ProtocolChoice const&);              // A6
nlohmann::json run_denoising(Environment const&, ProtocolChoice const&);           // A7
nlohmann::json run_manifold(Environment const&, ProtocolChoice const&);            // A8
nlohmann::json run_losses(Environment const&, ProtocolChoice const&);              // A10
nlohmann::json run_bottleneck(Environment const&, ProtocolChoice const&);          // A11
nlohmann::json run_deep_latent(Environment const&, ProtocolChoice const&);         // A12
nlohmann::json run_left_out(Environment const&, ProtocolChoice const&);            // A14
nlohmann::json run_tied_strings(Environment const&, ProtocolChoice const&);        // A15
nlohmann::json run_linear_codes(Environment const&, ProtocolChoice const&);        // A16
nlohmann::json run_mirror_symmetry(Environment const&, ProtocolChoice const&);     // M1
nlohmann::json run_classification_toy(Environment const&, ProtocolChoice const&);  // M2

}  // namespace ca3::cli
