#!/usr/bin/env python3
"""What PyTorch reaches in the experiments with dense nets, over several seeds: the bands that CA3's losses are compared with.

    autoencoder_bands.py --data DIR [--only NAME ...] [--again] [--seeds N] [--out FILE] [--list]

DIR is a folder of MNIST (IDX, gzip). --only A5 runs A5-64, A5-128 and A5-256. A seed is written to FILE (autoencoder_bands.json beside
this) as soon as it is done; those that are there already are left out unless --again is given, so a run that was broken off goes on.

Common to all: images / 255 in f32, all 60,000, shuffled every epoch, the last partial batch kept; PyTorch's initialisation; Adam with
(0.9, 0.999), eps 1e-8, fused. Per seed: "train", of each epoch the plain mean of its batches' losses as they were trained; "test", after
each epoch the loss on the 10,000 test images, batches of the training size weighted by their samples; "final", the figures that have a
band. A band is [least - r/2, greatest + r/2] over the seeds, r = greatest - least, element by element where the figure is a list.
"""
import argparse
import json
import math
import os
import pathlib
import sys
import time

try:
    import numpy as np
    import torch

    from autoencoder_experiments import (
        a1, a3, a4, a4_pca, a5, a6, a7, a8, a10, a11, a12, a14, a15, m1, m2, M1_EPOCHS, SPHERE_NET, WIDE_NET)
    from autoencoder_nets import bce, Digits, mse
except ImportError as error:
    sys.exit(f"autoencoder_bands.py: {error}; nothing was trained")

AS_A4 = "MSE, Adam 3e-4, batch 256"
PRELU = "PReLU (one slope a layer) after every layer but the last"
SPHERE = f"{PRELU} and the latent, which is linear and then z/|z|; sigmoid out; BCE, Adam 1e-3"
EXPERIMENTS = {}  # in the order in which they run: name -> job, protocol, seeds
ALSO = {"A2": "A1-200"}  # what another's job writes too


def add(name, job, protocol, seeds=5):
    EXPERIMENTS[name] = (job, protocol, seeds)


def add_all():
    add("M2", m2, "6-10-5-3 sigmoid, log-softmax, NLL; 300 points: 100 each about 110000, 001100, 000011, Gaussian noise of deviation 0.3;"
        " SGD 1.0, 200 full-batch epochs", 10)
    for tied in ("untied", "tied"):
        add(f"A15-{tied}", a15(f"A15-{tied}"), f"8-3-8 sigmoid, {tied}, five strings; BCE, SGD 0.1 momentum 0.9, 5000 full-batch epochs")
    add("A3", a3, "4-3-4 sigmoid on 10 rows; BCE, Adam 0.1, batch 8 and the 2 left over, shuffled, 2000 epochs; then ridge regression 0.001"
        " from the hidden layer, without and with a column of ones (penalised too)", 10)
    for summed in (True, False):
        for momentum in (0.9, 0.0):
            for uniform in (0.3, 0.0):
                name = f"M1-{'sum' if summed else 'mean'}-{'momentum' if momentum else 'plain'}-{'u0.3' if uniform else 'default'}"
                add(name, m1(name, summed, momentum, uniform),
                    f"6-2-1 sigmoid, 64 vectors in one batch, 1 for mirror symmetry; {'half the sum' if summed else 'mean'} of squares,"
                    f" SGD 0.1 momentum {momentum}, {f'all parameters U(-{uniform}, {uniform})' if uniform else 'default initialisation'},"
                    f" {M1_EPOCHS} epochs; solved: all 64 right at threshold 0.5", 10)
    add("A4-pca", a4_pca, "30 components of the covariance of the 60,000; squared error a pixel of the 10,000", 1)
    add("A10-bce", a10("A10-bce", bce, 2), "784-32-784 ReLU, sigmoid; BCE, Adam 1e-3, batch 64, 2 epochs")
    add("A8", a8, f"784-64-8-64-784 ReLU, output too; {AS_A4}, 10 epochs")
    add("A5-64", a5(64), f"784-64-784 ReLU, ReLU; {AS_A4}, 10 epochs")
    add("A10-mse", a10("A10-mse", mse, 10), "784-32-784 ReLU, sigmoid; MSE, Adam 1e-3, batch 64, 10 epochs")
    for kind, words in (("relu", "ReLU"), ("kaiming", "ReLU, weights Kaiming-normal (fan in)"), ("prelu", "PReLU, one slope, 0.25")):
        add(f"A11-{kind}", a11(f"A11-{kind}"), f"784-2-784 {words}; sigmoid out; BCE, Adam 1e-3, batch 64, 10 epochs")
    add("A5-128", a5(128), f"784-128-784 ReLU, ReLU; {AS_A4}, 10 epochs")
    add("A4", a4, f"784-512-256-128-30-128-256-784 ReLU, output too; {AS_A4}, 10 epochs")
    add("A5-256", a5(256), f"784-256-784 ReLU, ReLU; {AS_A4}, 10 epochs")
    for sigma in (0.3, 0.5, 0.8, 0.9):
        add(f"A7-{sigma}", a7(sigma), f"784-256-784 ReLU, ReLU, Gaussian noise {sigma} on the input, not clamped, clean target; {AS_A4},"
            " 5 epochs; test: noisy input")
    sphere_net = "-".join(map(str, SPHERE_NET))
    for name, without, words in (("A14-no6", (6,), "digit 6 left out"), ("A14-no01", (0, 1), "digits 0 and 1 left out"),
                                 ("A14-shuffled", (), "pixels in another order, the same for all")):
        add(name, a14(name, without, not without), f"{sphere_net}; {SPHERE}, batch 128, 3 epochs; trained with {words}; test: all 10,000")
    add("A12-2", a12("A12-2", (784, 392, 64, 2, 64, 392, 784), "prelu", 64),
        f"784-392-64-2-64-392-784, {PRELU}, sigmoid out; BCE, Adam 1e-3, batch 64, 10 epochs")
    add("A12-3", a12("A12-3", SPHERE_NET, "prelu", 64),
        f"{sphere_net}, {PRELU}, sigmoid out; BCE, Adam 1e-3, batch 64, 10 epochs")
    add("A12-sphere", a12("A12-sphere", SPHERE_NET, "sphere", 128), f"{sphere_net}; {SPHERE}, batch 128, 10 epochs")
    for name, weight in (("A6-4e-6", 4e-6), ("A6-1.5e-6", 1.5e-6), ("A6-0.6e-6", 0.6e-6)):
        add(name, a6(name, weight), f"784-1156-784 ReLU, ReLU; MSE + {weight:g} sum |hidden| over the batch; {AS_A4[5:]}, 5 epochs")
    for n in (200, 10, 50, 100, 400):
        add(f"A1-{n}", a1(n), f"784-{n}-784 sigmoid, sigmoid; MSE, Adam 1e-2, batch 1000, 70 epochs")
    add("A12-sphere-prelu", a12("A12-sphere-prelu", SPHERE_NET, "prelu_sphere", 128),
        f"A12-sphere with a PReLU between the latent's linear layer and z/|z|; batch 128, 10 epochs")
    add("A12-wide-sphere", a12("A12-wide-sphere", WIDE_NET, "prelu_sphere", 128),
        f"{'-'.join(map(str, WIDE_NET))}, {PRELU}, the latent's then z/|z|, sigmoid out;"
        " BCE, Adam 1e-3, batch 128, 10 epochs")


PROTOCOL_OF_A2 = ("A1's net with n = 200 on test images of which each pixel is set to 0 with probability share/2 and to 1 with probability"
                  " share/2; MSE to the clean image")


# ---- the file


def rounded(value):
    """To six digits; None for what JSON does not know."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, list):
        return [rounded(v) for v in value]
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return value


def over_seeds(values):
    """{min, max, band} of a figure's values, through lists and dicts."""
    if isinstance(values[0], dict):
        return {key: over_seeds([v[key] for v in values]) for key in values[0]}
    array = np.array(values, dtype=float)
    least, greatest = array.min(0), array.max(0)
    half = (greatest - least) / 2
    return rounded({"min": least.tolist(), "max": greatest.tolist(), "band": [(least - half).tolist(), (greatest + half).tolist()]})


def write(path, kept):
    """One line a seed and a figure; replaced as a whole."""
    parts = []
    for name, part in kept["experiments"].items():
        facts = ",\n".join(f"   {json.dumps(key)}: {json.dumps(part[key])}" for key in ("protocol", "command"))
        figures = ",\n".join(f"    {json.dumps(key)}: {json.dumps(value)}" for key, value in part["final"].items())
        seeds = ",\n".join("    " + json.dumps(record) for record in part["seeds"])
        parts.append(f"  {json.dumps(name)}: {{\n{facts},\n   \"final\": {{\n{figures}\n   }},\n   \"seeds\": [\n{seeds}\n   ]}}")
    head = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in kept.items() if key != "experiments")
    text = "{\n" + head + ',\n "experiments": {\n' + ",\n".join(parts) + "\n }\n}\n"
    json.loads(text)
    temporary = path.with_suffix(".part")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def load(path):
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"experiments": {}}
    about = {"about": "PyTorch's results by seed; written by tests/peers/autoencoder_bands.py, which says what the figures are",
             "torch": torch.__version__, "data": "MNIST, 60,000 + 10,000"}
    return about | {"experiments": kept["experiments"]}


def keep(path, name, seed, record):
    kept = load(path)
    protocol = PROTOCOL_OF_A2 if name == "A2" else EXPERIMENTS[name][1]
    part = kept["experiments"].setdefault(name, {"seeds": []})
    records = [r for r in part["seeds"] if r["seed"] != seed] + [{"seed": seed} | rounded(record)]
    records.sort(key=lambda r: r["seed"])
    kept["experiments"][name] = {"protocol": protocol, "command": f"tests/peers/autoencoder_bands.py --data DIR --only {name}",
                                 "final": over_seeds([r["final"] for r in records]), "seeds": records}
    write(path, kept)


def main():
    add_all()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, metavar="DIR")
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--again", action="store_true", help="also the seeds that the file has")
    parser.add_argument("--seeds", type=int, help="instead of the experiment's own number")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).with_suffix(".json"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="print the experiments and stop")
    arguments = parser.parse_args()

    wanted = [ALSO.get(name, name) for name in arguments.only or [""]]
    names = [name for name in EXPERIMENTS if any(w in ("", name) or name.startswith(w + "-") for w in wanted)]
    if not names:
        sys.exit(f"autoencoder_bands.py: no experiment {' '.join(arguments.only)}")
    if arguments.list:
        print("\n".join(f"{name}: {EXPERIMENTS[name][1]}" for name in names))
        return
    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)  # Adam's averages of pixels that are always 0 end there, slowly
    digits = Digits(arguments.data)
    for name in names:
        job, _protocol, seeds = EXPERIMENTS[name]
        for seed in range(arguments.seeds or seeds):
            done = load(arguments.out)["experiments"].get(name, {"seeds": []})["seeds"]
            if not arguments.again and any(r["seed"] == seed for r in done):
                continue
            start = time.perf_counter()
            torch.manual_seed(seed)
            for written, record in job(digits).items():
                keep(arguments.out, written, seed, record)
                figures = {k: v for k, v in rounded(record["final"]).items() if isinstance(v, float)}
                print(f"{written} seed {seed}: {figures}, {time.perf_counter() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
