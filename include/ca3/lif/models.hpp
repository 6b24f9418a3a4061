#pragma once

#include <ca3/lif/network.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

/// The networks of the field that are compared on everywhere, with the parameters of their papers and of NEST's and Brian's examples.
namespace ca3::lif {

enum class Model : std::uint8_t {
    potjans_diesmann,  ///< cortical microcircuit, Potjans and Diesmann, Cerebral Cortex 24 (2014) 785; full scale: 77,169 neurons
    cuba,              ///< Brette et al., J. Comput. Neurosci. 23 (2007) 349, benchmark 2, in NEST's variant: 4,000 neurons
    coba,              ///< the same, benchmark 1
    brunel_a,          ///< Brunel, J. Comput. Neurosci. 8 (2000) 183, figure 8 A: synchronous regular, fast; 12,500 neurons
    brunel_b,          ///< B: synchronous irregular, fast
    brunel_c,          ///< C: asynchronous irregular
    brunel_d,          ///< D: synchronous irregular, slow
};

[[nodiscard]] std::string_view to_string(Model) noexcept;  ///< "potjans-diesmann", "cuba", "brunel-a", ...
/// @throws InvalidArgument with the names that there are
[[nodiscard]] Model model_from_name(std::string_view name);
[[nodiscard]] std::vector<Model> all_models();

/// The background input of potjans_diesmann: independent Poisson trains (the original), or their mean as a constant current.
enum class Drive : std::uint8_t { poisson, dc };

struct ModelOptions {
    /// Of the network's size. What stays the same while it shrinks or grows:
    ///   potjans_diesmann  numbers of neurons and in-degrees times scale, weights over sqrt(scale), and a constant current in place of the
    ///                     mean input that is lost (van Albada, Helias, Diesmann, PLoS Comput. Biol. 11 (2015) e1004490): mean and variance
    ///                     of the input, so the rates; correlations grow. With Drive::dc from a scale of about 0.2 on: below it the
    ///                     constant current alone no longer reaches the threshold of most populations, and at 0.1 they fall silent
    ///   cuba, coba        number of neurons times scale: in-degrees and weights, as in larger Vogels-Abbott networks
    ///   brunel            number of neurons and in-degrees times scale, weights over scale: connection probability and J C, so the mean
    ///                     input; the number of synapses goes as scale^2, the variance of the input as 1 / scale
    double scale = 1.0;
    Drive drive = Drive::poisson;
};

/// Populations are "L23E", "L23I", "L4E", ... or "E" and "I"; nothing is recorded yet.
///
/// External spikes arrive without the delay that NEST's generators have: their trains are stationary, or begin 0.1 ms early (cuba, coba).
/// cuba and coba have a delay of 0.1 ms, or of one step where that is longer.
/// @throws InvalidArgument for a scale that is not in (0, 1] (cuba, coba and brunel: above 1 too, as memory allows), or that leaves a
///         population or an in-degree empty; for Drive::dc with another model than potjans_diesmann
[[nodiscard]] Network make_model(Context const&, Model, ModelOptions = {}, NetworkOptions = {});

/// Mean rates (spikes per second) and CVs of inter-spike intervals at full scale, by population; empty: none is known.
struct ModelReference {
    std::vector<double> rate_hz;
    std::vector<double> cv_isi;
    std::string_view source;
    std::int64_t least_spikes = 3;  ///< neurons with fewer are left out of cv_isi
};
[[nodiscard]] ModelReference reference_of(Model, Drive = Drive::poisson);

}  // namespace ca3::lif
