"""Computes what dockmeter's statistics compute, by libraries that others have written.

Reads {"samples": [...], "pairs": [...], "points": [...], "normal": [...], "student": [...],
"changes": [...]}, or some of these, as JSON from standard input, and answers under the same names,
case by case. What is not a number is null.
"""

import json
import math
import sys
import warnings

import numpy as np
import pymannkendall
from otava import analysis
from scipy import stats

# What a t test of equal values says is compared, not printed.
warnings.simplefilter("ignore")


def samples(case):
    values = case["values"]
    return {
        "median": np.median(values),
        "quantiles": [np.quantile(values, share) for share in case["shares"]],
        "robust_deviation": stats.median_abs_deviation(values, scale="normal"),
    }


def pairs(case):
    before, after = np.array(case["before"]), np.array(case["after"])
    wins = stats.mannwhitneyu(after, before).statistic
    count = min(len(before), len(after))
    correlation = stats.spearmanr(before[:count], after[:count])
    differences = np.sort((after[:, None] - before[None, :]).ravel())
    low, high = shift_interval(differences, len(before), len(after))
    return {
        "superiority": wins / (len(before) * len(after)),
        "shift": np.median(differences),
        "low": low,
        "high": high,
        "rho": correlation.statistic,
        "rho_p": correlation.pvalue,
    }


def shift_interval(differences, n, m):
    """Hollander, Wolfe and Chicken 2014, section 4.3, by the normal approximation (4.42)."""
    wanted = n * m / 2 - stats.norm.ppf(0.975) * math.sqrt(n * m * (n + m + 1) / 12)
    rank = max(round(wanted), 1)
    return differences[rank - 1], differences[n * m - rank]


def points(case):
    times, values = case["times"], case["values"]
    slope = stats.theilslopes(values, times)
    return {
        "slope": slope.slope,
        "low": slope.low_slope,
        "high": slope.high_slope,
        # Its own p is 1 less the share below, which ends at 1e-16.
        "p": normal(pymannkendall.original_test(values).z),
    }


def normal(z):
    return 2 * stats.norm.sf(abs(z))


def student(case):
    t, freedom = case
    return 2 * stats.t.sf(abs(t), freedom)


def changes(case):
    arguments = case["values"], case["window"], case["significance"], case["least_change"]
    as_it_is, _ = analysis.compute_change_points(*arguments)
    return {"otava": [point.index for point in as_it_is], "repaired": repaired(*arguments)}


class SampleDeviation(analysis.TTestSignificanceTester):
    """Otava's test with the deviation of a sample, which its formula wants, not of a population."""

    def compare(self, left, right):
        found = super().compare(left, right)
        if len(left) + len(right) > 2:
            _, found.pvalue = stats.ttest_ind_from_stats(
                found.mean_1, deviation(left), len(left), found.mean_2, deviation(right), len(right)
            )
        return found


def deviation(values):
    return np.std(values, ddof=1) if len(values) > 1 else 0.0


def repaired(values, window, significance, least_change):
    """Otava's windows with that test; of what they find the weakest is given up as Otava does, but
    then all are tested again. Otava tests the next one and the one after it, and keeps what it knew
    of the one before, whose right side has changed (apache/otava pull request 96)."""
    usual = analysis.TTestSignificanceTester
    analysis.TTestSignificanceTester = SampleDeviation
    try:
        found = analysis.split(values, window, significance * 10)
    finally:
        analysis.TTestSignificanceTester = usual
    tester = SampleDeviation(significance)
    while found:
        intervals = tester.get_intervals(found)
        found = [tester.change_point(point.to_candidate(), values, intervals) for point in found]
        weakest = max(found, key=lambda point: point.stats.pvalue)
        if weakest.stats.pvalue < significance:
            weakest = min(found, key=lambda point: point.stats.change_magnitude())
            if weakest.stats.change_magnitude() > least_change:
                break
        found.remove(weakest)
    return [
        {"index": p.index, "before": p.stats.mean_1, "after": p.stats.mean_2, "p": p.stats.pvalue}
        for p in found
    ]


def plain(answer):
    """As JSON has it."""
    if isinstance(answer, dict):
        return {name: plain(value) for name, value in answer.items()}
    if isinstance(answer, list):
        return [plain(value) for value in answer]
    if isinstance(answer, (int, np.integer)):
        return int(answer)
    return float(answer) if math.isfinite(answer) else None


def main():
    asked = json.load(sys.stdin)
    by = [samples, pairs, points, normal, student, changes]
    answers = {of.__name__: plain([of(case) for case in asked.get(of.__name__, [])]) for of in by}
    json.dump(answers, sys.stdout, allow_nan=False)


main()
