#!/usr/bin/env python3
"""Training steps of dense autoencoders in PyTorch: milliseconds of zero_grad, forward, loss, backward and Adam on a batch in memory.

    autoencoder_torch.py [--device cpu|cuda] [--threads N] [--tuned] [--rounds N] [--only NET ...] [--modes MODE ...]
                         [--precisions P ...] [--json FILE]
    autoencoder_torch.py [--tuned] --once NET BATCH [--infer] [--mode MODE] [--precision P] [--steps N]

MSE, Adam 1e-3 (0.9, 0.999), PyTorch's own initialisation. Nets: deep (784-512-256-128-30-128-256-512-784, ReLU, sigmoid out),
mid (784-200-784, sigmoid), thin (784-30-784, sigmoid), wide (784-1156-784, ReLU). Modes:

    eager, foreach, fused    eager with PyTorch's default Adam, with foreach=True, with fused=True
    compile                  torch.compile of forward and loss (backward with it), fused Adam; inference with its weights frozen
    graph                    the whole step with fused capturable Adam captured once in a torch.cuda.CUDAGraph (GPU)
    compile_graph            the same of the compiled function

Precisions: f32; tf32 (GPU); bf16 by autocast, parameters and Adam in f32. Inference knows no foreach and fused. The methods
of a net take turns, round by round; a row gives the median and the least of its rounds. On a GPU a round is a run of steps between two
synchronisations, on a CPU one step. Ten steps of every method are checked against the first method's loss before it is timed.

--once is for a driver that alternates with another program: it warms up, prints "ready", then answers every line that it reads with
one line, "<median ms> <least ms>" of N steps, after two untimed ones. Idle threads of OpenMP spin for a while: leave them some 15 ms.

--tuned starts itself again with what makes PyTorch faster on an EPYC of Zen 5 with 2 cores (f32 training 1.9 to 2.3 times, thin 1.25):
MKL told that the processor is Intel's, without which it takes its AVX2 kernels there (MKL_ENABLE_INSTRUCTIONS, MKL_CBWR and
MKL_DEBUG_CPU_TYPE change nothing in this MKL); an allocator that keeps its pages; bound threads. It needs cc. Tried without gain:
max-autotune with its C++ templates, cpp_wrapper, the optimizer compiled too; oneDNN's f32 product is as fast as the tuned MKL's.

compile needs a C++ compiler. A mode that does not work is named and left out.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

CORES = len(os.sched_getaffinity(0))  # before OMP_PROC_BIND pins this thread

try:
    import torch
    from torch import nn
except ImportError as error:
    sys.exit(f"autoencoder_torch.py: PyTorch is not installed ({error}); nothing was measured")

# widths, hidden activation, output activation
NETS = {
    "deep": ((784, 512, 256, 128, 30, 128, 256, 512, 784), nn.ReLU, nn.Sigmoid),
    "mid": ((784, 200, 784), nn.Sigmoid, nn.Sigmoid),
    "thin": ((784, 30, 784), nn.Sigmoid, nn.Sigmoid),
    "wide": ((784, 1156, 784), nn.ReLU, nn.ReLU),
}
# net, batch, inference only
CASES = [("deep", 64, False), ("deep", 256, False), ("deep", 256, True), ("mid", 1000, False), ("thin", 64, False), ("wide", 256, False)]
MODES = {"cpu": ["eager", "foreach", "fused", "compile"], "cuda": ["foreach", "fused", "compile", "graph", "compile_graph"]}
PRECISIONS = {"cpu": ["f32"], "cuda": ["f32", "tf32", "bf16"]}
LOSS_TOLERANCE = {"f32": 1e-4, "tf32": 1e-2, "bf16": 3e-2}  # relative, after ten steps from the same parameters


TUNED_ENVIRONMENT = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=1073741824:glibc.malloc.trim_threshold=4294967296",
    "OMP_PROC_BIND": "true",
}
PRELOADED = "int mkl_serv_intel_cpu_true(void) { return 1; }\n"


def start_tuned():
    """Starts this program again in the tuned environment, or returns where it already runs there."""
    folder = os.environ.pop("CA3_PEER_PRELOAD", None)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
        os.environ.pop("LD_PRELOAD", None)  # loaded; compilers that are started need it not
        return
    folder = tempfile.mkdtemp(prefix="ca3-peer-")
    library = os.path.join(folder, "intel.so")
    command = ["cc", "-shared", "-fPIC", "-x", "c", "-o", library, "-"]
    try:
        subprocess.run(command, input=PRELOADED, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        shutil.rmtree(folder)
        sys.exit(f"autoencoder_torch.py: --tuned needs a C compiler ({error})")
    environment = os.environ | TUNED_ENVIRONMENT | {"LD_PRELOAD": library, "CA3_PEER_PRELOAD": folder}
    os.execve(sys.executable, [sys.executable, *sys.argv], environment)


def make_net(name, device):
    torch.manual_seed(1)
    widths, hidden, output = NETS[name]
    layers = []
    for i, (n_in, n_out) in enumerate(zip(widths, widths[1:])):
        layers += [nn.Linear(n_in, n_out), (output if i == len(widths) - 2 else hidden)()]
    return nn.Sequential(*layers).to(device)


def make_batch(B, device):
    """Images as sparse as digits: a fifth of the pixels is not 0."""
    generator = torch.Generator().manual_seed(7)
    pixels = torch.rand((B, 784), generator=generator)
    return torch.where(torch.rand((B, 784), generator=generator) < 0.2, pixels, torch.zeros(())).to(device)


def flops(name, B, infer):
    """Of the matrix products: forward, weight gradients, and input gradients of all layers but the first."""
    widths = NETS[name][0]
    products = [2 * B * n_in * n_out for n_in, n_out in zip(widths, widths[1:])]
    return sum(products) if infer else 3 * sum(products) - products[0]


def set_precision(precision):
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")


def captured(body, warm_ups):
    """body() as a CUDA graph, replayed by the function returned; body keeps its results in tensors of its own."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(warm_ups):
            body()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = body()

    def replay():
        graph.replay()
        return result

    replay.body = body  # the graph knows the addresses of what the body holds, and does not keep it alive
    return replay


def make_training(name, B, mode, precision, device):
    """step() -> loss, a tensor on the device. All modes start from the same parameters; a captured one has made three steps then."""
    net, x = make_net(name, device), make_batch(B, device)
    is_captured = mode.endswith("graph")
    adam = {"eager": {}, "foreach": {"foreach": True}}.get(mode, {"fused": True, "capturable": is_captured})
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, **adam)
    criterion = nn.MSELoss()

    def loss_of(inputs):
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16", cache_enabled=not is_captured):
            return criterion(net(inputs), inputs)

    forward = torch.compile(loss_of, dynamic=False) if mode.startswith("compile") else loss_of

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = forward(x)
        loss.backward()
        optimizer.step()
        return loss

    return captured(step, 3) if is_captured else step


def make_inference(name, B, mode, precision, device):
    net, x = make_net(name, device).eval(), make_batch(B, device)
    is_captured = mode.endswith("graph")
    if mode.startswith("compile"):
        net = torch.compile(net, dynamic=False, options={"freezing": True})

    def step():
        with torch.no_grad(), torch.autocast(device, torch.bfloat16, enabled=precision == "bf16", cache_enabled=not is_captured):
            return net(x)

    return captured(step, 3) if is_captured else step


def make_step(case, mode, precision, device):
    name, B, infer = case
    set_precision(precision)
    return (make_inference if infer else make_training)(name, B, mode, precision, device)


def warmed(case, mode, precision, device):
    """A step that has run, and the figure by which it is checked: the loss before the 11th step, or the mean output."""
    step = make_step(case, mode, precision, device)
    for _ in range(7 if mode.endswith("graph") else 10):
        step()
    figure = step().float().mean().item()
    deadline = time.perf_counter() + 0.5
    while time.perf_counter() < deadline:
        step()
    synchronise(device)
    return step, figure


def synchronise(device):
    if device == "cuda":
        torch.cuda.synchronize()


def seconds_of(step, steps, device):
    start = time.perf_counter()
    for _ in range(steps):
        step()
    synchronise(device)
    return (time.perf_counter() - start) / steps


def measure(case, modes, precisions, device, rounds):
    name, B, infer = case
    methods, rows, reference = {}, [], None
    torch.compiler.reset()  # the limit of recompilations counts all nets of one function
    for precision in precisions:
        for mode in modes:
            if infer and mode in ("foreach", "fused"):
                if mode != modes[0] or "eager" in modes:
                    continue
                mode = "eager"
            try:
                step, figure = warmed(case, mode, precision, device)
            except Exception as error:  # torch.compile raises what its compiler raised
                print(f"{name} {B} {mode} {precision}: not available: {(str(error).splitlines() or [repr(error)])[0]}", file=sys.stderr)
                continue
            reference = figure if reference is None else reference
            if abs(figure - reference) > LOSS_TOLERANCE[precision] * abs(reference):
                print(f"{name} {B} {mode} {precision}: {figure} instead of {reference}, left out", file=sys.stderr)
                continue
            methods[mode, precision] = (step, figure)
    steps = 50 if device == "cuda" else 1
    times = {key: [] for key in methods}
    for _ in range(rounds):  # the methods take turns, several rounds at a turn so that a method meets its own caches
        for key, (step, _figure) in methods.items():
            set_precision(key[1])
            step()
            times[key] += [seconds_of(step, steps, device) for _ in range(5)]
    for (mode, precision), (_step, figure) in methods.items():
        median, least = statistics.median(times[mode, precision]), min(times[mode, precision])
        rows.append({"net": name, "batch": B, "work": "inference" if infer else "training", "mode": mode, "precision": precision,
                     "median_ms": round(1e3 * median, 4), "min_ms": round(1e3 * least, 4), "samples_per_s": round(B / median),
                     "gflop_per_s": round(flops(name, B, infer) / median / 1e9, 1), "check": figure})
    return rows


def answer_lines(case, mode, precision, device, steps):
    step, _figure = warmed(case, mode, precision, device)
    print("ready", flush=True)
    run = 50 if device == "cuda" else 1
    for _line in sys.stdin:
        for _ in range(2):
            step()
        synchronise(device)
        times = [seconds_of(step, run, device) for _ in range(max(1, steps // run))]
        print(f"{1e3 * statistics.median(times):.5f} {1e3 * min(times):.5f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=CORES)
    parser.add_argument("--rounds", type=int, default=20, help="turns of five timings")
    parser.add_argument("--only", nargs="+", choices=sorted(NETS), help="these nets")
    parser.add_argument("--modes", nargs="+", choices=["eager", "foreach", "fused", "compile", "graph", "compile_graph"])
    parser.add_argument("--precisions", nargs="+", choices=sorted(LOSS_TOLERANCE))
    parser.add_argument("--json", metavar="FILE", help="write the result there as well")
    parser.add_argument("--tuned", action="store_true", help="in the environment that is best for CPUs, see above")
    parser.add_argument("--once", nargs=2, metavar=("NET", "BATCH"), help="answer lines, see above")
    parser.add_argument("--infer", action="store_true", help="with --once: the forward pass alone")
    parser.add_argument("--mode", default=None, help="with --once; fused unless said, graph on a GPU")
    parser.add_argument("--precision", default="f32", choices=sorted(LOSS_TOLERANCE), help="with --once")
    parser.add_argument("--steps", type=int, default=50, help="with --once: steps of an answer")
    arguments = parser.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        sys.exit("autoencoder_torch.py: this PyTorch sees no GPU; nothing was measured")
    if arguments.tuned:
        start_tuned()
    torch.set_num_threads(arguments.threads)

    if arguments.once:
        name, B = arguments.once[0], int(arguments.once[1])
        if name not in NETS:
            sys.exit(f"autoencoder_torch.py: no net {name}, there are {', '.join(NETS)}")
        mode = arguments.mode or ("graph" if arguments.device == "cuda" else "eager" if arguments.infer else "fused")
        answer_lines((name, B, arguments.infer), mode, arguments.precision, arguments.device, arguments.steps)
        return

    rows = []
    device = torch.cuda.get_device_name() if arguments.device == "cuda" else f"CPU, {arguments.threads} threads"
    load = os.getloadavg()
    print(f"PyTorch {torch.__version__}, {device}, load average {load[0]:.2f}")
    print(f"{'net':<5} {'batch':>5} {'work':<9} {'mode':<13} {'prec':<5} {'median ms':>10} {'min ms':>10} {'samples/s':>12}"
          f" {'GFLOP/s':>9}")
    for case in CASES:
        if arguments.only and case[0] not in arguments.only:
            continue
        for r in measure(case, arguments.modes or MODES[arguments.device], arguments.precisions or PRECISIONS[arguments.device],
                         arguments.device, arguments.rounds):
            print(f"{r['net']:<5} {r['batch']:>5} {r['work']:<9} {r['mode']:<13} {r['precision']:<5} {r['median_ms']:>10.4f}"
                  f" {r['min_ms']:>10.4f} {r['samples_per_s']:>12,} {r['gflop_per_s']:>9,}", flush=True)
            rows.append(r)
    if arguments.json:
        environment = {k: v for k, v in os.environ.items() if k.startswith(("MKL", "OMP", "KMP", "GOMP", "DNNL", "GLIBC_T"))}
        result = {"torch": torch.__version__, "device": device, "load_average": load, "tuned": arguments.tuned,
                  "environment": environment, "rows": rows}
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
