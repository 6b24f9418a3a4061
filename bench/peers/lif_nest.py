#!/usr/bin/env python3
"""Leaky integrate-and-fire networks in NEST: seconds to build and to simulate, rates, memory.

    lif_nest.py MODEL [--scale S] [--drive poisson|dc] [--threads N] [--ms T] [--presim-ms T] [--seed N] [--record] [--json FILE]

MODEL is one of lif_models.py, which tells what they are. Needs NEST 3.6 or later (pip install nest-simulator, or built with -O3 and
-march=native, which is faster). The time is that of nest.Run over --ms: kernels are prepared and connections exchanged before it, nothing
is recorded. NEST counts all spikes without recording; rates by population and the CV of the intervals need --record, a run of its own.
Synapses of one weight are static_synapse_hom_w. The microcircuit at scale 1 takes about 14 GB.
"""
import os
import sys
import time

import lif_models as lif

out = lif.quiet_stdout()
try:
    import nest
except ImportError as error:
    sys.exit(f"lif_nest.py: NEST is not installed ({error}); nothing was measured")
import numpy as np


def set_up(options):
    nest.ResetKernel()
    if hasattr(nest, "VerbosityLevel"):
        nest.verbosity = nest.VerbosityLevel.ERROR
    else:
        nest.set_verbosity("M_ERROR")
    nest.SetKernelStatus({"resolution": lif.STEP, "local_num_threads": int(options.threads), "rng_seed": options.seed,
                          "keep_source_table": False, "rng_type": options.rng})


def same_weight(name, weight, delay):
    nest.CopyModel("static_synapse_hom_w", name, {"weight": weight, "delay": delay})
    return {"synapse_model": name}


def potjans_diesmann(options):
    model, pd = lif.microcircuit(options.scale, options.drive), lif.PD
    cells = []
    for i, n in enumerate(model["N"]):
        cell = nest.Create("iaf_psc_exp", int(n), {**pd["neuron"], "I_e": float(model["dc"][i])})
        cell.V_m = nest.random.normal(pd["V0_mean"][i], pd["V0_sd"][i])
        cells.append(cell)
    infinite = float("inf")
    for source, name in enumerate(pd["populations"]):
        nest.CopyModel("static_synapse", name)  # a model per source: a thread holds 2^27 synapses of each
        for target in range(8):
            number = int(model["synapses"][target, source])
            if number == 0:
                continue
            weight, delay = model["weight"][target, source], pd["delay"][source % 2]
            low, high = (0.0, infinite) if weight > 0 else (-infinite, 0.0)
            nest.Connect(cells[source], cells[target], {"rule": "fixed_total_number", "N": number}, {
                "synapse_model": name,
                "weight": nest.math.redraw(nest.random.normal(weight, pd["weight_sd"] * abs(weight)), low, high),
                "delay": nest.math.redraw(nest.random.normal(delay, pd["delay_sd"] * delay), lif.STEP / 2, infinite)})
    if options.drive == "poisson":
        synapse = same_weight("external", model["J_ext"], pd["ext_delay"])
        for cell, k in zip(cells, model["K_ext"]):
            nest.Connect(nest.Create("poisson_generator", params={"rate": pd["ext_rate"] * int(k)}), cell, "all_to_all", synapse)
    return cells, pd["populations"], model["synapses"].sum()


def connect_two(cells, rules, synapses):
    for source, rule, synapse in zip(cells, rules, synapses):
        for target in cells:
            nest.Connect(source, target, rule, synapse)
    return nest.num_connections


def cuba(options):
    cuba = lif.CUBA
    cells = [nest.Create("iaf_psc_exp", n, {**cuba["neuron"], "V_m": cuba["V0"]}) for n in cuba["N"]]
    if options.model == "cuba":
        weights, rules = cuba["weight"], [{"rule": "fixed_indegree", "indegree": k} for k in cuba["indegree"]]
    else:
        weights, rules = cuba["weight_brian"], [{"rule": "pairwise_bernoulli", "p": cuba["p"]}] * 2
        for cell in cells:
            cell.V_m = nest.random.uniform(cuba["neuron"]["V_reset"], cuba["neuron"]["V_th"])
    synapses = [same_weight(name, w, cuba["delay"]) for name, w in zip(["excitatory", "inhibitory"], weights)]
    count = connect_two(cells, rules, synapses)
    if options.model == "cuba":
        nest.Connect(nest.Create("poisson_generator", params=cuba["stimulus"]), cells[0][: cuba["stimulated"]], "all_to_all", synapses[0])
    return cells, ["E", "I"], count


def brunel(options):
    network = lif.BRUNEL
    g, eta = network["g_eta"][options.model[-1]]
    j, threshold = network["J"], network["neuron"]["V_th"]
    cells = [nest.Create("iaf_psc_delta", n, network["neuron"]) for n in network["N"]]
    for cell in cells:
        cell.V_m = nest.random.uniform(0.0, threshold)
    synapses = [same_weight(name, w, network["delay"]) for name, w in zip(["excitatory", "inhibitory"], [j, -g * j])]
    count = connect_two(cells, [{"rule": "fixed_indegree", "indegree": k} for k in network["indegree"]], synapses)
    drive = nest.Create("poisson_generator", params={"rate": eta * network["nu_threshold"] * network["C_ext"]})
    for cell in cells:
        nest.Connect(drive, cell, "all_to_all", synapses[0])
    return cells, ["E", "I"], count


def measure(options):
    start = time.perf_counter()
    set_up(options)
    build = potjans_diesmann if options.model == "potjans-diesmann" else brunel if options.model.startswith("brunel") else cuba
    cells, names, synapses = build(options)
    recorders = []
    if options.record:
        for cell in cells:
            recorders.append(nest.Create("spike_recorder", params={"start": options.presim_ms}))
            nest.Connect(cell, recorders[-1])
    nest.Prepare()
    built = time.perf_counter() - start
    if options.presim_ms > 0:
        nest.Run(options.presim_ms)
    load = os.getloadavg()[0]
    start, cpu = time.perf_counter(), time.process_time()
    nest.Run(options.ms)
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    spikes = nest.local_spike_counter  # of this Run alone
    nest.Cleanup()

    sizes = [len(c) for c in cells]
    counts, more = [spikes], {}
    if options.record:
        firsts = np.cumsum([0, *sizes[:-1]])
        events = [r.events for r in recorders]
        counts = [len(e["times"]) for e in events]
        neurons = np.concatenate([np.asarray(e["senders"], int) - cell[0].global_id + f for e, cell, f in zip(events, cells, firsts)])
        _rates, cv = lif.spike_statistics(np.concatenate([e["times"] for e in events]), neurons, sizes, options.ms)
        more["cv_isi"] = {p: c and round(c, 3) for p, c in zip(names, cv)}
    rss, peak = lif.memory_mib()
    return lif.row_of(options, int(options.threads), sizes, names, counts, synapses, wall, build_seconds=round(built, 3),
                      cpu_seconds=round(cpu, 3), memory_mib=rss, peak_memory_mib=peak, load_average=round(load, 2), **more)


def main():
    parser = lif.arguments(__doc__, len(os.sched_getaffinity(0)))
    parser.add_argument("--rng", default="mt19937_64", help="rng_type of NEST")
    options = parser.parse_args()
    row = measure(options)
    version = getattr(nest, "__version__", None) or nest.version()
    built = nest.GetKernelStatus().get("build_info", {}).get("built", "?")
    print(f"NEST {version}, built {built}", file=sys.stderr)
    lif.finish({"nest": version, "built": built, "rows": [row]}, options, out)


if __name__ == "__main__":
    main()
