"""Data, nets and the training of one net, for autoencoder_experiments.py."""
import gzip
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


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
