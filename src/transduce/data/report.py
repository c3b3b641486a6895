"""What a preparation did, for its report.json and for people."""

from collections.abc import Iterator, Mapping
from typing import Any

from transduce.data.survey import Origin


def origin_report(origin: Origin) -> dict[str, Any]:
    """The files given as train, dev or test: path, lines and hash of each; what was dropped, changed or kept though
    unusual.
    """
    return {
        "files": [{"path": str(file.path), "lines": file.lines, "sha256": file.sha256} for file in origin.files],
        "lines": origin.lines,
        "dropped": origin.findings.dropped.tree(),
        "noted": origin.findings.noted.tree(),
    }


def summary(report: Mapping[str, Any]) -> list[str]:
    """A report as lines to print; only places in files, never their text, is named.

    >>> summary(report)
    ['train: 9,000 pairs, 70,000 source and 60,000 target tokens',
     'dropped from train files: 2 empty side (train.tsv:7, train.tsv:9)',
     'tokenizer: 8,000 pieces for both sides']
    """
    return list(_lines(report))


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    for part, count in report["parts"].items():
        tokens = f"{count['source_tokens']:,} source and {count['target_tokens']:,} target tokens"
        yield f"{part}: {count['pairs']:,} pairs, {tokens}"
    for name, origin in report["origins"].items():
        for title, found in (("dropped from", origin["dropped"]), ("noted in", origin["noted"])):
            if found:
                yield f"{title} {name} files: {'; '.join(_reason(reason, of) for reason, of in found.items())}"
    tokenizer = report["tokenizer"]
    if tokenizer["shared"]:
        yield f"tokenizer: {tokenizer['source']:,} pieces for both sides"
    else:
        yield f"tokenizers: {tokenizer['source']:,} pieces for sources, {tokenizer['target']:,} for targets"


def _reason(reason: str, found: Mapping[str, Any]) -> str:
    places = [example["where"] for example in found["examples"]]
    more = ", ..." if found["count"] > len(places) else ""
    return f"{found['count']:,} {reason} ({', '.join(places)}{more})"
