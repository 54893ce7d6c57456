"""``python -m tests.eval``: what the support bot makes of labelled utterances that are none of its examples.

Each goes to the orchestrator as the first message of an anonymous customer, so that what is counted is what customers
get: the category of the answer, whether a call for a person was heard, and whether the account data was asked at all.
"""

import argparse
import asyncio

from tests.eval.measure import CATEGORIES, SETS, Result, measure, utterances


def table(result: Result) -> str:
    """Expected by row, answered by column."""
    width = max(map(len, CATEGORIES))
    columns = [*CATEGORIES, "small talk"]
    lines = [" " * width + "  " + "  ".join(f"{name:>15}" for name in columns) + f"  {'recall':>7}"]
    for expected in CATEGORIES:
        row = [result.confusion[expected, answered] for answered in columns]
        recall = row[CATEGORIES.index(expected)] / (sum(row) or 1)
        lines.append(f"{expected:<{width}}  " + "  ".join(f"{count or '·':>15}" for count in row) + f"  {recall:>7.3f}")
    return "\n".join(lines)


async def main() -> None:
    """Print a table for each set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wrong", action="store_true", help="list what was answered wrongly")
    wanted = parser.parse_args()
    for name, about in SETS.items():
        result = await measure(utterances(name))
        print(f"\n{name}: {about}\n\n{table(result)}\n")
        print(
            f"accuracy {result.accuracy:.3f} of {result.count}; calls for a person missed: {len(result.missed)}; "
            f"account data asked for without a sign-in: {len(result.leaks)}; "
            f"{result.seconds / result.count * 1000:.1f} ms each"
        )
        if wanted.wrong:
            print(
                "\n".join(
                    f"  {expected} -> {answered or 'small talk'}: {text}" for expected, answered, text in result.wrong
                )
            )


asyncio.run(main())
