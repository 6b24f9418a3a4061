#!/usr/bin/env python3
"""Training steps of CA3 and of PyTorch in turns: the medians, and their ratio, round by round.

    autoencoder_turns.py BENCH [--rounds 15] [--modes fused compile] [--also no-zeros bf16 no-zeros,bf16] [--cases deep:256 mid:1000]
                         [--json FILE]

BENCH is build/.../bench/autoencoder_bench. PyTorch runs as autoencoder_torch.py --tuned --once; each of its modes is measured and the fastest
counts. --also measures CA3 in other ways beside it: pixels none of which is zero, products in bf16, or both. Run it with the Python that has
PyTorch. Between two answers all programs rest for 30 ms, so that idle threads have gone to sleep.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

TORCH = pathlib.Path(__file__).with_name("autoencoder_torch.py")


class Program:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if line.strip() != "ready":
            self.process.kill()
            raise RuntimeError(f"{command[0]} said {line.strip()!r}")

    def turn(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        median = float(self.process.stdout.readline().split()[0])
        time.sleep(0.03)
        return median

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)


def compare(bench, net, batch, modes, also, rounds, threads, infer):
    extra = ["--infer"] if infer else []
    ours = [bench, "--turns", net, batch, "--threads", str(threads)] + extra
    programs = {"ca3": Program(ours)}
    for ways in also:
        programs[f"ca3 {ways}"] = Program(ours + [f"--{way}" for way in ways.split(",")])
    for mode in modes:
        try:
            programs[mode] = Program([sys.executable, str(TORCH), "--tuned", "--threads", str(threads), "--once", net, batch, "--mode", mode] + extra)
        except RuntimeError as error:
            print(f"{net}:{batch} {mode} left out: {error}", file=sys.stderr)
    times = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            times[name].append(program.turn())
    for program in programs.values():
        program.close()
    medians = {name: statistics.median(values) for name, values in times.items()}
    best = min((name for name in modes if name in medians), key=medians.get)
    ratios = [theirs / ours for theirs, ours in zip(times[best], times["ca3"])]
    return {"net": net, "batch": int(batch), "infer": infer, "threads": threads, "median_ms": medians, "best_mode": best,
            "ratio": medians[best] / medians["ca3"], "ratio_of_rounds": statistics.median(ratios), "rounds": rounds}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--modes", nargs="+", default=["fused", "compile"])
    parser.add_argument("--also", nargs="+", default=[], choices=["no-zeros", "bf16", "no-zeros,bf16"])
    parser.add_argument("--cases", nargs="+", default=["deep:256", "deep:64", "mid:1000", "thin:64", "wide:256"])
    parser.add_argument("--infer", action="store_true")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    rows = []
    for case in arguments.cases:
        net, batch = case.split(":")
        row = compare(arguments.bench, net, batch, arguments.modes, arguments.also, arguments.rounds, arguments.threads,
                      arguments.infer)
        rows.append(row)
        print(f"{net:<5} {batch:>5}  " + "  ".join(f"{name} {ms:.4f} ms" for name, ms in row["median_ms"].items())
              + f"  ratio {row['ratio']:.2f} (of rounds {row['ratio_of_rounds']:.2f})", flush=True)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"load_average": os.getloadavg(), "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
