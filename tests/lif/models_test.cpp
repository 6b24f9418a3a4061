// The published networks: their numbers are those of the papers and scripts, and they fire at the rates known.
#include <ca3/lif/models.hpp>

#include <ca3/error.hpp>

#include "lif/model_networks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace ca3::lif {
namespace {

/// num_synapses of the microcircuit in NEST's script, [target][source].
constexpr std::int64_t nest_synapses[8][8] = {{45499805, 22323577, 20253647, 9670918, 3293578, 0, 2271404, 0},
                                              {17443694, 5018763, 4105338, 1690074, 2221213, 0, 353461, 0},
                                              {3503670, 756561, 24482849, 17413576, 714524, 7003, 14624432, 0},
                                              {8114254, 92832, 9933538, 5223272, 87836, 0, 8810905, 0},
                                              {10613575, 1817058, 5507804, 151900, 2040738, 2407889, 1438969, 0},
                                              {1241436, 169424, 607667, 12851, 319602, 430444, 132414, 0},
                                              {4681225, 556108, 6727570, 1320234, 4112225, 305029, 8372649, 10827677},
                                              {2260836, 17207, 220033, 8078, 401638, 25218, 2888426, 1354320}};

Population population(int number) {
    return Population{number};
}

/// Rates of the populations over `ms`, the first 500 ms left out.
std::vector<double> rates_after_settling(Network& network, double ms) {
    network.run(500.0);
    network.reset_spike_counts();
    network.run(ms);
    std::vector<double> rates;
    for (int p = 0; p < network.populations(); ++p) rates.push_back(network.rate_hz(population(p)));
    return rates;
}

TEST(Models, NamesLeadBackToTheirModels) {
    EXPECT_EQ(all_models().size(), 7U);
    for (Model const model : all_models()) EXPECT_EQ(model_from_name(to_string(model)), model);
    try {
        static_cast<void>(model_from_name("izhikevich"));
        FAIL();
    } catch (InvalidArgument const& error) {
        EXPECT_NE(std::string(error.what()).find("'izhikevich'; there are potjans-diesmann, cuba, coba, brunel-a"), std::string::npos)
            << error.what();
    }
}

TEST(Models, ReferencesHaveAValueForEachPopulation) {
    for (Model const model : all_models()) {
        auto const network = make_model(Context::reference(), model);
        auto const reference = reference_of(model);
        auto const fits = [&](std::vector<double> const& values) {
            return values.empty() || static_cast<std::int64_t>(values.size()) == network.populations();
        };
        EXPECT_TRUE(fits(reference.rate_hz)) << to_string(model);
        EXPECT_TRUE(fits(reference.cv_isi)) << to_string(model);
        EXPECT_EQ(reference.rate_hz.empty(), reference.source.empty()) << to_string(model);
    }
    EXPECT_NE(reference_of(Model::potjans_diesmann, Drive::dc).rate_hz, reference_of(Model::potjans_diesmann).rate_hz);
}

TEST(Models, ScalesAndDrivesThatCannotBeMeantAreRefused) {
    auto const make = [](Model model, double scale, Drive drive = Drive::poisson) {
        static_cast<void>(make_model(Context::reference(), model, {.scale = scale, .drive = drive}));
    };
    for (Model const model : all_models()) {
        for (double const scale : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity(), 1e-9})
            EXPECT_THROW(make(model, scale), InvalidArgument) << to_string(model) << " " << scale;
        if (model == Model::potjans_diesmann) continue;
        EXPECT_THROW(make(model, 1.0, Drive::dc), InvalidArgument) << to_string(model);
    }
    EXPECT_THROW(make(Model::potjans_diesmann, 1.5), InvalidArgument);
    EXPECT_THROW(make(Model::brunel_c, 1e9), InvalidArgument);
    EXPECT_THROW(make(Model::cuba, 1e300), InvalidArgument);
    EXPECT_NO_THROW(make(Model::cuba, 2.0));
    EXPECT_NO_THROW(make(Model::brunel_c, 2.0));
}

TEST(Microcircuit, HasTheSynapseNumbersOfNest) {
    auto const numbers = potjans_diesmann_synapses();
    std::int64_t sum = 0;
    for (std::size_t target = 0; target < 8; ++target) {
        for (std::size_t source = 0; source < 8; ++source) {
            auto const rounded = static_cast<std::int64_t>(std::nearbyint(numbers[target][source]));
            EXPECT_EQ(rounded, nest_synapses[target][source]) << target << " <- " << source;
            sum += rounded;
        }
    }
    EXPECT_EQ(sum, 298880968);
}

TEST(Microcircuit, HasTheNeuronsAndProjectionsOfThePaper) {
    auto const network = make_model(Context::reference(), Model::potjans_diesmann);
    EXPECT_EQ(network.neurons(), 77169);
    EXPECT_EQ(network.populations(), 8);
    EXPECT_EQ(network.name(population(2)), "L4E");
    EXPECT_EQ(network.size(population(7)), 2948);
    EXPECT_EQ(network.projections(), 55);  // of 64, nine probabilities are 0
}

TEST(Microcircuit, ShrinksNumbersAndInDegreesAndWeightsByTheRule) {
    double const s = 0.05;
    auto network = make_model(Context::cpu({.threads = 2}), Model::potjans_diesmann, {.scale = s});
    network.build();
    EXPECT_EQ(network.size(population(0)), 1034);  // 20683 / 20
    std::int64_t expected = 0;
    for (auto const& row : potjans_diesmann_synapses())
        for (double const number : row) expected += static_cast<std::int64_t>(std::nearbyint(number * s * s));
    EXPECT_EQ(network.times().synapses, expected);

    struct Case {
        int projection;
        double mean_pA, delay_ms;
    };
    // Of L23E: from L23E, L23I and, doubled, from L4E.
    for (auto const& [projection, mean_pA, delay_ms] :
         {Case{0, 87.80849352920843, 1.5}, Case{1, -351.23397411683374, 0.75}, Case{2, 175.61698705841687, 1.5}}) {
        auto const synapses = network.connections(Projection{projection});
        auto const n = static_cast<double>(synapses.size());
        double sum = 0.0, squares = 0.0, delays = 0.0;
        for (auto const& c : synapses) {
            sum += c.weight, squares += c.weight * c.weight, delays += c.delay_steps;
            EXPECT_GE(c.delay_steps, 1);
            EXPECT_GT(c.weight * mean_pA, 0.0);
        }
        double const mean = mean_pA / std::sqrt(s), sd = 0.1 * std::abs(mean);
        EXPECT_NEAR(sum / n, mean, 5.0 * sd / std::sqrt(n)) << projection;  // five standard errors
        EXPECT_NEAR(std::sqrt(squares / n - sum * sum / n / n), sd, 5.0 * sd / std::sqrt(2.0 * n)) << projection;
        // Normal with a standard deviation of half its mean, drawn again below 0.05 ms, rounded to 0.1 ms: means of 1.5475 and 0.7772 ms.
        double const delay = delay_ms == 1.5 ? 15.475 : 7.772;
        EXPECT_NEAR(delays / n, delay, 5.0 * 0.5 * delay / std::sqrt(n) + 5e-4) << projection;
    }
}

TEST(Microcircuit, ConstantCurrentsAreThoseOfNestsScript) {
    struct Case {
        double scale;
        Drive drive;
        std::array<double, 8> expected_pA;
    };
    // From the script's table of synapses, which are whole numbers: rounding one changes a current by less than
    // 0.5 synapses / 1065 neurons x 351 pA x 8.6 / s x 0.5 ms = 0.0007 pA.
    for (auto const& [scale, drive, expected_pA] :
         {Case{1.0, Drive::dc, {561.9744, 526.851, 737.5913, 667.3446, 702.4679, 667.3446, 1018.5785, 737.5913}},
          Case{1.0, Drive::poisson, {}},
          Case{0.25, Drive::dc, {302.2187, 345.5955, 451.4034, 417.7575, 442.9446, 444.5899, 541.3518, 481.1939}},
          Case{0.25, Drive::poisson, {21.2315, 82.17, 82.6077, 84.0852, 91.7106, 110.9177, 32.0625, 112.3983}}}) {
        auto const currents = potjans_diesmann_currents_pA({.scale = scale, .drive = drive});
        for (std::size_t p = 0; p < 8; ++p) EXPECT_NEAR(currents[p], expected_pA[p], 0.001) << scale << " " << p;
    }
}

TEST(Microcircuit, ConstantDriveAloneExcitesFewPopulationsOfATenth) {
    // 15 mV to the threshold are 15 x 250 / 10 = 375 pA. Without noise, what is below stays silent.
    auto const above = [](double scale) {
        auto const currents = potjans_diesmann_currents_pA({.scale = scale, .drive = Drive::dc});
        return std::ranges::count_if(currents, [](double pA) { return pA > 375.0; });
    };
    EXPECT_EQ(above(0.1), 1);
    EXPECT_EQ(above(0.2), 6);
    EXPECT_EQ(above(1.0), 8);
}

TEST(Microcircuit, FiresNearItsReferenceRatesWhenScaledDown) {
    for (Drive const drive : {Drive::poisson, Drive::dc}) {
        auto network = make_model(Context::cpu({.threads = 2}), Model::potjans_diesmann, {.scale = 0.2, .drive = drive});
        auto const rates = rates_after_settling(network, 1000.0);
        auto const reference = reference_of(Model::potjans_diesmann, drive).rate_hz;
        // The rule keeps mean and variance of the input. What single, now larger weights and correlations change is most for the
        // population that fires least, L23E: 0.47, 0.61, 0.73 and 0.90 per second were measured at scales of 0.1, 0.2, 0.5 and 1.
        for (std::size_t p = 0; p < rates.size(); ++p)
            EXPECT_NEAR(rates[p], reference[p], (p == 0 ? 0.45 : 0.3) * reference[p]) << network.name(population(static_cast<int>(p)));
    }
}

TEST(Cuba, FiresAtItsReferenceRate) {
    auto network = make_model(Context::cpu({.threads = 2}), Model::cuba);
    EXPECT_EQ(network.neurons(), 4000);
    auto const rates = rates_after_settling(network, 5000.0);
    EXPECT_EQ(network.times().synapses, 4000 * 80);
    // 4.06, 3.99 and 3.99 were found for three seeds; a finite network's rate varies with its connections.
    EXPECT_NEAR(rates[0], 4.01, 0.3);
    EXPECT_NEAR(rates[1], 4.01, 0.4);
}

TEST(Cuba, KeepsInDegreesAndRateWhenItGrows) {
    auto network = make_model(Context::cpu({.threads = 2}), Model::cuba, {.scale = 2.0});
    auto const rates = rates_after_settling(network, 2000.0);
    EXPECT_EQ(network.times().synapses, 8000 * 80);
    EXPECT_GT(rates[0], 2.0);
    EXPECT_LT(rates[0], 8.0);
}

TEST(Coba, GoesOnFiringAfterItsStimulus) {
    auto network = make_model(Context::cpu({.threads = 2}), Model::coba);
    auto const rates = rates_after_settling(network, 500.0);
    EXPECT_GT(rates[0], 5.0);
    EXPECT_LT(rates[0], 50.0);
    EXPECT_NEAR(rates[0], rates[1], 0.1 * rates[0]);  // the same parameters and the same input
}

TEST(Brunel, FiresAtItsReferenceRates) {
    for (Model const model : {Model::brunel_b, Model::brunel_c, Model::brunel_d}) {
        auto network = make_model(Context::cpu({.threads = 2}), model);
        EXPECT_EQ(network.neurons(), 12500);
        auto const rates = rates_after_settling(network, 500.0);
        EXPECT_EQ(network.times().synapses, 12500 * 1250);
        double const reference = reference_of(model).rate_hz[0];
        // Populations oscillate at a few to 180 Hz: half a second holds a whole number of periods to within one of ten.
        EXPECT_NEAR(rates[0], reference, 0.1 * reference) << to_string(model);
        EXPECT_NEAR(rates[1], reference, 0.1 * reference) << to_string(model);
    }
}

TEST(Brunel, KeepsWeightTimesInDegreeWhenItShrinks) {
    auto network = make_model(Context::reference(), Model::brunel_b, {.scale = 0.1});
    network.build();
    EXPECT_EQ(network.times().synapses, 1250 * 125);
    auto const excitatory = network.connections(Projection{0}), inhibitory = network.connections(Projection{1});
    ASSERT_EQ(excitatory.size(), 1000U * 100U);
    ASSERT_EQ(inhibitory.size(), 1000U * 25U);
    EXPECT_NEAR(excitatory[0].weight * 100.0, 0.1 * 1000.0, 1e-3);
    EXPECT_NEAR(inhibitory[0].weight, -6.0 * excitatory[0].weight, 1e-3);
    EXPECT_EQ(excitatory[0].delay_steps, 15);
}

}  // namespace
}  // namespace ca3::lif
