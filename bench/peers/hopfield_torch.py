#!/usr/bin/env python3
"""Hopfield sweeps in PyTorch, on the work of hopfield_bench: state-sweeps per second of sign(S W) and of the factored form.

    hopfield_torch.py [--device cpu|cuda] [--threads N] [--rounds N] [--json FILE]

Random patterns of -1 and +1, cues with a tenth of their neurons flipped, one synchronous sweep of the whole batch; states and weights
are in place and in the type of the method before it is timed. A method is checked against exact integers first. Methods:

    dense_f32, dense_tf32 (GPU), dense_bf16    sign(S @ W)
    dense_int8                                 torch._int_mm, where this build and device have it
    factored_f32                               sign((S @ X.T) @ X - P S)

A tie keeps the state. PyTorch has no relaxation to compare with: its rate is that of the bare sweep.
"""
import argparse
import json
import os
import statistics
import sys
import time

try:
    import torch
except ImportError as error:
    sys.exit(f"hopfield_torch.py: PyTorch is not installed ({error}); nothing was measured")

SIZES = [(784, 41, 8192), (2048, 100, 4096), (4096, 100, 4096)]


def decide(h, states):
    """sign(h); a tie keeps the state."""
    return torch.where(h == 0, states, torch.sign(h).to(states.dtype))


def make_work(d, P, B, device):
    generator = torch.Generator().manual_seed(7)
    patterns = torch.randint(0, 2, (P, d), generator=generator, dtype=torch.int8) * 2 - 1
    cues = patterns[torch.arange(B) % P].clone()
    flipped = torch.rand((B, d), generator=generator).argsort(dim=1)[:, : d // 10]
    cues.scatter_(1, flipped, -cues.gather(1, flipped))
    return patterns.to(device), cues.to(device)


def methods_for(patterns, cues, device):
    """Name -> sweep(); every sweep returns the states after it."""
    P = patterns.shape[0]
    x, s = patterns.float(), cues.float()
    weights = x.T @ x  # exact: P d is below 2^24
    weights.fill_diagonal_(0)

    def dense(w, states, tf32=False):
        def sweep():
            torch.backends.cuda.matmul.allow_tf32 = tf32
            return decide(states @ w, states)

        return sweep

    def int8():
        w = weights.to(torch.int8)
        return lambda: decide(torch._int_mm(cues, w), cues)

    def factored():
        xt = x.T.contiguous()
        return lambda: decide((s @ xt) @ x - P * s, s)

    methods = {"dense_f32": lambda: dense(weights, s)}
    if device == "cuda":
        methods["dense_tf32"] = lambda: dense(weights, s, tf32=True)
    methods["dense_bf16"] = lambda: dense(weights.bfloat16(), s.bfloat16())
    if P <= 127 and hasattr(torch, "_int_mm"):
        methods["dense_int8"] = int8
    methods["factored_f32"] = factored
    return methods


def exact_sweep(patterns, cues):
    """In f64 on the host, which holds these integers exactly."""
    x, s = patterns.cpu().double(), cues.cpu().double()
    return decide((s @ x.T) @ x - patterns.shape[0] * s, s).to(torch.int8)


def seconds_of(sweep, device):
    start = time.perf_counter()
    sweep()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def measure(d, P, B, device, rounds):
    patterns, cues = make_work(d, P, B, device)
    expected = exact_sweep(patterns, cues)
    sweeps, rows = {}, []
    for name, make in methods_for(patterns, cues, device).items():
        try:
            sweep = make()
            wrong = int((sweep().to(torch.int8).cpu() != expected).sum())
        except (RuntimeError, NotImplementedError) as error:
            print(f"d={d} {name}: not available: {str(error).splitlines()[0]}", file=sys.stderr)
            continue
        sweeps[name] = (sweep, wrong)
    times = {name: [] for name in sweeps}
    cpu = {name: [] for name in sweeps}
    for _ in range(rounds):  # the methods take turns
        for name, (sweep, _wrong) in sweeps.items():
            before = time.process_time()
            times[name].append(seconds_of(sweep, device))
            cpu[name].append(time.process_time() - before)
            if device == "cpu":
                time.sleep(0.015)  # idle threads spin for a while
    for name, (_sweep, wrong) in sweeps.items():
        seconds = statistics.median(times[name])
        rows.append({"d": d, "P": P, "B": B, "method": name, "ms": round(1e3 * seconds, 4),
                     "cpu_ms": round(1e3 * statistics.median(cpu[name]), 4), "state_sweeps_per_s": round(B / seconds),
                     "wrong_neurons": wrong})
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", metavar="FILE", help="write the result there instead of to the standard output")
    arguments = parser.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        sys.exit("hopfield_torch.py: this PyTorch sees no GPU; nothing was measured")
    torch.set_num_threads(arguments.threads)
    torch.set_grad_enabled(False)
    rows = []
    for d, P, B in SIZES:
        rows += measure(d, P, B, arguments.device, arguments.rounds)

    device = torch.cuda.get_device_name() if arguments.device == "cuda" else f"CPU, {arguments.threads} threads"
    print(f"PyTorch {torch.__version__}, {device}", file=sys.stderr)
    print(f"{'d':>6} {'P':>5} {'B':>6} {'method':<14} {'ms':>10} {'CPU ms':>10} {'state-sweeps/s':>15} {'wrong':>6}", file=sys.stderr)
    for r in rows:
        print(f"{r['d']:>6} {r['P']:>5} {r['B']:>6} {r['method']:<14} {r['ms']:>10.3f} {r['cpu_ms']:>10.3f}"
              f" {r['state_sweeps_per_s']:>15,} {r['wrong_neurons']:>6}", file=sys.stderr)
    result = {"torch": torch.__version__, "device": device, "rows": rows}
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)
    else:
        print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
