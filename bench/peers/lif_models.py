"""The networks of the lif_*.py scripts: parameters, scaling, statistics of spikes, output. Times in ms, currents in pA, voltages in mV.

    potjans-diesmann    cortical microcircuit (Potjans & Diesmann 2014): 77,169 neurons, 299 million synapses of normal weight and delay
    cuba                benchmark 2 of Brette et al. 2007 as in NEST: fixed in-degrees, delay 0.1 ms, started by 50 ms of stimulus
    cuba-brian          the same network as in Brian 2: Bernoulli 0.02, other inhibition, starts from random voltages
    brunel-a .. -d      Brunel 2000, figure 8: 12,500 neurons, 15.6 million synapses

A microcircuit at scale s has s of the neurons and s of the inputs of each; weights grow by 1/sqrt(s), and a direct current makes up for
the mean input that is lost, so that rates stay.
"""
import argparse
import json
import math
import os
import sys

import numpy as np

MODELS = ["potjans-diesmann", "cuba", "cuba-brian", "brunel-a", "brunel-b", "brunel-c", "brunel-d"]
STEP = 0.1

PD = {
    "populations": ["L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I"],
    "N": [20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948],
    "probabilities": [  # row: target, column: source
        [0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0, 0.0076, 0.0],
        [0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0, 0.0042, 0.0],
        [0.0077, 0.0059, 0.0497, 0.135, 0.0067, 0.0003, 0.0453, 0.0],
        [0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0, 0.1057, 0.0],
        [0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0],
        [0.0548, 0.0269, 0.0257, 0.0022, 0.06, 0.3158, 0.0086, 0.0],
        [0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252],
        [0.0364, 0.001, 0.0034, 0.0005, 0.0277, 0.008, 0.0658, 0.1443]],
    "neuron": {"E_L": -65.0, "V_th": -50.0, "V_reset": -65.0, "C_m": 250.0, "tau_m": 10.0, "tau_syn_ex": 0.5, "tau_syn_in": 0.5, "t_ref": 2.0},
    "psp": 0.15, "g": -4.0, "weight_sd": 0.1, "delay": (1.5, 0.75), "delay_sd": 0.5,
    "K_ext": [1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100], "ext_rate": 8.0, "ext_delay": 1.5,
    "V0_mean": [-68.28, -63.16, -63.33, -63.45, -63.11, -61.66, -66.72, -61.43],
    "V0_sd": [5.36, 4.57, 4.74, 4.94, 4.94, 4.55, 5.46, 4.48],
    "rates": [0.903, 2.965, 4.414, 5.876, 7.569, 8.633, 1.105, 7.829],  # published, Poisson drive
}
CUBA = {
    "N": (3200, 800), "indegree": (64, 16), "p": 0.02, "weight": (16.2, -139.5), "delay": 0.1, "V0": -49.0,
    "weight_brian": (16.2, -90.0),  # 1.62 and -9 mV times C_m / tau_m
    "stimulus": {"rate": 300.0, "start": 1.0, "stop": 51.0}, "stimulated": 50,
    "neuron": {"E_L": -49.0, "V_th": -50.0, "V_reset": -60.0, "C_m": 200.0, "tau_m": 20.0, "tau_syn_ex": 5.0, "tau_syn_in": 10.0, "t_ref": 5.0},
}
BRUNEL = {
    "N": (10000, 2500), "indegree": (1000, 250), "C_ext": 1000, "J": 0.1, "delay": 1.5,
    "neuron": {"E_L": 0.0, "V_th": 20.0, "V_reset": 10.0, "tau_m": 20.0, "t_ref": 2.0},
    "g_eta": {"a": (3.0, 2.0), "b": (6.0, 4.0), "c": (5.0, 2.0), "d": (4.5, 0.9)},
    "nu_threshold": 10.0,  # Hz per external synapse: V_th / (J C_E tau_m)
}
# Rates in Hz of an independent simulation, 2 s (cuba 10 s, three seeds: 3.99 to 4.06 and 5.44 to 5.78) after 0.5 s; of the microcircuit the published ones.
EXPECTED = {"cuba": 4.01, "cuba-brian": 5.59, "brunel-a": 333.2, "brunel-b": 58.7, "brunel-c": 37.4, "brunel-d": 5.79}


def microcircuit(scale, drive):
    """Sizes and means of the microcircuit at that scale; matrices have a row per target population."""
    n, prob, cell = np.array(PD["N"], float), np.array(PD["probabilities"]), PD["neuron"]
    pairs = np.outer(n, n)
    synapses = np.round(np.log(1 - prob) / np.log((pairs - 1) / pairs))  # 298,880,968 in all
    tau_m, tau_s, c = cell["tau_m"], cell["tau_syn_ex"], cell["C_m"]
    ratio = tau_s / tau_m
    psc = c / (tau_m * tau_s / (tau_s - tau_m) * (ratio ** (tau_m / (tau_m - tau_s)) - ratio ** (tau_s / (tau_m - tau_s))))
    j = PD["psp"] * psc  # 87.81 pA
    weight = np.tile(np.where(np.arange(8) % 2, PD["g"] * j, j), (8, 1))
    weight[0, 2] *= 2  # L4E to L23E
    k_ext, rate = np.array(PD["K_ext"], float), PD["ext_rate"]
    external = 1e-3 * tau_s * rate * k_ext * j
    lost = 1e-3 * tau_s * (synapses / n[:, None] * weight) @ np.array(PD["rates"])
    if drive == "poisson":
        lost = lost + external
    dc = (1 - math.sqrt(scale)) * lost + (external if drive == "dc" else 0)
    return {"N": np.round(n * scale).astype(int), "synapses": np.round(synapses * scale * scale).astype(int),
            "weight": weight / math.sqrt(scale), "J_ext": j / math.sqrt(scale), "K_ext": np.round(k_ext * scale).astype(int), "dc": dc}


def spike_statistics(times, neurons, sizes, ms):
    """Rate in Hz and mean CV of the intervals (of neurons with three spikes or more), per population; neurons counted from 0 through all."""
    order = np.lexsort((times, neurons))
    times, neurons = np.asarray(times)[order], np.asarray(neurons)[order]
    total = int(np.sum(sizes))
    count = np.bincount(neurons, minlength=total)
    interval, same = np.diff(times), neurons[1:] == neurons[:-1]
    owner = neurons[1:][same]
    first = np.bincount(owner, interval[same], minlength=total)
    second = np.bincount(owner, interval[same] ** 2, minlength=total)
    used = count >= 3
    mean = first[used] / (count[used] - 1)
    cv = np.full(total, np.nan)
    cv[used] = np.sqrt(np.maximum(second[used] / (count[used] - 1) - mean**2, 0)) / mean
    ends = np.cumsum(sizes)
    parts = [slice(e - s, e) for e, s in zip(ends, sizes)]
    rates = [float(count[p].mean() * 1e3 / ms) for p in parts]
    return rates, [float(np.nanmean(cv[p])) if used[p].any() else None for p in parts]


def memory_mib(pid="self"):
    """Resident memory of a process, and its peak."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        facts = dict(line.split(":", 1) for line in file)
    return [int(facts[k].split()[0]) // 1024 for k in ("VmRSS", "VmHWM")]


def arguments(doc, threads):
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--scale", type=float, default=1.0, help="of the microcircuit")
    parser.add_argument("--drive", choices=["poisson", "dc"], default="poisson", help="of the microcircuit")
    parser.add_argument("--threads", default=threads)
    parser.add_argument("--ms", type=float, default=1000.0, help="timed biological time")
    parser.add_argument("--presim-ms", type=float, default=500.0, help="simulated before it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--record", action="store_true", help="record all spikes, for the CV; the time is then that of the recorded run")
    parser.add_argument("--json", metavar="FILE", help="write the result there instead of to the standard output")
    return parser


def quiet_stdout():
    """Sends what libraries print to the standard error; returns the true standard output."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return out


def row_of(options, threads, sizes, names, counts, synapses, wall, **more):
    rates = [c * 1e3 / options.ms / n for c, n in zip(counts, sizes)]
    row = {"model": options.model, "threads": threads, "neurons": int(np.sum(sizes)), "synapses": int(synapses), "ms": options.ms,
           "presim_ms": options.presim_ms, "seed": options.seed, "recorded": options.record, "wall_seconds": round(wall, 4),
           "real_time_factor": round(wall * 1e3 / options.ms, 4), "spikes": int(np.sum(counts)),
           "mean_rate": round(float(np.sum(counts)) * 1e3 / options.ms / int(np.sum(sizes)), 4)}
    if options.model == "potjans-diesmann":
        row.update(scale=options.scale, drive=options.drive, expected_rates=PD["rates"])
    else:
        row["expected_rate"] = EXPECTED[options.model]
    if len(counts) == len(names):
        row["rates"] = {p: round(r, 3) for p, r in zip(names, rates)}
    row.update(more)
    return row


def finish(result, options, out):
    for r in result["rows"]:
        size = f" at scale {r['scale']}, {r['drive']}" if "scale" in r else ""
        print(f"{r['model']}{size}: {r['threads']} threads, build {r['build_seconds']} s, {r['ms']} ms in {r['wall_seconds']} s,"
              f" real-time factor {r['real_time_factor']}, {r['spikes']} spikes, {r['mean_rate']} Hz, {r['memory_mib']} MiB", file=sys.stderr)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)
    else:
        print(json.dumps(result, indent=1), file=out)
        out.flush()
