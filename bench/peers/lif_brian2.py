#!/usr/bin/env python3
"""Leaky integrate-and-fire networks in Brian 2, C++ standalone: seconds to build and to simulate, rates, memory.

    lif_brian2.py MODEL [--scale S] [--drive poisson|dc] [--threads 1,2] [--ms T] [--presim-ms T] [--seed N] [--record] [--float32] [--json FILE]

MODEL is one of lif_models.py, which tells what they are. Needs Brian 2.5 or later and a C++ compiler (pip install brian2 "numpy<2.4"). A row per number
of threads (OpenMP; 1 is without), the fastest named: Brian delivers spikes on one thread. The time is Brian's own of the run over --ms: wall
time with OpenMP, processor time without. build_seconds is connecting in NumPy, generating and compiling; the program's own set-up is in
process_seconds. Spikes are counted in the reset statement; the CV of the intervals needs --record. Integration is exact, synapses lie sorted
by source, those of one weight and delay store neither. The noise is a PoissonInput (--noise binomial) or poisson() in the step.
"""
import os
import pathlib
import sys
import tempfile
import time

import lif_models as lif

out = lif.quiet_stdout()
try:
    import brian2 as b2
except ImportError as error:
    sys.exit(f"lif_brian2.py: Brian 2 is not installed ({error}); nothing was measured")
import numpy as np

ms, Hz = b2.ms, b2.Hz

# Runs the program and tells the peak of its memory in KiB.
RUN = ("import resource, subprocess, sys; code = subprocess.call(['./main', *sys.argv[1:]]);"
       "open('peak', 'w').write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)); sys.exit(code)")


def neurons(cell, n, equations, **constants):
    namespace = {"E_L": cell["E_L"], "V_th": cell["V_th"], "V_reset": cell["V_reset"], "tau_m": cell["tau_m"] * ms, **constants}
    return b2.NeuronGroup(n, equations + "\nfired : integer", threshold="v > V_th", reset="v = V_reset; fired += 1",
                          refractory=cell["t_ref"] * ms, method="exact", namespace=namespace)


def fixed_indegree(rng, first, n_source, n_target, k):
    """Sources and targets of the synapses, sorted by source."""
    source = rng.integers(first, first + n_source, n_target * k, dtype=np.int32)
    order = np.argsort(source, kind="stable")
    return source[order], (order // k).astype(np.int32)


def microcircuit_synapses(model, first, rng):
    """i, j, weight and delay of all synapses, sorted by source within each pair of populations."""
    pd, parts = lif.PD, {"i": [], "j": [], "weight": [], "delay": []}
    for source in range(8):
        for target in range(8):
            k = int(model["synapses"][target, source])
            if k == 0:
                continue
            made = np.bincount(rng.integers(0, model["N"][source], k), minlength=model["N"][source])
            delay, redraw = np.empty(k, np.float32), np.arange(k)
            while len(redraw):
                delay[redraw] = pd["delay"][source % 2] * (1 + pd["delay_sd"] * rng.standard_normal(len(redraw), dtype=np.float32))
                redraw = redraw[delay[redraw] < lif.STEP / 2]
            spread = 1 + np.float32(pd["weight_sd"]) * rng.standard_normal(k, dtype=np.float32)  # ten deviations from the other sign
            parts["i"].append(np.repeat(np.arange(first[source], first[source + 1], dtype=np.int32), made))
            parts["j"].append(rng.integers(first[target], first[target + 1], k, dtype=np.int32))
            parts["weight"].append(np.float32(model["weight"][target, source]) * spread)
            parts["delay"].append(delay)
    return {name: np.concatenate(parts.pop(name)) for name in list(parts)}


# A network is its objects, the first of them the neurons; sizes and names of populations; the input that only starts it, if there is one.
def potjans_diesmann(options, rng):
    model, pd, cell = lif.microcircuit(options.scale, options.drive), lif.PD, lif.PD["neuron"]
    sizes = model["N"]
    first = np.concatenate([[0], np.cumsum(sizes)])
    group = neurons(cell, int(sizes.sum()), """
        dv/dt = (E_L - v + (current + dc)*resistance)/tau_m : 1 (unless refractory)
        dcurrent/dt = -current/tau_s : 1
        dc : 1 (constant)
        mean : 1 (constant)""", resistance=cell["tau_m"] / cell["C_m"], tau_s=cell["tau_syn_ex"] * ms)
    group.dc = np.repeat(model["dc"], sizes)
    group.v = rng.normal(np.repeat(pd["V0_mean"], sizes), np.repeat(pd["V0_sd"], sizes))
    made = microcircuit_synapses(model, first, rng)
    synapses = b2.Synapses(group, group, "weight : 1", on_pre="current_post += weight")
    synapses.connect(i=made["i"], j=made["j"])
    synapses.weight = made["weight"]
    synapses.delay = made["delay"] * ms
    objects = [group, synapses]
    if options.drive == "poisson" and options.noise == "poisson":
        group.mean = np.repeat(model["K_ext"] * pd["ext_rate"] * lif.STEP * 1e-3, sizes)
        group.run_regularly(f"current += {model['J_ext']}*poisson(mean)", when="synapses")
    elif options.drive == "poisson":
        objects += [b2.PoissonInput(group[first[p]:first[p + 1]], "current", int(model["K_ext"][p]), pd["ext_rate"] * Hz, model["J_ext"])
                    for p in range(8)]
    return objects, sizes, pd["populations"], None


def cuba(options, rng):
    network, cell = lif.CUBA, lif.CUBA["neuron"]
    sizes, own = network["N"], options.model == "cuba-brian"
    resistance = cell["tau_m"] / cell["C_m"]
    group = neurons(cell, sum(sizes), """
        dv/dt = (E_L - v + ge + gi)/tau_m : 1 (unless refractory)
        dge/dt = -ge/tau_e : 1
        dgi/dt = -gi/tau_i : 1""", tau_e=cell["tau_syn_ex"] * ms, tau_i=cell["tau_syn_in"] * ms)
    objects, start = [group], None
    for p, (name, weight) in enumerate(zip(["ge", "gi"], network["weight_brian"] if own else network["weight"])):
        first, jump = p * sizes[0], f"{name}_post += {weight * resistance}"
        if own:
            synapses = b2.Synapses(group[first:first + sizes[p]], group, on_pre=jump)
            synapses.connect(p=network["p"])
        else:
            synapses = b2.Synapses(group, group, on_pre=jump, delay=network["delay"] * ms)
            i, j = fixed_indegree(rng, first, sizes[p], sum(sizes), network["indegree"][p])
            synapses.connect(i=i, j=j)
        objects.append(synapses)
    if own:
        group.v = rng.uniform(cell["V_reset"], cell["V_th"], sum(sizes))
    else:
        group.v = network["V0"]
        start = b2.PoissonInput(group[:network["stimulated"]], "ge", 1, network["stimulus"]["rate"] * Hz, network["weight"][0] * resistance)
    return objects, sizes, ["E", "I"], start


def brunel(options, rng):
    network, cell = lif.BRUNEL, lif.BRUNEL["neuron"]
    g, eta = network["g_eta"][options.model[-1]]
    sizes, j, rate = network["N"], network["J"], eta * network["nu_threshold"]
    group = neurons(cell, sum(sizes), "dv/dt = (E_L - v)/tau_m : 1 (unless refractory)")
    group.v = rng.uniform(0, cell["V_th"], sum(sizes))
    objects = [group]
    for p, weight in enumerate([j, -g * j]):
        synapses = b2.Synapses(group, group, on_pre=f"v_post += {weight}", delay=network["delay"] * ms)
        source, target = fixed_indegree(rng, p * sizes[0], sizes[p], sum(sizes), network["indegree"][p])
        synapses.connect(i=source, j=target)
        objects.append(synapses)
    if options.noise == "poisson":
        group.run_regularly(f"v += {j}*poisson({rate * network['C_ext'] * lif.STEP * 1e-3})", when="synapses")
    else:
        objects.append(b2.PoissonInput(group, "v", network["C_ext"], rate * Hz, j))
    return objects, sizes, ["E", "I"], None


def measure(options, threads, folder):
    begin = time.perf_counter()
    b2.prefs.devices.cpp_standalone.openmp_threads = threads if threads > 1 else 0
    b2.defaultclock.dt = lif.STEP * ms
    b2.seed(options.seed)
    build = potjans_diesmann if options.model == "potjans-diesmann" else brunel if options.model.startswith("brunel") else cuba
    objects, sizes, names, start = build(options, np.random.default_rng(options.seed))
    group = objects[0]
    connected = time.perf_counter() - begin
    network = b2.Network(*objects)
    before = options.presim_ms
    if start is not None:
        network.add(start)
        stimulus = min(lif.CUBA["stimulus"]["stop"], before)
        network.run(stimulus * ms)
        start.active, before = False, before - stimulus
    if before > 0:
        network.run(before * ms)
    group.fired = 0
    if options.record:
        monitor = b2.SpikeMonitor(group)
        network.add(monitor)
    network.run(options.ms * ms)
    b2.device.build(directory=folder, run=False)
    built, load = time.perf_counter() - begin, os.getloadavg()[0]
    b2.device.run()
    wall = b2.device._last_run_time

    ends = np.cumsum(sizes)
    counts = [int(group.fired[int(e - s):int(e)].sum()) for e, s in zip(ends, sizes)]
    more = {}
    if options.record:
        _rates, cv = lif.spike_statistics(np.asarray(monitor.t / ms), np.asarray(monitor.i), sizes, options.ms)
        more["cv_isi"] = {p: c and round(c, 3) for p, c in zip(names, cv)}
    synapses = sum(len(o) for o in objects if isinstance(o, b2.Synapses))
    peak = int(pathlib.Path(folder, "peak").read_text(encoding="ascii")) // 1024
    return lif.row_of(options, threads, sizes, names, counts, synapses, wall, build_seconds=round(built, 3), connect_seconds=round(connected, 3),
                      process_seconds=round(b2.device.timers["run_binary"], 3), noise=options.noise,
                      dtype="float32" if options.float32 else "float64", memory_mib=peak, peak_memory_mib=peak, load_average=round(load, 2), **more)


def main():
    parser = lif.arguments(__doc__, "1,2")
    parser.add_argument("--float32", action="store_true", help="state and synapses in single precision")
    parser.add_argument("--noise", choices=["binomial", "poisson"], default="binomial")
    options = parser.parse_args()
    if options.float32:
        b2.prefs.core.default_float_dtype = np.float32
    b2.prefs.devices.cpp_standalone.extra_make_args_unix = [f"-j{len(os.sched_getaffinity(0))}"]
    b2.prefs.devices.cpp_standalone.run_cmd_unix = [sys.executable, "-c", RUN]
    b2.set_device("cpp_standalone", build_on_run=False)
    rows = []
    for threads in (int(t) for t in str(options.threads).split(",")):
        b2.device.reinit()
        b2.device.activate(build_on_run=False)
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(options, threads, folder))
    print(f"Brian {b2.__version__}, C++ standalone", file=sys.stderr)
    fastest = min(rows, key=lambda r: r["wall_seconds"])["threads"]
    lif.finish({"brian2": b2.__version__, "fastest_threads": fastest, "rows": rows}, options, out)


if __name__ == "__main__":
    main()
