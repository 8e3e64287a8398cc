#!/usr/bin/env python3
"""The figures followupd's estimates are compared with, computed another way.

Curves without ties between different ends are estimated by lifelines (Kaplan-Meier, Aalen-Johansen); all curves besides,
from the textbook definitions in exact fractions, summed anew for every instant. Wilson's bounds are the roots of the
quadratic they are defined by. Nothing here is shared with the Rust code.

    python3 -m venv venv && venv/bin/pip install lifelines==0.30.3
    venv/bin/python tests/metrics/reference.py > tests/metrics/figures.json

Without lifelines the script still runs: curves it would have estimated are then told by fractions only, and it says so
on standard error. `cargo test -p followup-metrics` compares to 1e-9.
"""
import json
import random
import sys
from decimal import Decimal, getcontext
from fractions import Fraction

try:
    import warnings

    import pandas as pd
    from lifelines import AalenJohansenFitter, KaplanMeierFitter
except ImportError:
    AalenJohansenFitter = None
    print("lifelines is not installed: fractions only", file=sys.stderr)

getcontext().prec = 60
Z = Decimal("1.959963984540054235524594430520551527955550")
REACHED, COMPETING, OPEN = "reached", "competing", "open"


def dec(fraction):
    return Decimal(fraction.numerator) / Decimal(fraction.denominator)


def bounds(share, variance):
    """The interval of 1 - share on the log(-log) scale, turned back."""
    rest = 1 - share
    if share == 0 or rest == 0:
        return None, None
    rest, error = dec(rest), dec(variance).sqrt()
    theta = (-rest.ln()).ln()
    width = Z * error / (rest * abs(rest.ln()))
    low, high = (1 - (-((theta + sign * width).exp())).exp() for sign in (-1, 1))
    return float(low), float(high)


def exact(spells):
    """Every sum from its definition, for every instant anew."""
    seen = [s for s in spells if s[0] is None or s[0] < s[1]]
    instants = sorted({left for _, left, end in seen if end != OPEN})
    table, survival, broken = [], Fraction(1), False
    for t in instants:
        risk = sum(1 for entered, left, _ in seen if (entered is None or entered < t) and left >= t)
        d1 = sum(1 for _, left, end in seen if left == t and end == REACHED)
        d2 = sum(1 for _, left, end in seen if left == t and end == COMPETING)
        table.append({"t": t, "n": risk, "d1": d1, "d": d1 + d2, "before": survival})
        survival *= Fraction(risk - d1 - d2, risk)
        if survival == 0:
            broken = any(entered is not None and entered >= t for entered, _, _ in seen)
            break
    steps = []
    for place, here in enumerate(table):
        rows = table[: place + 1]
        share = lambda upto: sum(r["before"] * Fraction(r["d1"], r["n"]) for r in table[: upto + 1])
        f = share(place)
        v = Fraction(0)
        for j, r in enumerate(rows):
            apart = f - share(j)
            if r["n"] > r["d"]:
                v += apart**2 * Fraction(r["d"], r["n"] * (r["n"] - r["d"]))
            v += r["before"] ** 2 * Fraction((r["n"] - r["d1"]) * r["d1"], r["n"] ** 3)
            v -= 2 * apart * r["before"] * Fraction(r["d1"], r["n"] ** 2)
        left = here["before"] * Fraction(here["n"] - here["d"], here["n"])
        low, high = bounds(f, v)
        steps.append(
            {
                "at": here["t"],
                "at_risk": here["n"],
                "left": float(left),
                "share": float(f),
                "competing_share": float(1 - left - f),
                "variance": float(v),
                "low": low,
                "high": high,
                "_f": f,
            }
        )
    quantiles = []
    for p in (Fraction(1, 2), Fraction(3, 4), Fraction(9, 10)):
        first = lambda value: next((s["at"] for s in steps if value(s) is not None and value(s) >= p), None)
        quantiles.append(
            {
                "p": float(p),
                "at": first(lambda s: s["_f"]),
                "low": first(lambda s: s["high"]),
                "high": first(lambda s: s["low"]),
            }
        )
    for step in steps:
        del step["_f"]
    return {"steps": steps, "quantiles": quantiles, "is_broken": broken}


def by_lifelines(spells):
    """What lifelines says at the instants at which something ended."""
    frame = pd.DataFrame(spells, columns=["entered", "left", "end"])
    code = frame["end"].map({REACHED: 1, COMPETING: 2, OPEN: 0})
    entry = frame["entered"].fillna(0) if frame["entered"].notna().any() else None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if (code == 2).any():
            fitted = AalenJohansenFitter().fit(frame["left"], code, event_of_interest=1, entry=entry)
            share, variance = fitted.cumulative_density_.iloc[:, 0], fitted.variance_
            rows = [
                {"at": int(t), "share": float(share[t]), "variance": float(variance[t])}
                for t in sorted(set(frame["left"][code != 0]))
            ]
            # the package divides by zero where nobody is left
            return [{key: value for key, value in row.items() if value == value} for row in rows]
        fitted = KaplanMeierFitter().fit(frame["left"], code == 1, entry=entry)
        left, interval = fitted.survival_function_.iloc[:, 0], fitted.confidence_interval_
        rows = []
        for t in sorted(set(frame["left"][code != 0])):
            row = {"at": int(t), "share": float(1 - left[t])}
            if 0 < left[t] < 1:
                low, high = interval.loc[t]
                row["low"], row["high"] = float(1 - high), float(1 - low)
            rows.append(row)
        return rows


def wilson(k, n):
    """The roots of (k/n - p)^2 = z^2 p (1 - p) / n."""
    k, n = Decimal(k), Decimal(n)
    a, b, c = 1 + Z**2 / n, -(2 * k / n + Z**2 / n), (k / n) ** 2
    root = (b * b - 4 * a * c).sqrt()
    return {"k": int(k), "n": int(n), "low": float((-b - root) / (2 * a)), "high": float((-b + root) / (2 * a))}


def scene(seed, n, ends, late=0.0, ties=False):
    """Invented spells. Without ties every instant occurs once, whatever it is."""
    dice = random.Random(seed)
    pool = list(range(2, 40)) if ties else dice.sample(range(2, 400_000), 2 * n)
    spells = []
    for place in range(n):
        left = dice.choice(pool) if ties else pool[2 * place]
        entered = None
        if dice.random() < late:
            entered = dice.randrange(0, 20) if ties else pool[2 * place + 1]
            if not ties and entered > left:
                entered, left = left, entered
        spells.append([entered, left, dice.choice(ends)])
    return spells


def main():
    scenes = {
        "everybody watched to the end": scene(1, 30, [REACHED]),
        "some still open": scene(2, 60, [REACHED, OPEN]),
        "competing ends": scene(3, 80, [REACHED, COMPETING, OPEN]),
        "competing ends, some come late": scene(4, 120, [REACHED, REACHED, COMPETING, OPEN], late=0.25),
        "some come late": scene(5, 90, [REACHED, OPEN], late=0.3),
        "ties of every kind": scene(6, 150, [REACHED, COMPETING, OPEN], ties=True),
        "ties of every kind, some come late": scene(7, 150, [REACHED, COMPETING, OPEN], late=0.4, ties=True),
        "few": [[None, 5, REACHED], [None, 5, COMPETING], [None, 7, OPEN], [None, 9, REACHED], [None, 9, OPEN]],
        "the only one at risk ends before the next comes": [[0, 3, REACHED], [4, 9, REACHED], [5, 8, OPEN]],
    }
    curves = []
    for name, spells in scenes.items():
        curve = {"name": name, "spells": spells, **exact(spells)}
        if AalenJohansenFitter and "ties" not in name and name not in ("few",) and not curve["is_broken"]:
            curve["lifelines"] = by_lifelines(spells)
        curves.append(curve)
    shares = [wilson(k, n) for n in (5, 20, 33, 250, 10_000) for k in sorted({0, 1, n // 3, n // 2, n - 1, n})]
    json.dump({"curves": curves, "wilson": shares}, sys.stdout, indent=None, separators=(",", ":"))
    print()


main()
