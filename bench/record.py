#!/usr/bin/env python3
"""Runs the benchmarks of a build folder and keeps their results in bench/results/<machine>-<date>-<git>.json.

    bench/record.py BUILD [--data DIR] [--out FILE] [--filter REGEX]

Each program tells by its counters how it compares with its baselines; this keeps the counters, the machine and the state of the tree,
and drops what Google Benchmark adds for its own bookkeeping. DIR is a folder of MNIST. Results of a machine with other work on it say so
by their load average. Raised priority helps: sudo nice -n -10 bench/record.py ...
"""
import argparse
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BOOKKEEPING = {"family_index", "per_family_instance_index", "run_name", "run_type", "repetitions", "repetition_index", "threads",
               "cpu_time", "real_time", "time_unit", "iterations"}


def output_of(*command):
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return result.stdout.strip() if result.returncode == 0 else ""


def cpu_name():
    """Model name, and what tells models apart whose name is cut short (as virtual machines do)."""
    facts = {}
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        facts.setdefault(key.strip(), value.strip())
    name = facts.get("model name", os.uname().machine)
    if not re.search(r"\d", name):
        name += f" family {facts.get('cpu family', '?')} model {facts.get('model', '?')}"
    return name


def gpu_name():
    try:
        return output_of("nvidia-smi", "--query-gpu=name", "--format=csv,noheader").split("\n")[0]
    except FileNotFoundError:
        return ""


def rounded(value):
    return float(f"{value:.4g}") if isinstance(value, float) else value


def run(program, options):
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        command = [str(program), f"--benchmark_out={out.name}", "--benchmark_out_format=json", *options]
        if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode != 0:
            print(f"record.py: {program.name} failed, left out", file=sys.stderr)
            return None
        text = pathlib.Path(out.name).read_text(encoding="utf-8")
        return json.loads(text) if text else None  # empty where the filter matches nothing


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--data", help="folder of MNIST instead of synthetic digits")
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--filter", default="")
    arguments = parser.parse_args()

    programs = sorted(p for p in (arguments.build / "bench").glob("*_bench") if os.access(p, os.X_OK))
    if not programs:
        sys.exit(f"record.py: no benchmark in {arguments.build / 'bench'}")
    if arguments.data:
        os.environ["CA3_DATA"] = arguments.data
    gpu = gpu_name()
    kept = {"machine": gpu or cpu_name(), "cpu": cpu_name(), "date": datetime.date.today().isoformat(),
            "git": output_of("git", "rev-parse", "--short", "HEAD"),
            "modified": bool(output_of("git", "status", "--porcelain", "--untracked-files=no", "--", "include", "host", "kernels", "bench")),
            "programs": {}}
    for program in programs:
        if "_gpu_" in program.name and not gpu:
            continue
        result = run(program, [f"--benchmark_filter={arguments.filter}"] if arguments.filter else [])
        if result is None:
            continue
        context = result["context"]
        rows = [{k: rounded(v) for k, v in row.items() if k not in BOOKKEEPING} for row in result["benchmarks"]]
        for row in rows:
            row["name"] = re.sub(r"/iterations:\d+|/manual_time", "", row["name"])
        kept["programs"][program.name] = {"ca3": context.get("ca3"), "digits": context.get("digits"),
                                          "load_average": context.get("load_avg"), "benchmarks": rows}

    slug = re.sub(r"[^a-z0-9]+", "-", kept["machine"].lower()).strip("-")
    out = arguments.out or ROOT / "bench" / "results" / f"{slug}-{kept['date']}-{kept['git']}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    head = json.dumps({k: v for k, v in kept.items() if k != "programs"}, indent=1)[:-2]
    parts = []
    for name, part in kept["programs"].items():
        facts = json.dumps({k: v for k, v in part.items() if k != "benchmarks"})[:-1]
        rows = ",\n".join("   " + json.dumps(row) for row in part["benchmarks"])
        parts.append(f'  "{name}": {facts}, "benchmarks": [\n{rows}\n  ]}}')
    out.write_text(head + ',\n "programs": {\n' + ",\n".join(parts) + "\n }\n}\n", encoding="utf-8")
    json.loads(out.read_text(encoding="utf-8"))
    print(out)


if __name__ == "__main__":
    main()
