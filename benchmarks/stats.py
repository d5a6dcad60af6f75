"""Times the statistics beside scipy's: the same values, the same number of resamples, all cores."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import machine
import numpy as np
import scipy.stats


def ours(options: dict[str, Any], case: str, resamples: int, **columns: np.ndarray) -> dict[str, Any]:
    """One case in Rust: the least of its times, the processor time of all rounds, and the result."""
    with tempfile.TemporaryDirectory() as folder:
        for name, values in columns.items():
            np.asarray(values, dtype="<f8").tofile(Path(folder) / f"{name}.f64")
        command = [options["times"], case, folder, str(resamples), str(options["rounds"])]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout)
    return {**found, "best": min(found["seconds"])}


def once(work: Any) -> tuple[float, Any]:
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def run(options: dict[str, Any]) -> list[dict[str, Any]]:
    rng = np.random.default_rng(7)
    resamples = options["resamples"]
    lines: list[dict[str, Any]] = []

    def line(name: str, n: str, algorithm: str, mine: dict[str, Any], theirs: tuple[float, Any] | None) -> None:
        result = {"name": name, "n": n, "algorithm": algorithm, "ours": mine}
        if theirs:
            result |= {"scipy": theirs[0], "scipy result": theirs[1]}
        lines.append({**result, "load": machine.describe()["load"]})
        print(json.dumps(lines[-1]), file=sys.stderr)

    def interval(found: Any) -> list[float]:
        return [float(found.confidence_interval.low), float(found.confidence_interval.high)]

    blocks = "indices of ten bits in sorted blocks of 1,024, the jackknife in closed form"
    for n in (10_000, 100_000):
        x = rng.exponential(1, n)

        def bca(x: np.ndarray = x) -> list[float]:
            # The batch is what scipy is fastest with here; the whole would need 8 GB.
            return interval(
                scipy.stats.bootstrap(
                    (x,), np.mean, n_resamples=resamples, method="BCa", vectorized=True, batch=10, rng=1
                )
            )

        line("BCa of a mean", f"{n:,}", blocks, ours(options, "bca", resamples, x=x), once(bca))
    for n, count in ((1_000_000, resamples), (1_000_000, resamples // 2), (500_000, resamples)):
        found = ours({**options, "rounds": 1}, "bca", count, x=rng.exponential(1, n))
        line(f"BCa of a mean, B = {count:,}", f"{n:,}", blocks, found, None)
    counts = np.array([3_000_000, 7_000_000])
    line(
        "BCa of a share",
        "10,000,000",
        "the binomial distribution, given the counts",
        ours(options, "binary", resamples, counts=counts),
        None,
    )
    a, b = rng.exponential(1, 10_000), rng.exponential(1.02, 10_000)

    def paired() -> float:
        found = scipy.stats.permutation_test(
            (a - b,), np.mean, permutation_type="samples", n_resamples=resamples, vectorized=True, batch=100, rng=1
        )
        return float(found.pvalue)

    def unpaired() -> float:
        found = scipy.stats.permutation_test(
            (a, b),
            lambda a, b, axis: a.mean(axis) - b.mean(axis),
            n_resamples=resamples,
            vectorized=True,
            batch=100,
            rng=1,
        )
        return float(found.pvalue)

    line(
        "permutation test",
        "10,000 pairs",
        "a sign a bit",
        ours(options, "permutation", resamples, a=a, b=b),
        once(paired),
    )
    mine = ours(options, "permutation unpaired", resamples, a=a, b=b)
    line(
        "permutation test, unpaired", "10,000 and 10,000", "one pass of draws without replacement", mine, once(unpaired)
    )
    sizes = rng.integers(1, 20, 5000)
    clusters = np.repeat(np.arange(5000), sizes)
    x = rng.normal(0, 1, 5000)[clusters] + rng.normal(0, 1, len(clusters))
    sums = np.bincount(clusters, x)

    def whole_clusters() -> list[float]:
        def mean(sums: np.ndarray, sizes: np.ndarray, axis: int) -> np.ndarray:
            return sums.sum(axis) / sizes.sum(axis)

        return interval(
            scipy.stats.bootstrap(
                (sums, sizes), mean, paired=True, n_resamples=resamples, method="BCa", vectorized=True, batch=100, rng=1
            )
        )

    mine = ours(options, "cluster bootstrap", resamples, x=x, clusters=clusters)
    name = f"{len(x):,} in 5,000 clusters"
    line(
        "cluster bootstrap, BCa",
        name,
        "sums and sizes of clusters; scipy gets them ready-made",
        mine,
        once(whole_clusters),
    )
    return lines


if __name__ == "__main__":
    print(json.dumps(run(json.loads(sys.argv[1]))))
