#!/usr/bin/env python3
"""Trains the same networks in CA3 and in PyTorch, from the same weights on the same batches, and compares all parameters and losses.

    autoencoder_steps.py CA3 [--steps 100]        CA3: the ca3 program; run with a Python that has PyTorch and safetensors

Two checks for each network and optimizer:

- ca3 in f64 (--backend reference) against PyTorch in f64: the same definitions give the same numbers. Largest difference of any parameter at
  most 1e-9 of the largest parameter: rounding (1e-16) times the steps (100) times what training stretches it by, for which 1e5 is allowed.
- ca3 in f32 (--backend cpu) and PyTorch in f32, both against PyTorch in f64: ca3 may be at most eight times as far from it as PyTorch, plus 100
  roundings (2^-24) of the largest parameter. (Its sums run in one order, those of PyTorch in blocks, and the first steps of Adam divide by the
  gradient, however small it is.)

Losses of each epoch: 1e-10 in f64; in f32 four times PyTorch's own difference plus 1e-6, relative.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import torch
    from safetensors.torch import load_file, save_file
    from torch import nn
except ImportError as error:
    sys.exit(f"autoencoder_steps.py: {error}; nothing was compared")

PURPOSE_DROPOUT, PURPOSE_LATENT = 16, 19


def draws(seed, purpose, element, step, count):
    """The first words of CA3's random stream: Philox 4x32-10."""
    blocks = np.arange((count + 3) // 4, dtype=np.uint64)
    low = np.uint64(0xFFFFFFFF)
    c = [blocks & low, np.full_like(blocks, element), np.full_like(blocks, step), np.full_like(blocks, purpose) | (blocks >> np.uint64(32) << np.uint64(8))]
    key0, key1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        a, b = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(b >> np.uint64(32)) ^ c[1] ^ np.uint64(key0), b & low, (a >> np.uint64(32)) ^ c[3] ^ np.uint64(key1), a & low]
        key0, key1 = (key0 + 0x9E3779B9) & 0xFFFFFFFF, (key1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack(c, axis=1).reshape(-1)[:count]


class Arctan(nn.Module):
    def forward(self, x):
        return torch.atan(x)


class UnitSphere(nn.Module):
    def forward(self, x):
        return nn.functional.normalize(x, dim=1, eps=1e-12)


class Stream(nn.Module):
    """A module whose draws are those of CA3's layer `layer` at the present step."""

    def __init__(self, layer, seed):
        super().__init__()
        self.layer, self.seed, self.step = layer, seed, 0


class Dropout(Stream):
    def __init__(self, layer, seed, share):
        super().__init__(layer, seed)
        self.share = share

    def forward(self, x):
        u = draws(self.seed, PURPOSE_DROPOUT, self.layer, self.step, x.numel()).reshape(x.shape)
        keep = np.where(u < int(self.share * 2**32), 0.0, 1.0 / (1.0 - self.share))
        return x * torch.from_numpy(keep).to(x.dtype)


class Gaussian(Stream):
    divergence = 0.0

    def forward(self, x):
        mu, log_variance = x.chunk(2, dim=1)
        u = draws(self.seed, PURPOSE_LATENT, self.layer, self.step, mu.numel()).reshape(mu.shape)
        e = torch.special.ndtri(torch.from_numpy((u.astype(np.float64) + 0.5) / 2**32)).to(x.dtype)
        self.divergence = 0.5 * (log_variance.exp() + mu**2 - log_variance - 1).sum() / x.shape[0]
        return mu + e * torch.exp(0.5 * log_variance)


class Tied(nn.Module):
    """A linear map whose weight is the transpose of another's."""

    def __init__(self, other, units):
        super().__init__()
        self.bias = nn.Parameter(torch.empty(units).uniform_(-0.1, 0.1))
        self.other = [other]

    def forward(self, x):
        return nn.functional.linear(x, self.other[0].weight.t(), self.bias)


class Net(nn.Module):
    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = nn.Sequential(*encoder), nn.Sequential(*decoder)
        self.penalised = None

    def forward(self, x):
        return self.decoder(self.encoder(x))


def a1(seed):
    config = {"inputs": 784, "layers": [{"units": 50, "activation": "sigmoid"}, {"units": 784, "activation": "sigmoid"}], "loss": "mse"}
    return config, Net([nn.Linear(784, 50), nn.Sigmoid()], [nn.Linear(50, 784), nn.Sigmoid()]), nn.MSELoss(), 784


def every_kind(seed):
    config = {"inputs": 64, "encoder_layers": 4, "loss": "bce", "kl": {"scale": 0.1}, "layers": [
        {"units": 40, "activation": "tanh", "batch_norm": True, "dropout": 0.25},
        {"units": 33, "activation": "prelu"},
        {"units": 17, "activation": "arctan"},
        {"units": 3, "activation": "gaussian"},
        {"units": 17, "activation": "unit_sphere"},
        {"units": 33, "activation": {"kind": "prelu", "per_unit": True}, "tied_to": 2},
        {"units": 40, "activation": "leaky_relu"},
        {"units": 20, "activation": "relu"},
        {"units": 20, "activation": "softmax"},
        {"units": 20, "activation": "log_softmax"},
        {"units": 64, "activation": "sigmoid"}]}
    third = nn.Linear(33, 17)
    encoder = [nn.Linear(64, 40), nn.BatchNorm1d(40), nn.Tanh(), Dropout(0, seed, 0.25), nn.Linear(40, 33), nn.PReLU(), third, Arctan(),
               nn.Linear(17, 6), Gaussian(3, seed)]
    decoder = [nn.Linear(3, 17), UnitSphere(), Tied(third, 33), nn.PReLU(33), nn.Linear(33, 40), nn.LeakyReLU(), nn.Linear(40, 20), nn.ReLU(),
               nn.Linear(20, 20), nn.Softmax(dim=1), nn.Linear(20, 20), nn.LogSoftmax(dim=1), nn.Linear(20, 64), nn.Sigmoid()]
    return config, Net(encoder, decoder), nn.BCELoss(), 64


def on_sphere(seed):
    """A projection after an activation, as code and in the midst of what a layer may have."""
    config = {"inputs": 64, "encoder_layers": 2, "loss": "bce", "layers": [
        {"units": 33, "activation": {"kind": "prelu", "per_unit": True}, "batch_norm": True, "unit_sphere": True, "dropout": 0.25},
        {"units": 3, "activation": "prelu", "unit_sphere": True},
        {"units": 33, "activation": "tanh", "unit_sphere": True},
        {"units": 64, "activation": "sigmoid"}]}
    encoder = [nn.Linear(64, 33), nn.BatchNorm1d(33), nn.PReLU(33), UnitSphere(), Dropout(0, seed, 0.25), nn.Linear(33, 3), nn.PReLU(), UnitSphere()]
    decoder = [nn.Linear(3, 33), nn.Tanh(), UnitSphere(), nn.Linear(33, 64), nn.Sigmoid()]
    return config, Net(encoder, decoder), nn.BCELoss(), 64


# name, network, optimizer of ca3, that of PyTorch, largest gradient norm
CASES = [
    ("a1 adam", a1, {"kind": "adam", "lr": 1e-2}, lambda p: torch.optim.Adam(p, lr=1e-2), 0.0),
    ("a1 sgd", a1, {"kind": "sgd", "lr": 1.0}, lambda p: torch.optim.SGD(p, lr=1.0), 0.0),
    ("a1 momentum", a1, {"kind": "sgd", "lr": 0.5, "momentum": 0.9, "dampening": 0.2, "weight_decay": 1e-4},
     lambda p: torch.optim.SGD(p, lr=0.5, momentum=0.9, dampening=0.2, weight_decay=1e-4), 0.0),
    ("a1 nesterov", a1, {"kind": "sgd", "lr": 0.5, "momentum": 0.9, "nesterov": True},
     lambda p: torch.optim.SGD(p, lr=0.5, momentum=0.9, nesterov=True), 0.0),
    ("a1 adamw", a1, {"kind": "adamw", "lr": 3e-3, "weight_decay": 0.1}, lambda p: torch.optim.AdamW(p, lr=3e-3, weight_decay=0.1), 0.0),
    ("every kind adam", every_kind, {"kind": "adam", "lr": 1e-3, "weight_decay": 1e-3},
     lambda p: torch.optim.Adam(p, lr=1e-3, weight_decay=1e-3), 0.0),
    ("on sphere adam", on_sphere, {"kind": "adam", "lr": 1e-3}, lambda p: torch.optim.Adam(p, lr=1e-3), 0.0),
    ("on sphere sgd", on_sphere, {"kind": "sgd", "lr": 0.1, "momentum": 0.5}, lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.5), 0.0),
    ("every kind clipped sgd", every_kind, {"kind": "sgd", "lr": 0.1, "momentum": 0.5}, lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.5), 0.05),
]


def train_torch(net, loss_function, make_optimizer, clip, data, order, batch, dtype):
    net = net.to(dtype)
    for module in net.modules():
        if isinstance(module, Tied):
            module.other[0].to(dtype)
    optimizer = make_optimizer(net.parameters())
    x_all = torch.from_numpy(data).to(dtype)
    streams = [m for m in net.modules() if isinstance(m, Stream)]
    step, epochs = 0, []
    for row in order:
        losses = []
        for begin in range(0, len(row), batch):
            x = x_all[torch.from_numpy(row[begin:begin + batch])]
            for stream in streams:
                stream.step = step
            optimizer.zero_grad()
            loss = loss_function(net(x), x)
            for stream in streams:
                if isinstance(stream, Gaussian):
                    loss = loss + 0.1 * stream.divergence
            loss.backward()
            if clip > 0:
                nn.utils.clip_grad_norm_(net.parameters(), clip)
            optimizer.step()
            losses.append(loss.item())
            step += 1
        epochs.append(float(np.mean(losses)))
    return {k: v.detach().double() for k, v in net.state_dict().items()}, np.array(epochs)


def train_ca3(program, folder, config, backend, precision):
    (folder / "config.json").write_text(json.dumps(config | {"precision": precision}))
    command = [program, "autoencoder", "train", folder / "config.json", "--data", folder / "x.npy", "--init", folder / "init.safetensors",
               "--order", folder / "order.npy", "--model", folder / "model.safetensors", "--history", folder / "history.json",
               "--backend", backend, "--quiet"]
    subprocess.run([str(part) for part in command], check=True)
    history = json.loads((folder / "history.json").read_text())
    tensors = {k: v.double() for k, v in load_file(folder / "model.safetensors").items()}
    return tensors, np.array([epoch["train_loss"] for epoch in history["epochs"]])


def distance(a, b):
    if a.keys() != b.keys():
        raise SystemExit(f"tensors differ: {sorted(a.keys() ^ b.keys())}")
    return max((a[k] - b[k]).abs().max().item() for k in a)


def run_case(program, folder, name, make, optimizer, make_torch_optimizer, clip, steps):
    seed, batch = 7, 100
    rng = np.random.default_rng(3)
    torch.manual_seed(5)
    config, net, loss_function, width = make(seed)
    count = 10 * batch
    data = np.round(np.clip(rng.normal(0.2, 0.4, (count, width)), 0, 1), 3).astype(np.float32)
    order = np.stack([rng.permutation(count) for _ in range(max(1, steps // 10))]).astype(np.int64)
    config |= {"seed": seed, "optimizer": optimizer, "epochs": len(order), "batch": batch, "clip_norm": clip}
    np.save(folder / "x.npy", data)
    np.save(folder / "order.npy", order)
    save_file({k: v.contiguous() for k, v in net.state_dict().items()}, folder / "init.safetensors")

    import copy
    plain, plain_losses = train_torch(copy.deepcopy(net), loss_function, make_torch_optimizer, clip, data, order, batch, torch.float32)
    exact, exact_losses = train_torch(net, loss_function, make_torch_optimizer, clip, data, order, batch, torch.float64)
    ours64, losses64 = train_ca3(program, folder, config, "reference", "f64")
    ours, losses = train_ca3(program, folder, config, "cpu", "f32")

    largest = max(v.abs().max().item() for k, v in exact.items() if "num_batches" not in k)
    in_f64, bound64 = distance(ours64, exact), 1e-9 * largest
    in_f32, torch_f32 = distance(ours, exact), distance(plain, exact)
    bound32 = 8 * torch_f32 + 100 * 2.0**-24 * largest
    loss64 = np.max(np.abs(losses64 / exact_losses - 1))
    loss32, torch_loss = np.max(np.abs(losses / exact_losses - 1)), np.max(np.abs(plain_losses / exact_losses - 1))
    good = in_f64 <= bound64 and in_f32 <= bound32 and loss64 <= 1e-10 and loss32 <= 4 * torch_loss + 1e-6
    print(f"{'ok  ' if good else 'FAIL'} {name:<24} f64: parameters {in_f64:.1e} (bound {bound64:.1e}), losses {loss64:.1e};  "
          f"f32: parameters {in_f32:.1e} (PyTorch {torch_f32:.1e}, bound {bound32:.1e}), losses {loss32:.1e} (PyTorch {torch_loss:.1e})", flush=True)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--steps", type=int, default=100)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        results = [run_case(arguments.program, pathlib.Path(folder), *case, arguments.steps) for case in CASES]
    print(f"{sum(results)} of {len(results)} agree")
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
