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
import gzip
import json
import math
import os
import pathlib
import sys
import time

try:
    import numpy as np
    import torch
    import torch.nn.functional as F
    from torch import nn
except ImportError as error:
    sys.exit(f"autoencoder_bands.py: {error}; nothing was trained")


# ---- data and nets


def read_idx(path):
    with gzip.open(path, "rb") as file:
        content = file.read()
    rank = content[3]
    shape = np.frombuffer(content, ">i4", rank, offset=4)
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape).copy())


class Digits:
    """Images (n x 784, in [0, 1]) and labels, read when first asked for."""

    def __init__(self, folder):
        self.folder = folder
        self.parts = {}

    def part(self, name):
        if self.folder is None:
            sys.exit("autoencoder_bands.py: this experiment needs --data")
        if name not in self.parts:
            images = read_idx(self.folder / f"{name}-images-idx3-ubyte.gz").reshape(-1, 784).float() / 255
            self.parts[name] = images, read_idx(self.folder / f"{name}-labels-idx1-ubyte.gz").long()
        return self.parts[name]

    @property
    def train(self):
        return self.part("train")[0]

    @property
    def test(self):
        return self.part("t10k")[0]


class Sphere(nn.Module):
    def forward(self, z):
        return F.normalize(z)  # z / max(|z|, 1e-12)


def mlp(widths, hidden, output, latent=None):
    """Linear layers with hidden() after each but the last, output() after that. latent: modules after the narrowest layer instead."""
    narrowest = min(range(1, len(widths)), key=widths.__getitem__)
    layers = []
    for i in range(1, len(widths)):
        layers.append(nn.Linear(widths[i - 1], widths[i]))
        if i == len(widths) - 1:
            layers.append(output())
        elif i == narrowest and latent is not None:
            layers += latent()
        else:
            layers.append(hidden())
    return nn.Sequential(*layers)


def parameters_of(net):
    return sum(p.numel() for p in net.parameters())


# ---- training


def mse(net, x, target):
    return F.mse_loss(net(x), target)


def bce(net, x, target):
    return F.binary_cross_entropy(net(x), target)


def as_it_is(x):
    return x


@torch.no_grad()
def evaluate(net, loss, images, batch, corrupt=as_it_is):
    total = 0.0
    for part in images.split(batch):
        total += loss(net, corrupt(part), part).item() * len(part)
    return total / len(images)


def fit(net, loss, digits, *, lr, batch, epochs, corrupt=as_it_is, train=None, test=None):
    """Trains net, returns the record of the seed. corrupt is applied to the input, at the test too; the target is clean."""
    train = digits.train if train is None else train
    test = digits.test if test is None else test
    optimizer = torch.optim.Adam(net.parameters(), lr=lr, fused=True)
    record = {"train": [], "test": []}
    for _ in range(epochs):
        losses = []
        for rows in torch.randperm(len(train)).split(batch):
            x = train[rows]
            optimizer.zero_grad()
            value = loss(net, corrupt(x), x)
            value.backward()
            optimizer.step()
            losses.append(value.item())
        record["train"].append(sum(losses) / len(losses))
        record["test"].append(evaluate(net, loss, test, batch, corrupt))
    record["final"] = {"train": record["train"][-1], "test": record["test"][-1]}
    return record


@torch.no_grad()
def dead_units(net, images):
    """Of each layer with a ReLU, the units that are 0 for all images; of the output, those also whose pixel is above 0.01 in the mean."""
    counts, x = [], images
    for module in net:
        x = module(x)
        if isinstance(module, nn.ReLU):
            counts.append(int((x.amax(0) == 0).sum()))
    result = {"dead_of_layer": counts}
    if isinstance(net[-1], nn.ReLU):
        result["dead_outputs_that_matter"] = int(((x.amax(0) == 0) & (images.mean(0) > 0.01)).sum())
    return result


@torch.no_grad()
def error_by_digit(outputs, digits):
    """Mean squared error of a pixel, for the test images of each digit."""
    images, labels = digits.part("t10k")
    errors = (outputs - images).square().mean(1)
    return [errors[labels == digit].mean().item() for digit in range(10)]


def gaussian(sigma):
    return lambda x: x + sigma * torch.randn_like(x)


def salt_and_pepper(share):
    def corrupt(x):
        u = torch.rand_like(x)
        return torch.where(u < share / 2, torch.zeros(()), torch.where(u < share, torch.ones(()), x))

    return corrupt


# ---- the experiments: job(digits) -> {name: record of this seed}; the seed is set before


def a1(n):
    def job(digits):
        net = mlp((784, n, 784), nn.Sigmoid, nn.Sigmoid)
        records = {f"A1-{n}": fit(net, mse, digits, lr=1e-2, batch=1000, epochs=70)}
        if n == 200:
            shares = [p / 100 for p in range(5, 80, 5)]
            errors = [evaluate(net, mse, digits.test, 1000, salt_and_pepper(share)) for share in shares]
            records["A2"] = {"share": shares, "final": {"mse": errors}}
        return records

    return job


SENSORY = "0000 0000 0010 0001 0011 1100 1100 1110 1101 1111"
UNCONDITIONED, CONDITIONED, TRANSFERRED = "0000 0010 0001 0011", "1000 1010 1001 1011", "0100 0110 0101 0111"


def rows_of(text):
    return torch.tensor([[float(c) for c in word] for word in text.split()])


def ridge(features, targets, weight):
    """(A'A + weight I)^-1 A'y in f64: every column is penalised, one of ones too."""
    a, y = features.double(), targets.double()
    return torch.linalg.solve(a.T @ a + weight * torch.eye(a.shape[1], dtype=a.dtype), a.T @ y)


def a3(_digits):
    x = rows_of(SENSORY)
    net = mlp((4, 3, 4), nn.Sigmoid, nn.Sigmoid)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1, fused=True)
    record = {"train_every_100": []}
    for epoch in range(2000):
        losses = []
        for rows in torch.randperm(len(x)).split(8):
            optimizer.zero_grad()
            loss = bce(net, x[rows], x[rows])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        if epoch % 100 == 99:
            record["train_every_100"].append(sum(losses) / len(losses))
    record["final"] = {"train": record["train_every_100"][-1]}
    with torch.no_grad():
        record["final"]["loss_of_all_rows"] = bce(net, x, x).item()
        hidden = {name: net[:2](rows_of(text)) for name, text in
                  (("unconditioned", UNCONDITIONED), ("conditioned", CONDITIONED), ("transferred", TRANSFERRED))}
    taught = torch.cat([hidden["unconditioned"], hidden["conditioned"]])
    for targets in ("00001111", "00111100"):
        for intercept in (False, True):
            def features(h, intercept=intercept):
                return torch.cat([h, torch.ones(len(h), 1)], 1) if intercept else h

            weights = ridge(features(taught), torch.tensor([float(c) for c in targets]), 1e-3)
            key = f"targets_{targets}_{'intercept' if intercept else 'no_intercept'}"
            record["final"][key] = {name: (features(h).double() @ weights).tolist() for name, h in hidden.items()}
    return {"A3": record}


def a4(digits):
    net = mlp((784, 512, 256, 128, 30, 128, 256, 784), nn.ReLU, nn.ReLU)
    record = fit(net, mse, digits, lr=3e-4, batch=256, epochs=10)
    with torch.no_grad():
        record["final"]["by_digit"] = error_by_digit(net(digits.test), digits)
    return {"A4": record | dead_units(net, digits.test)}


def a4_pca(digits):
    train = digits.train.double()
    mean = train.mean(0)
    _values, vectors = torch.linalg.eigh(torch.cov((train - mean).T))
    basis = vectors[:, -30:]
    centred = digits.test.double() - mean
    outputs = mean + centred @ basis @ basis.T
    return {"A4-pca": {"final": {"test": (outputs - digits.test).square().mean().item(), "by_digit": error_by_digit(outputs, digits)}}}


def a5(h):
    def job(digits):
        net = mlp((784, h, 784), nn.ReLU, nn.ReLU)
        record = fit(net, mse, digits, lr=3e-4, batch=256, epochs=10) | dead_units(net, digits.test)
        record["final"]["noisy_.3_.5_.8_.9"] = [evaluate(net, mse, digits.test, 256, gaussian(s)) for s in (0.3, 0.5, 0.8, 0.9)]
        record["final"]["uniform_random_images"] = evaluate(net, mse, torch.rand(10000, 784), 256)
        return {f"A5-{h}": record}

    return job


def a6(name, weight):
    def penalty(net, x):
        return weight * net[:2](x).abs().sum()

    def loss(net, x, target):
        hidden = net[:2](x)
        return F.mse_loss(net[2:](hidden), target) + weight * hidden.abs().sum()

    def job(digits):
        net = mlp((784, 1156, 784), nn.ReLU, nn.ReLU)
        record = fit(net, loss, digits, lr=3e-4, batch=256, epochs=5) | dead_units(net, digits.test)
        record["final"]["test_mse"] = evaluate(net, mse, digits.test, 256)
        record["final"]["test_penalty"] = evaluate(net, lambda n, x, _target: penalty(n, x), digits.test, 256)
        with torch.no_grad():
            record["final"]["share_of_hidden_above_0"] = (net[:2](digits.test) > 0).float().mean().item()
        return {name: record}

    return job


def a7(sigma):
    def job(digits):
        net = mlp((784, 256, 784), nn.ReLU, nn.ReLU)
        record = fit(net, mse, digits, lr=3e-4, batch=256, epochs=5, corrupt=gaussian(sigma)) | dead_units(net, digits.test)
        record["final"]["test_of_clean_input"] = evaluate(net, mse, digits.test, 256)
        return {f"A7-{sigma}": record}

    return job


def a8(digits):
    net = mlp((784, 64, 8, 64, 784), nn.ReLU, nn.ReLU)
    record = fit(net, mse, digits, lr=3e-4, batch=256, epochs=10) | dead_units(net, digits.test)

    def noisy(sigma):
        return lambda n, x, target: F.mse_loss(n[4:](gaussian(sigma)(n[:4](x))), target)

    record["final"]["latent_noise_.1_.5_.8"] = [evaluate(net, noisy(s), digits.test, 256) for s in (0.1, 0.5, 0.8)]
    return {"A8": record}


def a10(name, loss, epochs):
    def job(digits):
        net = mlp((784, 32, 784), nn.ReLU, nn.Sigmoid)
        return {name: fit(net, loss, digits, lr=1e-3, batch=64, epochs=epochs) | dead_units(net, digits.test)}

    return job


def a11(name):
    def job(digits):
        net = mlp((784, 2, 784), nn.PReLU if name == "A11-prelu" else nn.ReLU, nn.Sigmoid)
        if name == "A11-kaiming":
            for layer in (net[0], net[2]):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        record = fit(net, bce, digits, lr=1e-3, batch=64, epochs=10) | dead_units(net, digits.test)
        if name == "A11-prelu":
            record["final"]["slope"] = net[1].weight.item()
        return {name: record}

    return job


LATENTS = {"prelu": None, "sphere": lambda: [Sphere()], "prelu_sphere": lambda: [nn.PReLU(), Sphere()]}
SPHERE_NET = (784, 392, 96, 3, 96, 392, 784)
WIDE_NET = (784, 1568, 392, 96, 3, 96, 392, 1568, 784)


def a12(name, widths, latent, batch):
    def job(digits):
        net = mlp(widths, nn.PReLU, nn.Sigmoid, LATENTS[latent])
        return {name: {"parameters": parameters_of(net)} | fit(net, bce, digits, lr=1e-3, batch=batch, epochs=10)}

    return job


def a14(name, without=(), shuffled=False):
    def job(digits):
        (train, train_labels), (test, test_labels) = digits.part("train"), digits.part("t10k")
        kept = [torch.isin(labels, torch.tensor(without), invert=True) for labels in (train_labels, test_labels)]
        if shuffled:
            order = torch.randperm(784, generator=torch.Generator().manual_seed(0))
            train, test = train[:, order], test[:, order]
        net = mlp(SPHERE_NET, nn.PReLU, nn.Sigmoid, LATENTS["sphere"])
        record = fit(net, bce, digits, lr=1e-3, batch=128, epochs=3, train=train[kept[0]], test=test)
        record["final"]["test_of_trained_digits"] = evaluate(net, bce, test[kept[1]], 128)
        if without:
            record["final"]["test_of_left_out_digits"] = evaluate(net, bce, test[~kept[1]], 128)
        return {name: record}

    return job


STRINGS = "10100110 01010101 01101001 10001011 10010101"


class Tied(nn.Module):
    """sigmoid(sigmoid(x W' + b) W + c)"""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(8, 3)
        self.bias = nn.Parameter(torch.empty(8).uniform_(-(3**-0.5), 3**-0.5))

    def forward(self, x):
        return torch.sigmoid(torch.sigmoid(self.encoder(x)) @ self.encoder.weight + self.bias)


def a15(name):
    def job(_digits):
        x = rows_of(STRINGS)
        net = Tied() if name == "A15-tied" else mlp((8, 3, 8), nn.Sigmoid, nn.Sigmoid)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        record = {"train_every_500": []}
        for epoch in range(5000):
            optimizer.zero_grad()
            loss = bce(net, x, x)
            loss.backward()
            optimizer.step()
            if epoch % 500 == 499:
                record["train_every_500"].append(loss.item())
        with torch.no_grad():
            record["final"] = {"train": loss.item(), "largest_difference": (net(x) - x).abs().max().item()}
        return {name: record}

    return job


M1_EPOCHS = 20000


def symmetry_figures(weights):
    """Of each hidden unit: |w + mirrored w| / |w|, 0 where the ends are equal and opposite; |w_i - w_(7-i)| over the least of the three."""
    mirrored = weights.flip(1)
    sizes = (weights - mirrored)[:, :3].abs().sort(1).values
    return {"symmetric_part": ((weights + mirrored).norm(dim=1) / weights.norm(dim=1)).tolist(),
            "ratios": (sizes / sizes[:, :1]).tolist(), "weights": weights.tolist()}


def m1(name, summed, momentum, uniform):
    x = torch.tensor([[float(i >> bit & 1) for bit in range(6)] for i in range(64)])
    target = (x == x.flip(1)).all(1).float()

    def job(_digits):
        net = mlp((6, 2, 1), nn.Sigmoid, nn.Sigmoid)
        if uniform:
            for p in net.parameters():
                nn.init.uniform_(p, -uniform, uniform)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=momentum)
        record = {"solved_after": None, "train_every_1000": []}
        for epoch in range(1, M1_EPOCHS + 1):
            output = net(x)[:, 0]  # before the step: an epoch's errors are seen at the next one's start
            if record["solved_after"] is None and bool(((output > 0.5) == (target > 0.5)).all()):
                record["solved_after"] = epoch - 1
                record["at_solution"] = symmetry_figures(net[0].weight.detach())
            optimizer.zero_grad()
            errors = (output - target).square()
            (0.5 * errors.sum() if summed else errors.mean()).backward()
            optimizer.step()
            if epoch % 1000 == 0:
                record["train_every_1000"].append(errors.mean().item())
        record["at_end"] = symmetry_figures(net[0].weight.detach())
        record["final"] = {"mse": errors.mean().item()}
        return {name: record}

    return job


def toy_classes():
    """300 x 6: 100 of each class about 110000, 001100, 000011, Gaussian noise of deviation 0.3."""
    rng = np.random.default_rng(0)
    prototypes = np.repeat(np.eye(3), 2, axis=1)
    labels = np.repeat(np.arange(3), 100)
    points = prototypes[labels] + 0.3 * rng.standard_normal((300, 6))
    return torch.from_numpy(points).float(), torch.from_numpy(labels)


def m2(_digits):
    x, labels = toy_classes()
    net = mlp((6, 10, 5, 3), nn.Sigmoid, lambda: nn.LogSoftmax(dim=1))
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    record = {"train_every_20": []}
    for epoch in range(200):
        optimizer.zero_grad()
        loss = F.nll_loss(net(x), labels)
        loss.backward()
        optimizer.step()
        if epoch % 20 == 19:
            record["train_every_20"].append(loss.item())
    with torch.no_grad():
        logs = net(x)
    record["final"] = {"train": loss.item(), "probability_of_class": logs.exp().gather(1, labels[:, None]).mean().item(),
                       "share_right": (logs.argmax(1) == labels).float().mean().item()}
    return {"M2": record}


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
