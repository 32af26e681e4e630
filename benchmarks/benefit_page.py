"""The part of the page that shows what `benefit.py` recorded."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from statistics import fmean

from evidence import RESULTS, Result, held, page, share, table

NAMES = {
    "real": "real rows only",
    "raw": "raw synthetic only",
    "raw_real": "raw + real",
    "raw_half": "raw, cut to 50 % real",
    "verify": "dedupe, verify; + real",
    "scan_late": "dedupe, verify, scan; + real",
    "scan": "dedupe, scan, verify; + real",
    "cap": "dedupe, scan, verify, cluster-cap; + real",
    "gate": "**whole gate**: and audit, blend",
    "uneven": "the same without `--balance`",
    "shipped": "whole gate, cap and blend as they ship",
    "shipped_even": "the same with `--balance`",
    "oracle": "all right synthetic rows + real",
}
GROUPS = ("weak", "starved", "other")
CASES = {
    (
        "clinc",
        "token",
    ): "CLINC150, a rare token with a false label (validation rows chose the setting)",
    ("clinc", "phrase"): "CLINC150, another attack: a phrase of common words with a false label",
    ("clinc", "clean"): "CLINC150, a third attack: a phrase of common words with the *true* label",
    (
        "docs",
        "phrase",
    ): "Another corpus, a weak verifier: documentation strings of Python, the phrase",
}
HEAD = ("training set", "rows", "wrong", "triggers", "audit", "accuracy", *GROUPS, "attack")
MAIN, OTHER = ("clinc", "token"), ("docs", "phrase")


def part(result: Result) -> str:
    """Return the part of the page."""
    cases = [case for case in CASES if runs_of(result, case)]
    tables = "\n\n".join(
        f"### {CASES[case]}\n\nSeeds {seeds(result, case)}.\n\n{of_case(result, case)}"
        for case in cases
    )
    asked = table(("asked of CLINC150", "measured, mean of the seeds", ""), bars(result))
    tuning = json.loads((RESULTS / "tuning.json").read_text())["seeds"]
    words = {"setting": setting(result["setting"]), "seeds": seeds(result, MAIN)}
    words["tuning"] = ", ".join(map(str, tuning))
    return page("benefit", tables=tables, bars=asked, **words, **figures(result))


def runs_of(result: Result, case: tuple[str, str]) -> list[dict[str, Result]]:
    """Return the arms of each seed of a case."""
    return [run["arms"] for run in result["runs"] if (run["corpus"], run["attack"]) == case]


def seeds(result: Result, case: tuple[str, str]) -> str:
    """Return the seeds of a case, as words."""
    found = [str(run["seed"]) for run in result["runs"] if (run["corpus"], run["attack"]) == case]
    return ", ".join(found)


def setting(chosen: Result) -> str:
    """Return the chosen setting, as words."""
    return (
        f"the label among the {chosen['top']} most likely, `--max-per-cluster {chosen['cap']}`, "
        f"`--real-fraction {chosen['fraction']} --on-shortage {chosen['shortage']}`"
        + (" and `--balance` of the label" if chosen["balance"] else "")
    )


def of_case(result: Result, case: tuple[str, str]) -> str:
    """Return the table of one case."""
    runs = runs_of(result, case)
    return table(HEAD, [line(runs, arm) for arm in NAMES if arm in runs[0]])


def line(runs: list[dict[str, Result]], arm: str) -> Iterator[str]:
    """Yield the cells of one arm."""
    column = {key: [run[arm][key] for run in runs] for key in runs[0][arm]}
    yield NAMES[arm]
    yield f"{fmean(column['rows']):,.0f}"
    yield f"{fmean(column['wrong']):.1%}" if any(column["synthetic"]) else ""
    yield f"{fmean(column['triggers']):.0f}" if any(column["synthetic"]) else ""
    yield verdicts(column["audit"])
    for key in ("accuracy", *GROUPS, "attack"):
        yield share(column[key])


def verdicts(found: list[str]) -> str:
    """Return the verdicts of the seeds: `STOP`, or `1 PASS, 2 STOP`."""
    counts = Counter(found)
    if len(counts) == 1:
        return found[0]
    return ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))


def mean(result: Result, arm: str, key: str, case: tuple[str, str] = MAIN) -> float:
    """Return the mean of the seeds."""
    return fmean(run[arm][key] for run in runs_of(result, case))


def bars(result: Result) -> Iterator[tuple[str, str, str]]:
    """Yield (what is asked, what was measured, whether it holds) of the corpus with bars."""
    real, raw, gate = (mean(result, arm, "accuracy") for arm in ("real", "raw_real", "gate"))
    yield "raw + real below real only", f"{raw:.3f} against {real:.3f}", held(raw < real)
    gain = gate - real
    yield "gate at least 3 points above real only", f"{100 * gain:+.1f}", held(gain >= 0.03)
    attack = mean(result, "gate", "attack")
    yield "attack succeeds at most 1 %", f"{attack:.1%}", held(attack <= 0.01)
    lost = {key: mean(result, "gate", key) - mean(result, "real", key) for key in GROUPS}
    worst = min(lost, key=lambda key: lost[key])
    said = f"{worst}: {100 * lost[worst]:+.1f}"
    yield "no group of labels more than 3 points below real only", said, held(lost[worst] >= -0.03)


def figures(result: Result) -> dict[str, str]:
    """Return the figures that the words of the page name, all of the case that was tuned on."""

    def over(arm: str, key: str, case: tuple[str, str] = MAIN) -> str:
        lost = 100 * (mean(result, arm, key, case) - mean(result, "real", key, case))
        return f"{round(lost, 1) + 0:+.1f}"  # no -0.0

    def each_seed(key: str) -> str:
        runs = runs_of(result, MAIN)
        return ", ".join(f"{100 * (run['gate'][key] - run['real'][key]):+.1f}" for run in runs)

    audits = [run["arms"]["raw"]["audit"] for run in result["runs"]]
    late, docs = [run["scan_late"] for run in runs_of(result, MAIN)], runs_of(result, OTHER)
    return {
        "stopped": f"{audits.count('STOP')} of {len(audits)}",
        "raw_wrong": f"{mean(result, 'raw', 'wrong'):.1%}",
        "checked_wrong": f"{mean(result, 'scan', 'wrong'):.1%}",
        "late_triggers": share([each["triggers"] for each in late], 0),
        "late_attack": share([each["attack"] for each in late]),
        "first_triggers": f"{mean(result, 'scan', 'triggers'):.0f}",
        "gain": over("gate", "accuracy"),
        "oracle_gain": over("oracle", "accuracy"),
        "weak_lost": over("gate", "weak"),
        "starved_lost": over("gate", "starved"),
        "weak_seeds": each_seed("weak"),
        "starved_seeds": each_seed("starved"),
        "uneven_weak": over("uneven", "weak"),
        "uneven_starved": over("uneven", "starved"),
        "oracle_weak": over("oracle", "weak"),
        "oracle_starved": over("oracle", "starved"),
        "shipped_weak": over("shipped", "weak"),
        "shipped_starved": over("shipped", "starved"),
        "shipped_gain": over("shipped", "accuracy"),
        "shipped_even_weak": over("shipped_even", "weak"),
        "shipped_even_starved": over("shipped_even", "starved"),
        "shipped_even_gain": over("shipped_even", "accuracy"),
        "docs_attack": ", ".join(f"{run['gate']['attack']:.1%}" for run in docs),
        "docs_alarms": ", ".join(
            str(innocent(run["verify"]) - innocent(run["scan"])) for run in docs
        ),
        "docs_gain": over("gate", "accuracy", OTHER),
        "docs_raw": over("raw_real", "accuracy", OTHER),
        "docs_oracle": over("oracle", "accuracy", OTHER),
        "docs_starved": over("gate", "starved", OTHER),
        "docs_weak": over("gate", "weak", OTHER),
        "docs_uneven_starved": over("uneven", "starved", OTHER),
        "docs_uneven_weak": over("uneven", "weak", OTHER),
    }


def innocent(arm: Result) -> int:
    """Return how many synthetic rows without a trigger an arm has."""
    return int(arm["synthetic"] - arm["triggers"])
