"""The same training by others, driven by lines: `peer_training.py ddp|torch|sklearn NET ROWS RANK THREADS PORT`."""

import os
import sys
import time
from collections.abc import Callable

import numpy as np
from peers import torch_network
from processes import serve

KIND, NET, ROWS, RANK, THREADS, PORT = sys.argv[1:]
SIZES, RANKS = tuple(map(int, NET.split("-"))), 2


def data(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return random inputs and classes."""
    random = np.random.default_rng(0)
    return random.standard_normal((rows, SIZES[0]), np.float32), random.integers(0, SIZES[-1], rows)


def torch_step(rows: int) -> Callable[[], object]:
    """Return PyTorch's whole step of SGD; in two processes for DDP, whose gradients gloo averages."""
    import torch

    torch.set_num_threads(int(THREADS))
    network = torch_network(SIZES)
    if KIND == "ddp":
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": PORT, "GLOO_SOCKET_IFNAME": "lo"}
        torch.distributed.init_process_group("gloo", rank=int(RANK), world_size=RANKS)
        network = torch.nn.parallel.DistributedDataParallel(network)
    X, Y = map(torch.from_numpy, data(rows))
    optimizer, loss = torch.optim.SGD(network.parameters(), 1e-3), torch.nn.CrossEntropyLoss()

    def step() -> None:
        optimizer.zero_grad()
        loss(network(X), Y).backward()
        optimizer.step()

    return step


def serve_together(step: Callable[[], object], samples: int) -> None:
    """Answer commands as `serve` does; rank 0 says how many steps fill the time, so that all take as many."""
    import torch

    for _ in range(3):
        step()
    print("ready", flush=True)
    for line in sys.stdin:
        began = time.perf_counter()
        step()
        count = torch.tensor([max(2, round(float(line) / (time.perf_counter() - began)))])
        torch.distributed.broadcast(count, 0)
        began = time.perf_counter()
        for _ in range(int(count)):
            step()
        print(int(count) * samples / (time.perf_counter() - began), flush=True)


def sklearn_step(rows: int) -> Callable[[], object]:
    """Return one step of scikit-learn's MLPClassifier by SGD."""
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    threadpool_limits(int(THREADS))
    model = MLPClassifier(SIZES[1:-1], solver="sgd", batch_size=rows, learning_rate_init=1e-3, alpha=0, momentum=0)
    (X, Y), classes = data(rows), np.arange(SIZES[-1])
    return lambda: model.partial_fit(X, Y, classes=classes)


if __name__ == "__main__":
    if KIND == "ddp":
        serve_together(torch_step(int(ROWS)), int(ROWS))
    else:
        rows = RANKS * int(ROWS)
        serve(torch_step(rows) if KIND == "torch" else sklearn_step(rows), rows)
