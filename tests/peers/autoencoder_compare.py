#!/usr/bin/env python3
"""Compares CA3's experiments with dense nets with PyTorch's bands (autoencoder_bands.json beside this, made by autoencoder_bands.py).

    autoencoder_compare.py CA3 --data DIR [--only NAME ...] [--seeds N] [--backend B] [--threads N] [--runs FOLDER]

CA3: the ca3 program. DIR: a folder of MNIST. --only A12 runs all nets of A12 that have a band, --only A12-wide-sphere that one. Each runs
by its protocol with the seeds 1 to N (5). Printed for each figure: the band, CA3's values, their median, and whether that lies in the band;
of a list, each element. With --runs the results (ca3's JSON) are kept in FOLDER, and a run whose file is there is not made again. What a
band has and ca3 does not say is named at the end. Exits with 1 where a median lies outside.

M1 is left out: ca3 counts its solutions. A14-shuffled has another order of the pixels here, which a dense net does not see.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

# The option of `ca3 autoencoder run` that picks one net of an experiment.
PICK = {"A1": "--hidden", "A5": "--hidden", "A6": "--penalty", "A7": "--noise", "A10": "--loss", "A11": "--activation", "A12": "--variant",
        "A14": "--variant", "A15": "--variant"}
# Nets that come with another's run.
WITH = {"A4-pca": "A4"}


def net(run, name):
    """What ca3 says of one net; its losses are those of the last epoch."""
    return next(v for v in run["variants"] if v["name"] == name)


def at_shares(run, shares):
    errors = dict(zip((round(s, 6) for s in run["results"]["share"]), run["results"]["mse"]))
    return [errors[round(s, 6)] for s in shares]


def figures(name, run, band):
    """{figure: value} of one run, with the names of the bands."""
    results, family = run["results"], name.split("-")[0]
    if name == "A2":
        return {"mse": at_shares(run, band["seeds"][0]["share"])}
    if name == "A4-pca":
        return {"test": results["pca_test_mse"], "by_digit": results["pca_mse"]}
    trained = net(run, name)
    found = {"train": trained["train_loss"], "test": trained["test_loss"], "parameters": trained["parameters"]}
    if family == "A4":
        found["by_digit"] = results["autoencoder_mse"]
    own = results.get(name, {})
    if family == "A6":
        found["test_mse"] = own["test_mse"]
    if family == "A8":
        found["latent_noise_.1_.5_.8"] = [results[f"mse-{sigma}"] for sigma in ("0.1", "0.5", "0.8")]
    if name == "A14-shuffled":
        found["test_of_trained_digits"] = found["test"]
    elif family == "A14":
        found |= {"test_of_trained_digits": own["seen_loss"], "test_of_left_out_digits": own["left_out_loss"]}
    if family == "A15":
        found["largest_difference"] = own["largest_difference"]
    if family == "M2":
        found |= {"probability_of_class": results["probability_of_class"], "share_right": results["share_right"]}
    return found


def command_of(name):
    family, _, variant = name.partition("-")
    return ["A4"] if name in WITH else [family, PICK[family], variant] if variant else [family]


def run_once(arguments, name, seed, folder):
    """ca3's JSON of one run."""
    path = folder / f"{WITH.get(name, name)}-{seed}.json"
    if not path.exists():
        out = folder / "out"
        command = [arguments.program, "autoencoder", "--quiet", "--seed", seed, "--threads", arguments.threads, "--backend", arguments.backend,
                   "--out", out, "--json", path]
        if arguments.data is not None:
            command += ["--data", arguments.data]
        subprocess.run([str(part) for part in command + ["run"] + command_of(name)], check=True)
    return json.loads(path.read_text(encoding="utf-8"))


def number(x):
    return f"{x:.5g}"


def stored(x):
    """As the bands have it: six digits."""
    return float(f"{x:.6g}")


def compare(name, figure, band, values):
    """Prints a line for each element. True: all medians lie in the band."""
    least, greatest = band["band"]
    if not isinstance(least, list):
        least, greatest, values = [least], [greatest], [[v] for v in values]
    good = True
    for i, (low, high) in enumerate(zip(least, greatest)):
        own = [v[i] for v in values]
        median = statistics.median(own)
        inside = stored(low) <= stored(median) <= stored(high)
        good = good and inside
        where = f"{name} {figure}" + (f" [{i}]" if len(least) > 1 else "")
        print(f"{'ok  ' if inside else 'OUT '} {where:<40} band {number(low)} to {number(high)}; ca3 {' '.join(map(number, own))}; "
              f"median {number(median)}", flush=True)
    return good


def wanted_of(only, bands):
    names = [name for name in bands if not name.startswith("M1-")]
    if only:
        names = [name for name in names if name in only or name.split("-")[0] in only]
    if not names:
        sys.exit(f"autoencoder_compare.py: nothing to compare for {' '.join(only)}")
    return names


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--data", type=pathlib.Path)
    parser.add_argument("--only", nargs="+", metavar="NAME", default=[])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--backend", default="cpu")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--runs", type=pathlib.Path, metavar="FOLDER")
    arguments = parser.parse_args()
    bands = json.loads(pathlib.Path(__file__).with_name("autoencoder_bands.json").read_text(encoding="utf-8"))["experiments"]
    names = wanted_of(arguments.only, bands)
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.runs or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        good, silent = [], []
        for name in names:
            band = bands[name]
            runs = [figures(name, run_once(arguments, name, seed, folder), band) for seed in range(1, arguments.seeds + 1)]
            parameters = band["seeds"][0].get("parameters")
            if parameters is not None and any(run["parameters"] != parameters for run in runs):
                sys.exit(f"autoencoder_compare.py: {name}: PyTorch trained {parameters} parameters, ca3 {runs[0]['parameters']}")
            for figure, its_band in band["final"].items():
                values = [run.get(figure) for run in runs]
                if None in values:
                    silent.append(f"{name} {figure}")
                else:
                    good.append(compare(name, figure, its_band, values))
    print(f"{sum(good)} of {len(good)} figures with their median in the band" + (f"; ca3 does not say {', '.join(silent)}" if silent else ""))
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
