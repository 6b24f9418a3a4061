// Networks as JSON: what is not JSON, or cannot be meant, is refused in one line with its place.
#include <ca3/lif/description.hpp>

#include <ca3/error.hpp>

#include "lif/description_entries.hpp"

#include <gtest/gtest.h>

namespace ca3::lif {
namespace {

using namespace description;

/// A network of two populations with `member` as one more member, or replacing the one of the same name.
std::string with(std::string const& key, std::string const& value) {
    std::string text = R"({"populations": [{"name": "A", "neurons": 3}, {"name": "B", "neurons": 2}])";
    if (key == "populations") return R"({"populations": )" + value + "}";
    return text + ", \"" + key + "\": " + value + "}";
}
std::string projection(std::string const& rule, std::string const& rest = R"("weight": 1)") {
    return with("projections", R"([{"source": "A", "target": "B", "rule": )" + rule + ", " + rest + "}]");
}

/// The message of the InvalidArgument that the reader alone throws.
std::string refusal(std::string const& text) {
    try {
        static_cast<void>(read_description(text, "net"));
    } catch (InvalidArgument const& error) {
        return error.what();
    } catch (std::exception const& error) {
        return std::string("another exception: ") + error.what();
    }
    return "accepted";
}

/// The same for the reader and the network together.
std::string refusal_of_network(std::string const& text) {
    try {
        static_cast<void>(parse_network(Context::reference(), text, "net"));
    } catch (Error const& error) {
        return error.what();
    }
    return "accepted";
}

TEST(Description, RefusalsNameTheDocumentThePathAndTheValue) {
    EXPECT_EQ(refusal(projection(R"({"kind": "fixed-total-number", "count": -3})")),
              "net: $.projections[0].rule.count: must be a whole number that is not negative, is -3");
    EXPECT_EQ(
        refusal(with("populations", R"([{"name": "A", "neurons": 1, "tau": 3}])")),
        "net: $.populations[0].tau: is not known here; known are name, model, neurons, synapse, integration, C_m_pF, tau_m_ms, E_L_mV, "
        "v_threshold_mV, v_reset_mV, refractory_ms, tau_syn_ex_ms, tau_syn_in_ms, I_e_pA, E_ex_mV, E_in_mV, initial_v_mV");
    EXPECT_EQ(refusal(with("populations", R"([{"name": "A"}])")), "net: $.populations[0]: 'neurons' is missing");
    EXPECT_EQ(refusal(with("recorders", R"([{"kind": "spikes", "population": "C"}])")),
              "net: $.recorders[0].population: there is no population 'C'");
}

TEST(Description, EveryFaultIsRefusedWithItsPath) {
    struct Case {
        std::string text, words;
    };
    std::vector<Case> const cases{
        {"[]", "$: must be an object, is a list of 0"},
        {"3", "$: must be an object, is 3"},
        {"{}", "$: 'populations' is missing"},
        {with("sed", "1"), "$.sed: is not known here; known are step_ms, seed, "},
        {with("a key", "1"), "$['a key']: is not known here"},
        {with("\\u001b[31m", "1"), "$['\\u001b[31m']: is not known here"},
        {with(std::string(100, 'k'), "1"), "$['" + std::string(60, 'k') + "...']: is not known here"},
        {with("seed", "-1"), "$.seed: must be a whole number from 0 to 2^64 - 1, is -1"},
        {with("seed", "1.5"), "$.seed: "},
        {with("seed", "18446744073709551616"), "$.seed: "},
        {with("step_ms", R"("0.1")"), R"($.step_ms: must be a number, is "0.1")"},
        {with("step_ms", "null"), "$.step_ms: must be a number, is null"},
        {with("precision", R"("f16")"), R"($.precision: must be one of "f32", "f64", is "f16")"},
        {with("weight_bits", "8"), "$.weight_bits: must be 16, 32, or 0 for the network's choice, is 8"},
        {with("populations", "{}"), "$.populations: must be a list, is an object"},
        {with("populations", "[3]"), "$.populations[0]: must be an object, is 3"},
        {with("populations", R"([{"name": 3, "neurons": 1}])"), "$.populations[0].name: must be a string, is 3"},
        {with("populations", R"([{"name": "", "neurons": 1}])"), "$.populations[0].name: must be a name of 1 to 100 bytes"},
        {with("populations", R"([{"name": "a\nb", "neurons": 1}])"), R"(without control characters, is "a\nb")"},
        {with("populations", R"([{"name": ")" + std::string(101, 'x') + R"(", "neurons": 1}])"), "x..."},
        {with("populations", R"([{"name": "A", "neurons": -1}])"), "that is not negative, is -1"},
        {with("populations", R"([{"name": "A", "neurons": 1}, {"name": "A", "neurons": 1}])"),
         "$.populations[1]: there is another population 'A' before it"},
        {with("populations", R"([{"name": "A", "neurons": 1.5}])"), "$.populations[0].neurons: must be a whole number"},
        {with("populations", R"([{"name": "A", "neurons": 9223372036854775808}])"), "neurons: must be a whole number of at most 2^63 - 1"},
        {with("populations", R"([{"name": "A", "neurons": 1e30}])"), "$.populations[0].neurons: must be a whole number of at most"},
        {with("populations", R"([{"name": "A", "neurons": "1"}])"), R"(must be a whole number that is not negative, is "1")"},
        {with("populations", R"([{"name": "A", "neurons": 1, "model": "izhikevich"}])"), "$.populations[0].model: must be one of \"lif\""},
        {with("populations", R"([{"name": "A", "neurons": 1, "synapse": "beta"}])"), "$.populations[0].synapse: must be one of"},
        {with("populations", R"([{"name": "A", "neurons": 1, "C_m_pF": true}])"), "C_m_pF: must be a number, or a list of numbers"},
        {with("populations", R"([{"name": "A", "neurons": 2, "C_m_pF": [1, "x"]}])"), R"(C_m_pF[1]: must be a number, is "x")"},
        {with("populations", R"([{"name": "A", "neurons": 2, "C_m_pF": 1e999}])"), "$.populations[0].C_m_pF: this number is too large"},
        {with("populations", R"([{"name": "A", "neurons": 2, "C_m_pF": [1, -1e999]}])"), "$.populations[0].C_m_pF[1]: this number is too"},
        {with("populations", R"([{"name": "A", "neurons": 1, "model": "hodgkin-huxley", "g_K_nS": [1]}])"), "g_K_nS: must be a number"},
        {with("populations", R"([{"name": "A", "neurons": 1, "model": "hodgkin-huxley", "tau_m_ms": 1}])"), ".tau_m_ms: is not known here"},
        {with("populations", R"([{"name": "A", "neurons": 1, "model": "poisson-source"}])"), "'rate_hz' is missing"},
        {with("populations", R"([{"name": "A", "model": "spike-source", "times_ms": [1]}])"),
         "times_ms[0]: must be a list of numbers, is 1"},
        {with("populations", R"([{"name": "A", "model": "spike-source", "neurons": 2, "times_ms": []}])"), ".neurons: is not known here"},
        {with("populations", R"([{"name": "A", "neurons": 1, "neurons": 2}])"), "$.populations[0].neurons: occurs twice"},
        {with("populations", R"([{"name": "A", "neurons": 1, "initial_v_mV": {"kind": "normal", "mean": 1}}])"), "'sd' is missing"},
        {with("populations", R"([{"name": "A", "neurons": 1, "initial_v_mV": {"kind": "cauchy"}}])"), "initial_v_mV.kind: must be one of"},
        {with("populations", R"([{"name": "A", "neurons": 1, "initial_v_mV": {"kind": "uniform", "low": 1, "high": 2, "sd": 3}}])"),
         "initial_v_mV.sd: is not known here"},
        {with("populations", R"([{"name": "A", "neurons": 1, "initial_v_mV": "rest"}])"), "a number, a list of numbers, or a distribution"},
        {projection("3"), "$.projections[0].rule: must be an object"},
        {projection("{}"), "$.projections[0].rule: 'kind' is missing"},
        {projection(R"({"kind": "small-world"})"), R"(rule.kind: must be one of "fixed-total-number")"},
        {projection(R"({"kind": "bernoulli", "p": 0.1, "multapses": true})"), "rule.multapses: is not known here"},
        {projection(R"({"kind": "one-to-one", "autapses": true})"), "rule.autapses: is not known here; known are kind"},
        {projection(R"({"kind": "all-to-all", "autapses": 1})"), "rule.autapses: must be true or false, is 1"},
        {projection(R"({"kind": "pairs", "source": [0], "target": [-1]})"), "rule.target[0]: must be a whole number that is not negative"},
        {projection(R"({"kind": "rows", "offset": [0]})"), "$.projections[0].rule: 'target' is missing"},
        {projection(R"({"kind": "all-to-all"})", R"("delay_ms": 1)"), "$.projections[0]: 'weight' is missing"},
        {projection(R"({"kind": "all-to-all"})", R"("weight": [[1, 2, 3]])"), "weight: has 1 rows, the target 2 neurons"},
        {projection(R"({"kind": "all-to-all"})", R"("weight": [[1, 2, 3], [1, 2]])"), "weight[1]: has 2 numbers, the source 3 neurons"},
        {projection(R"({"kind": "one-to-one"})", R"("weight": [[1]])"), "weight[0]: must be a number, is a list of 1"},
        {with("projections", R"([{"source": "A", "target": 2}])"), "$.projections[0].target: must be a string, is 2"},
        {with("stimuli", R"([{"kind": "poisson", "population": "A", "rate_hz": 1}])"), "$.stimuli[0]: 'weight' is missing"},
        {with("stimuli", R"([{"kind": "noise", "population": "A"}])"), "$.stimuli[0].kind: must be one of"},
        {with("stimuli", R"([{"kind": "step-current", "population": "A", "amplitude_pA": 1, "neurons": [0]}])"), "must be an object"},
        {with("stimuli", R"([{"kind": "current-array", "population": "A", "values_pA": 1}])"),
         "values_pA: must be a list of numbers, is 1"},
        {with("recorders", R"([{"kind": "rate", "population": "A"}])"), "$.recorders[0].kind: must be one of \"spikes\""},
        {with("recorders", R"([{"kind": "voltage", "population": "A"}])"), "$.recorders[0]: 'neurons' is missing"},
        {with("recorders", R"([{"kind": "voltage", "population": "A", "neurons": {"first": 2, "count": 2}}])"), "reaches beyond the 3"},
        {with("recorders", R"([{"kind": "voltage", "population": "A", "neurons": {"first": 4}}])"), "reaches beyond the 3 neurons"},
        {with("recorders", R"([{"kind": "spikes", "population": "A", "interval_ms": 1}])"), ".interval_ms: is not known here"},
        {R"({"a": [[[[[[[[1]]]]]]]]})", "$.a[0][0][0][0][0][0][0]: brackets are nested more than 8 deep"},
    };
    for (auto const& c : cases) {
        std::string const message = refusal(c.text);
        EXPECT_EQ(message.rfind("net: $", 0), 0U) << c.text << "\n" << message;
        EXPECT_NE(message.find(c.words), std::string::npos) << c.text << "\nexpected: " << c.words << "\nis: " << message;
    }
}

TEST(Description, WhatIsNotJsonIsAFormatErrorWithItsByte) {
    std::vector<std::pair<std::string, std::uint64_t>> const cases{
        {"", 0}, {"{", 1}, {"{\"populations\": [}", 16}, {"{} x", 3}, {"{\"populations\": NaN}", 16}, {"{'populations': []}", 1}};
    for (auto const& [text, byte] : cases) {
        try {
            static_cast<void>(read_description(text, "net"));
            ADD_FAILURE() << text << " was accepted";
        } catch (FormatError const& error) {
            EXPECT_EQ(error.file, "net");
            EXPECT_LE(error.offset, byte + 1) << text << ": " << error.what();
            EXPECT_GE(error.offset + 1, byte) << text << ": " << error.what();
        }
    }
    EXPECT_THROW(static_cast<void>(read_description("{\"populations\": [{\"name\": \"\xff\"}]}", "net")), FormatError);
}

TEST(Description, ErrorsOfTheParserAreShortAndOfOneLine) {
    auto const message = [](std::string const& text) -> std::string {
        try {
            static_cast<void>(read_description(text, "net"));
        } catch (FormatError const& error) {
            return error.what();
        }
        return "accepted";
    };
    EXPECT_EQ(message(""), "net: at byte 0: line 1, column 1: unexpected end of input; expected '[', '{', or a literal");
    EXPECT_EQ(message("{\"populations\":\n NaN}"), "net: at byte 17: line 2, column 2: invalid literal");
    EXPECT_EQ(message("{} x"), "net: at byte 3: line 1, column 4: invalid literal; expected end of input");
    EXPECT_EQ(message("{\"a\": \"" + std::string(1000, 'a') + "\xff\"}"),
              "net: at byte 1007: line 1, column 1008: invalid string: ill-formed UTF-8 byte");
    EXPECT_EQ(message("{\"a\": \"\x1b; expected \xff"),
              "net: at byte 7: line 1, column 8: invalid string: control character U+001B (ESC) must be escaped to \\u001B");
    EXPECT_EQ(message(std::string(100, '\0')),
              "net: at byte 0: line 1, column 1: unexpected end of input; expected '[', '{', or a literal");
    // A byte order mark in front is skipped.
    EXPECT_EQ(message("\xef\xbb\xbf{\"populations\": []}"), "accepted");
}

TEST(Description, DeepNestingIsRefusedWithoutFollowingIt) {
    std::string const text = std::string(10'000'000, '[');
    EXPECT_NE(refusal(text).find("brackets are nested more than 8 deep"), std::string::npos);
}

TEST(Description, ShortTextsDoNotTakeMuchMemory) {
    std::string const large = R"([{"name": "A", "neurons": 1000000000000000}])";
    std::string const recorder = R"([{"kind": "voltage", "population": "A", "neurons": {}}])";
    EXPECT_NE(refusal(R"({"populations": )" + large + R"(, "recorders": )" + recorder + "}").find("at most 1000000 neurons can be traced"),
              std::string::npos);
    // The network itself refuses what cannot fit.
    EXPECT_NE(refusal_of_network(with("populations", large)), "accepted");
}

TEST(DescribedNetwork, WhatTheNetworkRefusesGetsThePathOfItsElement) {
    struct Case {
        std::string text, place;
    };
    std::vector<Case> const cases{
        {with("step_ms", "0"), "net: $: "},
        {with("step_ms", "-1"), "net: $: "},
        {with("populations", R"([{"name": "B", "neurons": 1}, {"name": "A", "neurons": 1, "tau_m_ms": 0}])"), "net: $.populations[1]: "},
        {with("populations", R"([{"name": "A", "neurons": 2, "tau_m_ms": [1, 2, 3]}])"), "net: $.populations[0]: "},
        {with("populations", R"([{"name": "A", "neurons": 2, "v_threshold_mV": -80}])"), "net: $.populations[0]: "},
        {with("populations", R"([{"name": "A", "model": "spike-source", "times_ms": [[0.05]]}])"), "net: $.populations[0]: "},
        {with("populations", R"([{"name": "A", "neurons": 1, "model": "poisson-source", "rate_hz": -1}])"), "net: $.populations[0]: "},
        {projection(R"({"kind": "fixed-in-degree", "count": 4, "multapses": false})"), "net: $.projections[0]: "},
        {projection(R"({"kind": "one-to-one"})"), "net: $.projections[0]: "},
        {projection(R"({"kind": "bernoulli", "p": 1.5})"), "net: $.projections[0]: "},
        {projection(R"({"kind": "all-to-all"})", R"("weight": [1, 2])"), "net: $.projections[0]: "},
        {projection(R"({"kind": "pairs", "source": [0, 1], "target": [0]})"), "net: $.projections[0]: "},
        {projection(R"({"kind": "pairs", "source": [0], "target": [2]})"), "net: $.projections[0]: "},
        {projection(R"({"kind": "rows", "offset": [0, 1], "target": [0]})"), "net: $.projections[0]: "},
        {projection(R"({"kind": "all-to-all"})", R"("weight": 1, "delay_ms": 0)"), "net: $.projections[0]: "},
        {projection(R"({"kind": "all-to-all"})", R"("weight": 1, "delay_ms": 1e7)"), "net: $.projections[0]: "},
        {projection(R"({"kind": "all-to-all"})", R"("weight": {"kind": "normal", "mean": 1, "sd": -1})"), "net: $.projections[0]"},
        {with("stimuli", R"([{"kind": "poisson", "population": "A", "rate_hz": -1, "weight": 1}])"), "net: $.stimuli[0]: "},
        {with("stimuli", R"([{"kind": "step-current", "population": "A", "amplitude_pA": 1, "neurons": {"count": 4}}])"),
         "net: $.stimuli[0]: "},
        {with("recorders", R"([{"kind": "voltage", "population": "A", "neurons": [3]}])"), "net: $.recorders[0]: "},
        {with("recorders", R"([{"kind": "voltage", "population": "A", "neurons": [0], "interval_ms": 0.05}])"), "net: $.recorders[0]: "},
    };
    for (auto const& c : cases) {
        std::string const message = refusal_of_network(c.text);
        EXPECT_EQ(message.rfind(c.place, 0), 0U) << c.text << "\n" << message;
    }
}

}  // namespace
}  // namespace ca3::lif
