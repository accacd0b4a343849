#!/usr/bin/env python3
"""Times our fits against scikit-learn's isolation forest, in one run: 2,016 steps, 100 trees.

    python3 test/accuracy/forest.py      (needs Go and scikit-learn: Debian's python3-sklearn)
"""
import re
import subprocess
import time

import numpy
import sklearn
from sklearn.ensemble import IsolationForest


def best(of, runs=5):
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        of()
        times.append(time.perf_counter() - start)
    return min(times)


points = numpy.random.default_rng(1).normal(size=(2016, 4))
forest = IsolationForest(n_estimators=100, max_samples=256, random_state=1)
theirs = {
    "fit": best(lambda: forest.fit(points)),
    "score": best(lambda: forest.score_samples(points[:1])),
}
theirs["contamination"] = best(lambda: IsolationForest(n_estimators=100, contamination=0.05, random_state=1).fit(points))

out = subprocess.run(["go", "test", "-run", "xxx", "-bench", "^Benchmark(ForestGrow|ForestScore|Fit|Score)$", "-count", "5",
                      "./scorer", "./scorer/isolationforest"],
                     check=True, capture_output=True, text=True).stdout
ours = {}
for name, ns in re.findall(r"^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+([\d.]+) ns/op", out, re.M):
    ours[name] = min(ours.get(name, float("inf")), float(ns) / 1e9)

print(f"scikit-learn {sklearn.__version__}, fastest of five runs each")
for what, name, peer in [("forest, fit", "ForestGrow", "fit"), ("forest, fit for contamination", "ForestGrow", "contamination"),
                         ("forest, score a step", "ForestScore", "score"),
                         ("auto, whole refit", "Fit/2016", "contamination"), ("auto, score a step", "Score/auto", "score")]:
    print(f"{what:30} {ours[name] * 1e3:9.4f} ms   {theirs[peer] * 1e3:8.1f} ms   {theirs[peer] / ours[name]:7.0f} times")
