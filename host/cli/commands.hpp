#pragma once

#include "options.hpp"

/// Each command adds itself to its parent and runs, once all options are read, as the callback of its CLI::App.
namespace ca3::cli {

void add_info(CLI::App& app, Options const&);
void add_demo(CLI::App& app, Options const&);

void add_hopfield_store(CLI::App& hopfield, Options const&);
void add_hopfield_recall(CLI::App& hopfield, Options const&);
void add_hopfield_capacity(CLI::App& hopfield, Options const&);     // H1
void add_hopfield_one_step(CLI::App& hopfield, Options const&);     // H2
void add_hopfield_error_curve(CLI::App& hopfield, Options const&);  // H3
void add_hopfield_noise_sweep(CLI::App& hopfield, Options const&);  // H4
void add_hopfield_restore(CLI::App& hopfield, Options const&);      // H6
void add_hopfield_toy(CLI::App& hopfield, Options const&);          // H7
void add_hopfield_letters(CLI::App& hopfield, Options const&);      // H8
void add_hopfield_overlaps(CLI::App& hopfield, Options const&);     // H9

void add_lif_trace(CLI::App& lif, Options const&);           // N1
void add_lif_fi_curve(CLI::App& lif, Options const&);        // N2
void add_lif_psc(CLI::App& lif, Options const&);             // N3
void add_lif_populations(CLI::App& lif, Options const&);     // N4
void add_lif_hodgkin_huxley(CLI::App& lif, Options const&);  // N5
void add_lif_run(CLI::App& lif, Options const&);             // N6

void add_autoencoder_train(CLI::App& autoencoder, Options const&);
void add_autoencoder_apply(CLI::App& autoencoder, Options const&);        // encode, decode, reconstruct, activations, evaluate, gradient
void add_autoencoder_experiments(CLI::App& autoencoder, Options const&);  // run A1 ... M2

}  // namespace ca3::cli
