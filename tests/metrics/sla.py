#!/usr/bin/env python3
"""Figures of kept and missed promises, computed another way: exact fractions, and Wilson's bounds as the roots of the
quadratic they are defined by. Nothing here is shared with the Rust code.

    python3 tests/metrics/sla.py > tests/metrics/sla.json

`cargo test -p followup-metrics` compares to 1e-9.
"""
import json
import random
import sys
from decimal import Decimal, getcontext
from fractions import Fraction

getcontext().prec = 60
Z = Decimal("1.959963984540054235524594430520551527955550")


def wilson(k, n):
    """The roots of (k/n - p)^2 = z^2 p (1 - p) / n."""
    k, n = Decimal(k), Decimal(n)
    a, b, c = 1 + Z**2 / n, -(2 * k / n + Z**2 / n), (k / n) ** 2
    root = (b * b - 4 * a * c).sqrt()
    return float(k / n), float((-b - root) / (2 * a)), float((-b + root) / (2 * a))


def figures(name, promises):
    kept = missed = not_yet = near = 0
    overruns = []
    for target, elapsed, is_open in promises:
        late = elapsed > target
        if late:
            missed += 1
            overruns.append((elapsed - target, is_open))
        elif is_open:
            not_yet += 1
        else:
            kept += 1
            # less than a fifth of the target was left
            near += Fraction(target - elapsed, target) < Fraction(1, 5)
    # the smallest overrun that at least nine of ten missed promises have at most
    values = sorted(length for length, _ in overruns)
    at = next(v for v in values if Fraction(sum(1 for w in values if w <= v), len(values)) >= Fraction(9, 10))
    grows = any(is_open for length, is_open in overruns if length <= at)
    share, low, high = wilson(kept, kept + missed)
    near_share, near_low, near_high = wilson(near, kept + missed)
    return {
        "name": name,
        "promises": promises,
        "kept": kept,
        "missed": missed,
        "not_yet_due": not_yet,
        "near": near,
        "share": share,
        "low": low,
        "high": high,
        "near_share": near_share,
        "near_low": near_low,
        "near_high": near_high,
        "overrun_seconds": at,
        "overrun_is_open": grows,
    }


def scene(seed, n, open_share, targets=(900, 14_400, 28_800)):
    """Invented promises; no two overruns are equal."""
    dice = random.Random(seed)
    promises, seen = [], set()
    while len(promises) < n:
        target = dice.choice(targets)
        elapsed = int(target * dice.uniform(0.02, 3.0))
        if elapsed - target in seen:
            continue
        seen.add(elapsed - target)
        promises.append([target, elapsed, dice.random() < open_share])
    return promises


def main():
    scenes = [
        figures("everything answered", scene(1, 80, 0.0)),
        figures("some open still", scene(2, 120, 0.3)),
        figures("mostly open", scene(3, 200, 0.8)),
        figures("one target", scene(4, 60, 0.1, targets=(900,))),
        figures("many", scene(5, 1_000, 0.2)),
        figures("at the target, and a second beyond", [[900, 900, False]] * 10 + [[900, 900 + n, False] for n in range(1, 31)]),
    ]
    json.dump(scenes, sys.stdout, indent=None, separators=(",", ":"))
    print()


main()
