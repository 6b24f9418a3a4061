"""The experiments of autoencoder_bands.py: job(digits) -> {name: record of this seed}. The seed is set before."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from autoencoder_nets import bce, dead_units, error_by_digit, evaluate, fit, gaussian, mlp, mse, parameters_of, salt_and_pepper, Sphere


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
