#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Derives the polynomial coefficients of math.h: weighted minimax fits by Lawson's method, in 60 digits (mpmath).

Each fit finds sum c_k x^k (k in `powers`) whose weighted error against `f` is smallest. The coefficients are rounded
to binary32 one by one, lowest power first; what is left is fitted again each time, so a rounding is made up for by
the coefficients after it. Run it to print the tables."""
from __future__ import annotations

from typing import Callable, Sequence

import mpmath as mp
import numpy as np

mp.mp.dps = 60
Real = Callable[[mp.mpf], mp.mpf]


def minimax(f: Real, weight: Real, powers: Sequence[int], low: float, high: float) -> list[mp.mpf]:
    """Coefficients of the weighted minimax polynomial over [low, high], by Lawson's reweighted least squares: unlike
    an exchange it needs no Haar system, which powers from x up over an interval around 0 are not."""
    n = len(powers)
    count = 24 * n
    grid = [mp.mpf(low) + (mp.mpf(high) - low) * (1 - mp.cos(mp.pi * (i + 0.5) / count)) / 2 for i in range(count)]
    weights = [weight(x) for x in grid]
    rows = [[w * x**k for k in powers] for x, w in zip(grid, weights)]
    values = [w * f(x) for x, w in zip(grid, weights)]
    importance = [mp.mpf(1) / count] * count
    best: tuple[mp.mpf, list[mp.mpf]] | None = None
    for _ in range(12):
        a = mp.matrix(n, n)
        b = mp.matrix(n, 1)
        for row, value, u in zip(rows, values, importance):
            for i in range(n):
                b[i] += u * row[i] * value
                for j in range(n):
                    a[i, j] += u * row[i] * row[j]
        solution = mp.lu_solve(a, b)
        coefficients = [solution[i] for i in range(n)]
        errors = [abs(value - mp.fdot(row, coefficients)) for row, value in zip(rows, values)]
        if best is None or max(errors) < best[0]:
            best = max(errors), coefficients
        total = mp.fdot(importance, errors)
        if total == 0:
            break
        importance = [u * e / total for u, e in zip(importance, errors)]
    assert best is not None
    return best[1]


def fit(name: str, f: Real, weight: Real, powers: Sequence[int], low: float, high: float,
        fixed: dict[int, mp.mpf] | None = None) -> list[float]:
    """Fits, rounding coefficients one by one, and prints them with the largest weighted error."""
    known: dict[int, mp.mpf] = dict(fixed or {})
    rest = [k for k in powers if k not in known]
    while rest:
        def residual(x: mp.mpf) -> mp.mpf:
            return f(x) - mp.fsum(c * x**k for k, c in known.items())
        first = minimax(residual, weight, rest, low, high)[0]
        known[rest.pop(0)] = mp.mpf(float(np.float32(float(first))))
    worst = mp.mpf(0)
    for i in range(2001):
        x = mp.mpf(low) + (mp.mpf(high) - low) * i / 2000
        if x != 0:
            worst = max(worst, abs((f(x) - mp.fsum(c * x**k for k, c in known.items())) * weight(x)))
    print(f"/* {name}: error {float(worst):.2e} */")
    out = [float(known[k]) for k in powers]
    for k, c in zip(powers, out):
        print(f"    x^{k}: {c.hex()}f, /* {c:.9g} */")
    return out


def smooth(f: Real, at_zero: mp.mpf) -> Real:
    """f with its limit at 0 filled in."""
    return lambda x: at_zero if x == 0 else f(x)


def main() -> None:
    ln2 = mp.log(2)
    # e^r = 1 + r + r^2 P(r); weight: relative to e^r
    fit("exp", smooth(lambda r: (mp.expm1(r) - r) / r**2, mp.mpf(1) / 2), lambda r: r**2 / mp.exp(r),
        range(5), -0.3467, 0.3467)
    # expm1(r) = r + r^2 P(r); weight: relative to expm1
    fit("expm1", smooth(lambda r: (mp.expm1(r) - r) / r**2, mp.mpf(1) / 2),
        smooth(lambda r: r**2 / mp.expm1(r), mp.mpf(0)), range(6), -0.3467, 0.3467)
    # 2^r = 1 + r P(r)
    fit("exp2", smooth(lambda r: mp.expm1(r * ln2) / r, ln2), lambda r: r / 2**r, range(7), -0.501, 0.501)
    low, high = float(mp.sqrt(0.5) - 1) - 1e-4, float(mp.sqrt(2) - 1) + 1e-4
    # (1 + f)^(5/12) = 1 + f P(f)
    power = mp.mpf(5) / 12
    fit("pow_5_12", smooth(lambda x: ((1 + x) ** power - 1) / x, power), lambda x: abs(x) / (1 + x) ** power, range(8),
        low, high)
    # log2(1 + f) = f log2(e) + f^2 P(f)
    fit("log2", smooth(lambda x: (mp.log1p(x) - x) / ln2 / x**2, -1 / (2 * ln2)),
        smooth(lambda x: x**2 / mp.log1p(x), mp.mpf(0)), range(9), low, high)
    # ln(1 + f) = f - f^2 / 2 + f^3 P(f)
    fit("log", smooth(lambda x: (mp.log1p(x) - x + x**2 / 2) / x**3, mp.mpf(1) / 3),
        smooth(lambda x: x**3 / mp.log1p(x), mp.mpf(0)), range(8), low, high)
    # -ln(erfc(a)) = a P(a), the first coefficient, 2 / sqrt(pi), in two parts; weight: what an error of it does to erfc relative to erf, and in the tail to erfc
    zero = 2 / mp.sqrt(mp.pi)
    fit("erfc", smooth(lambda a: -mp.log(mp.erfc(a)) / a, zero),
        smooth(lambda a: a * max(mp.erfc(a), mp.mpf("1e-4")) / mp.erf(a), 1 / zero), range(11), 0, 5.5, {0: zero})
    # gelu: erfc(sqrt(2) a) = (1 + a P(a))^8; weight: relative, absolute in the tail
    fit("gelu", lambda a: mp.erfc(mp.sqrt(2) * a) ** mp.mpf("0.125"),
        lambda a: 8 * mp.erfc(mp.sqrt(2) * a) ** mp.mpf("0.875") / max(mp.erfc(mp.sqrt(2) * a), mp.mpf("0.04")),
        range(9), 0, 3.5, {0: mp.mpf(1)})


if __name__ == "__main__":
    main()
