"""The same small encoder-decoder with one attention mechanism after another: errors, speed, memory; a table and a plot.

    python compare.py [--seeds N] [--steps N] [--words N] [--only NAME ...]

Each run is a process of its own. What is measured goes into results.jsonl as soon as a run ends; the next call continues a run
that was stopped and keeps the finished ones. `python compare.py --report` writes the table and the plot again.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import transduce

HERE = Path(__file__).resolve().parent
RESULTS, TABLE, PLOT = (HERE / name for name in ("results.jsonl", "results.md", "errors.png"))
DATA = HERE.parent / "pronounce-en"
STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}  # two-sided 95 % of Student's t for so many seeds


Settings = Mapping[str, object]

# Sinusoids are added to the embeddings; rotary positions and ALiBi would tell positions a second time, in the scores.
TRANSFORMER: Settings = {
    "preset": "transformer-small",
    "d-model": 128,
    "heads": 4,
    "feed-forward": 256,
    "encoder-layers": 2,
    "decoder-layers": 2,
    "positions": "sinusoidal",
    "dropout": 0.0,
}


def everywhere(attention: str, decoder: bool = True) -> Settings:
    """The Transformer with one mechanism in encoder, cross-attention and, unless it cannot be causal, decoder."""
    places = ("encoder.attention", "decoder.cross-attention", *(("decoder.attention",) if decoder else ()))
    return {**TRANSFORMER, **dict.fromkeys(places, attention)}


def recurrent(cell: str, attention: str) -> Settings:
    """A recurrent encoder-decoder of about the same size."""
    return {
        "kind": "recurrent",
        "preset": "recurrent-small",
        "d-model": 192,
        "encoder-layers": 1,
        "decoder-layers": 1,
        "dropout": 0.0,
        "cell": cell,
        "attention": attention,
    }


VARIANTS: Mapping[str, Settings] = {
    "scaled-dot-product": TRANSFORMER,
    "dot-product": everywhere("dot-product"),
    "general": everywhere("general"),
    "additive": everywhere("additive"),
    "content-based": everywhere("content-based"),
    "t5": everywhere("t5"),
    "cosine": everywhere("cosine"),
    "local": everywhere("{kind='local', window=4}"),
    "sparsemax": everywhere("sparsemax"),
    "entmax": everywhere("entmax"),
    "top-k": everywhere("{kind='top-k', count=4}"),
    "sigmoid": everywhere("sigmoid"),
    "kernel": everywhere("kernel"),
    "location-based": everywhere("{kind='location-based', places-of-keys=64}", decoder=False),
    "LSTM, additive": recurrent("lstm", "additive"),
    "LSTM, general": recurrent("lstm", "general"),
    "GRU, additive": recurrent("gru", "additive"),
}


@dataclass(frozen=True)
class Result:
    """One run. errors and words: phoneme and word error rate in percent on the test words. rate: target tokens per second of
    training. memory: peak of the training process in MiB.
    """

    name: str
    seed: int
    steps: int
    parameters: int
    errors: float
    words: float
    rate: float
    memory: float


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="runs of each variant (default 3)")
    parser.add_argument("--steps", type=int, help="updates of each run (default: as run.toml says)")
    parser.add_argument("--words", type=int, default=3000, help="test words (default 3000)")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=[*VARIANTS], help="these variants alone")
    parser.add_argument("--report", action="store_true", help="write table and plot of the results so far")
    options = parser.parse_args(arguments)
    if not options.report:
        if not (DATA / "data/train.tsv").exists():
            parser.error("no data: run `python get_data.py` in recipes/pronounce-en first")
        for seed in range(1, options.seeds + 1):
            for name in options.only or VARIANTS:
                measure(name, seed, options.steps, options.words)
    results = read_results()
    if not results:
        parser.error("there are no results yet")
    TABLE.write_text(table(results), encoding="utf-8")
    plot(results)
    print(TABLE.read_text(encoding="utf-8"))
    return 0


def measure(name: str, seed: int, steps: int | None, words: int) -> None:
    """Trains and evaluates one run, unless its result is there."""
    if any((each.name, each.seed) == (name, seed) for each in read_results()):
        return
    label = f"{name.replace(', ', '-')}-{seed}"
    print(f"{label}: training ...", file=sys.stderr, flush=True)
    settings = [f"seed={seed}", *(f"model.{key}={value}" for key, value in VARIANTS[name].items())]
    settings += [f"training.steps={steps}"] if steps else []
    memory = train(label, settings)
    folder = HERE / "runs" / label
    model = transduce.load(folder)
    values = transduce.evaluate(model, test_words(words), metrics=["token-error-rate", "exact-match"]).values
    updates = [event for event in events(folder) if event["kind"] == "train"]
    result = Result(
        name,
        seed,
        int(max(event["step"] for event in events(folder))),
        sum(each.numel() for each in model.network.parameters()),
        values["token-error-rate"],
        100 - values["exact-match"],
        statistics.median(event["tokens-per-second"] for event in updates),
        memory,
    )
    with RESULTS.open("a", encoding="utf-8") as out:
        out.write(json.dumps(asdict(result)) + "\n")


MEASURED_TRAINING = """
import re, sys
from pathlib import Path
from transduce.cli.main import main

code = main(sys.argv[2:])
Path(sys.argv[1]).write_text(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])  # Linux, in KiB
sys.exit(code)
"""


def train(label: str, settings: Iterable[str]) -> float:
    """Runs `transduce train` to its end; returns its peak memory in MiB."""
    path, peak = HERE / f"{label}.toml", HERE / f"{label}.peak"
    path.write_text((HERE / "run.toml").read_text(encoding="utf-8"), encoding="utf-8")
    command = [sys.executable, "-c", MEASURED_TRAINING, peak.name, "train", path.name]
    if (HERE / "runs" / label).exists():
        command.append("--resume")
    else:
        command += [part for setting in settings for part in ("--set", setting)]
    try:
        code = subprocess.run(command, cwd=HERE, check=False).returncode
        if code:
            raise SystemExit(code)
        return int(peak.read_text()) / 1024
    finally:
        path.unlink()
        peak.unlink(missing_ok=True)


def events(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def test_words(most: int) -> list[dict[str, object]]:
    """The first words of the test set, each with all its pronunciations."""
    answers: dict[str, list[str]] = {}
    for line in (DATA / "data/test.tsv").read_text(encoding="utf-8").splitlines():
        word, phonemes = line.split("\t")
        if word in answers or len(answers) < most:
            answers.setdefault(word, []).append(phonemes)
    return [{"source": word, "target": phonemes} for word, phonemes in answers.items()]


def read_results() -> list[Result]:
    if not RESULTS.exists():
        return []
    return [Result(**json.loads(line)) for line in RESULTS.read_text(encoding="utf-8").splitlines()]


def by_name(results: Sequence[Result]) -> dict[str, list[Result]]:
    """The runs of each variant, the variant with the fewest errors first."""
    groups: dict[str, list[Result]] = {}
    for each in results:
        groups.setdefault(each.name, []).append(each)
    return dict(sorted(groups.items(), key=lambda pair: statistics.mean(run.errors for run in pair[1])))


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half of the 95 % confidence interval of the mean by Student's t; NaN for one value."""
    mean = statistics.mean(values)
    if len(values) < 2:
        return mean, math.nan
    return mean, STUDENT.get(len(values), 2.0) * statistics.stdev(values) / math.sqrt(len(values))


def table(results: Sequence[Result]) -> str:
    lines = [
        "| attention | parameters | PER, mean and 95 % interval | WER | target tokens/s | memory, MiB | seeds |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, runs in by_name(results).items():
        mean, half = interval([run.errors for run in runs])
        words, rate, memory = (
            statistics.mean(getattr(run, field) for run in runs) for field in ("words", "rate", "memory")
        )
        spread = "" if math.isnan(half) else f" ± {half:.2f}"
        lines.append(
            f"| {name} | {runs[0].parameters:,} | {mean:.2f}{spread} | {words:.2f} | {rate:,.0f} | {memory:,.0f} | {len(runs)} |"
        )
    return "\n".join(lines) + "\n"


def plot(results: Sequence[Result]) -> None:
    """Errors with their intervals, and the speed of training beside them."""
    from matplotlib.figure import Figure

    groups = by_name(results)
    names = [*groups][::-1]
    figure = Figure(figsize=(8, 0.4 * len(names) + 1.4), layout="constrained")
    errors, rates = figure.subplots(1, 2, sharey=True)
    means = [interval([run.errors for run in groups[name]]) for name in names]
    errors.barh(names, [mean for mean, _ in means], color="#9fb8d6")
    known = [(mean, half, name) for (mean, half), name in zip(means, names, strict=True) if not math.isnan(half)]
    if known:
        xs, halves, ys = zip(*known, strict=True)
        errors.errorbar(xs, ys, xerr=halves, fmt="none", ecolor="#33393f", capsize=3)
    errors.set_xlabel("phoneme error rate, percent (95 % interval)")
    rates.barh(names, [statistics.mean(run.rate for run in groups[name]) for name in names], color="#c9cdd2")
    rates.set_xlabel("target tokens per second of training")
    figure.savefig(PLOT, dpi=100)


if __name__ == "__main__":
    start = time.monotonic()
    code = main()
    print(f"{(time.monotonic() - start) / 60:.1f} minutes", file=sys.stderr)
    sys.exit(code)
