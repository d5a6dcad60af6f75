"""The results as Markdown."""

from __future__ import annotations

from typing import Any

from machine import median

_INTRO = """# Benchmarks

`scripts/bench` measures everything below in one run, side by side on one machine, and writes this page. Compare numbers
of one page only: the machine is shared, so a rate of one day says little about another's. Where it matters the processor
time is given beside the time that passed, since it does not depend on who else is running.
"""


def number(x: float) -> str:
    if x >= 1e6:
        return f"{x / 1e6:.2f} M"
    return f"{x:,.0f}" if x >= 100 else f"{x:.1f}"


def verdict(met: bool) -> str:
    return "met" if met else "**missed**"


def per_row(runs: list[dict[str, float]], key: str) -> float:
    return median([run[key] / run["rows"] for run in runs])


def rows_part(part: dict[str, Any]) -> str:
    rates = {}
    lines = [
        "## Metrics over rows",
        "",
        f"The mean of a score over {part['rows']:,} pairs of about ten words, `local[2]`: {len(part['kernels'])} runs of each in "
        "turn after warming up, medians. *Rows/s* is of the whole query. *Query* is the processor time per row of everything: "
        "planning, the JVM's compilers, garbage collection, Python. *Tasks* is that of the tasks' threads in the JVM alone. pandas and "
        "`levenshtein` get a quarter of the rows and fewer runs. The kernel runs in a Rust program of its own on the same pairs, on one core.",
        "",
        "| | data | rows/s | query, ns/row | tasks, ns/row |",
        "|---|---|---|---|---|",
    ]
    for name, runs in part["runs"].items():
        what, form = name.split(", ")
        rates[name] = {
            "wall": 1 / per_row(runs, "seconds"),
            "query": per_row(runs, "cpu") * 1e9,
            "tasks": per_row(runs, "tasks") * 1e9,
        }
        tasks = "" if what.startswith("pandas") else f"{rates[name]['tasks']:.0f}"
        lines.append(f"| {what} | {form} | {number(rates[name]['wall'])} | {rates[name]['query']:.0f} | {tasks} |")
    kernel = {}
    for name in part["kernels"][0]:
        kernel[name] = median([k[name] for k in part["kernels"]])
        lines.append(
            f"| bare kernel of {name}, one core | memory | {number(kernel[name])} | {1e9 / kernel[name]:.0f} | |"
        )
    lines += ["", "Goals:", ""]
    for form in ("Parquet", "cached"):
        ours = rates[f"assay token_f1, {form}"]
        if f"pandas token_f1, {form}" in rates:
            theirs = rates[f"pandas token_f1, {form}"]
            times, cpu = ours["wall"] / theirs["wall"], theirs["query"] / ours["query"]
            lines.append(
                f"- {form}: {times:.1f} times the pandas UDF by the time that passed, {cpu:.1f} times by processor time "
                f"(goal: 8): {verdict(min(times, cpu) >= 8)}"
            )
        share = 1e9 / ours["tasks"] / kernel["llm_token_f1"]
        whole = 1e9 / ours["query"] / kernel["llm_token_f1"]
        lines.append(
            f"- {form}: {share:.0%} of the bare kernel's rate per core in the tasks (goal: 60 %): {verdict(share >= 0.6)}; "
            f"{whole:.0%} with planning and the JVM's own work counted in"
        )
        border = rates[f"assay exact_match, {form}"]["tasks"] - rates[f"spark =, {form}"]["tasks"]
        lines.append(
            f"- {form}: the way to native code and back costs {border:.0f} ns a row (`llm_exact_match` less Spark's `=`, in the tasks)"
        )
    return "\n".join(lines)


def completions_part(part: dict[str, Any], options: dict[str, Any]) -> str:
    concurrency, latency = options["concurrency"], options["latency"]
    bound = concurrency / latency * 1000
    ceilings = [run["ceiling"] for run in part["runs"] if run["ceiling"]]
    ceiling = median(ceilings)
    limit = min(bound, ceiling)
    lines = [
        "## Model calls",
        "",
        f"`llm_complete` with its prompt from `llm_prompt`, scored by two metrics, against the test server at {latency} ms, "
        f"`maxConcurrency` {concurrency}, `local[2]`: at most {number(bound)}/s. Server, client and Spark share the machine's cores, so a bare load "
        f"generator with as many connections, run between the queries, gets {number(ceiling)}/s ({number(min(ceilings))} to "
        f"{number(max(ceilings))}) out of the server. A query's time has everything in it: planning, the slow start, the last answer, the scores.",
        "",
        "| rows | runs | completions/s, median | fastest | processor µs per row | calls at the server |",
        "|---|---|---|---|---|---|",
    ]
    goals = []
    for warm in (False, True):
        for n in sorted({run["rows"] for run in part["runs"]}):
            runs = [run for run in part["runs"] if run["rows"] == n and run["warm"] == warm]
            if not runs:
                continue
            rate = median([n / run["seconds"] for run in runs])
            best = max(n / run["seconds"] for run in runs)
            calls = ", ".join(sorted({f"{run['calls']:,}" for run in runs}))
            kind = "warm" if warm else "first in its JVM"
            cpu = median([run["cpu"] / n * 1e6 for run in runs])
            lines.append(f"| {n:,} | {len(runs)}, {kind} | {number(rate)} | {number(best)} | {cpu:.0f} | {calls} |")
            if warm:
                goals.append(
                    f"- {n:,} rows: {rate / limit:.0%} of {number(limit)}/s (goal: 80 %): {verdict(rate >= 0.8 * limit)}"
                )
    lines += ["", "Goals:", "", *goals, ""]
    lines.append(
        f"The process that is driver and executor at once held at most {part['rss_mb']:,.0f} MB (heap pools at their peaks: "
        f"{part['heap_mb']:,.0f} MB). A `LIMIT 10` above a filter on the answer paid for {part['limit_calls']} calls."
    )
    return "\n".join(lines)


def throughput_part(part: dict[str, Any]) -> str:
    rows = part["rows"]
    lines = [
        "## Throughput at several latencies",
        "",
        f"{rows:,} rows, `local[2]`, both metrics computed; medians of {len(part['cases'][0]['runs'])} runs. The *bound* is the smaller of "
        "concurrency / mean latency and what `wrk` with as many connections gets out of the same server just before each run. *To 99 %* is "
        "the rate until that share of the rows was answered: with a heavy tail the run ends with its slowest answer, which takes half a "
        "minute whoever waits for it, so there the goal is held against this rate. *Client* is "
        "the processor time of the whole JVM per row: Spark, scores and calls; *calls* is that of the threads that make the calls alone. "
        "*Machine* is what client and server together used of both cores. *Native memory* is the most that the process held, less its "
        "heap (fixed and touched at the start) and the JVM's own memory for classes and code.",
        "",
        "| latency | concurrency | bound/s | rows/s | of the bound | to 99 % | machine | client, µs/row | calls, µs/row | calls at the server | native memory |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    memory = [
        "",
        "Resident memory in MB over a run, from its first to its last eighth:",
        "",
        "| latency | " + " | ".join(f"{k}/8" for k in range(9)) + " |",
        "|---|" + "--:|" * 9,
    ]
    goals = []
    for case in part["cases"]:
        runs, ceiling = case["runs"], median(case["ceilings"])
        bound = min(ceiling, case["concurrency"] / case["mean_ms"] * 1000 if case["mean_ms"] else ceiling)
        rate = median([rows / run["seconds"] for run in runs])
        rate_99 = median([0.99 * rows / run["seconds_until_99"] for run in runs])
        machine = median([(run["cpu"] + run["server_cpu"]) / run["seconds"] / 2 for run in runs])
        client, calls = (median([run[key] / rows * 1e6 for run in runs]) for key in ("cpu", "threads_cpu"))
        native = max(run["native_mb"] for run in runs)
        counted = ", ".join(sorted({f"{run['calls']:,}" for run in runs}))
        lines.append(
            f"| {case['case']} | {case['concurrency']:,} | {number(bound)} | {number(rate)} | {rate / bound:.0%} | {rate_99 / bound:.0%} | {machine:.0%} "
            f"| {client:.0f} | {calls:.0f} | {counted} | {native:,.0f} MB |"
        )
        memory.append(f"| {case['case']} | " + " | ".join(f"{mb:,.0f}" for mb in runs[-1]["rss_mb"]) + " |")
        counts = rate_99 if case["heavy_tail"] else rate
        met = counts >= 0.9 * bound or (not case["mean_ms"] and machine >= 0.9)
        goals.append(
            f"- {case['case']}: {counts / bound:.0%} of the bound, {machine:.0%} of the machine (goal: 90 %): {verdict(met)}"
        )
        goals.append(
            f"- {case['case']}: {calls:.0f} µs per call, {client:.0f} with Spark (goal: 60): {verdict(calls < 60)}"
        )
    largest = max(run["native_mb"] for case in part["cases"] for run in case["runs"])
    goals.append(
        f"- at most {largest:,.0f} MB of native memory (goal: 512 at 2,048 in flight): {verdict(largest < 512)}"
    )
    return "\n".join([*lines, *memory, "", "Goals:", "", *goals])


def cache_part(results: dict[str, Any], options: dict[str, Any]) -> str:
    part = results["cache"]
    fresh, hits, replay, lookup = part["fresh"], part["hits"], part["replay"], part["lookup"]
    rows = fresh[0]["rows"]
    seconds = {
        mode: median([r["seconds"] for r in fresh if r["mode"] == mode]) for mode in ("off", "session", "read_write")
    }
    lines = [
        "## Answers that are kept",
        "",
        f"What journal and table cost where nothing is a hit: {rows:,} new requests at {options['latency']} ms, `maxConcurrency` "
        f"{options['concurrency']}, `local[2]`, with each mode in turn; medians of {len(fresh) // 3} runs. With `read_write` the table has the answers of earlier "
        "runs, in which each request is looked up in vain; making a table takes some seconds more, once. Folding follows the run and is not in it.",
        "",
        "| `spark.assay.cache.mode` | seconds | rows/s | more time than off | processor µs per row | calls at the server |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for mode, time in seconds.items():
        runs = [r for r in fresh if r["mode"] == mode]
        cpu = median([r["cpu"] / rows * 1e6 for r in runs])
        counted = ", ".join(sorted({f"{r['calls']:,}" for r in runs}))
        more = "" if mode == "off" else f"{time / seconds['off'] - 1:+.1%}"
        lines.append(f"| {mode} | {time:.1f} | {number(rows / time)} | {more} | {cpu:.0f} | {counted} |")
    lines += [
        "",
        f"{hits[0]['rows']:,} rows of which a share is in the table (`read`):",
        "",
        "| hits | seconds | rows/s | calls at the server |",
        "|--:|--:|--:|--:|",
    ]
    for run in hits:
        lines.append(
            f"| {run['share']} % | {run['seconds']:.1f} | {number(run['rows'] / run['seconds'])} | {run['calls']:,} |"
        )
    n = replay["rows"]
    rate = median([n / r["seconds"] for r in replay["runs"]])
    lines += [
        "",
        f"Replay: `evaluate` over {n:,} stored answers, five metrics with their intervals, `local[2]` with 4 GB: "
        f"{number(rate)} rows/s, median of {len(replay['runs'])} runs, {replay['calls']} calls. Before it the answers were made by the model in "
        f"the process and kept in journals ({number(n / replay['made']['seconds'])} rows/s), and folded into the table in "
        f"{replay['fold']['seconds']:.0f} s ({number(n / replay['fold']['seconds'])} records/s; {replay['files']:,} files, "
        f"{replay['bytes'] / 2**20:,.0f} MB).",
        "",
        f"Finding few answers in a table of {lookup['rows']:,} ({lookup['files']:,} files, {lookup['bytes'] / 2**30:.1f} GB):",
        "",
        "| requests | found | seconds |",
        "|--:|--:|--:|",
    ]
    for run in lookup["runs"]:
        lines.append(f"| {run['keys']:,} | {run['result']['hits']:,} | {run['seconds']:.1f} |")
    lines += ["", "Goals:", ""]
    for mode in ("session", "read_write"):
        more = seconds[mode] / seconds["off"] - 1
        lines.append(f"- {mode} costs {more:+.1%} of a run's time (goal: under 10 %): {verdict(more < 0.1)}")
    lines.append(f"- replay: {number(rate)} rows/s (goal: 30,000): {verdict(rate >= 30_000)}")
    if "peer replay" in results:
        runs = results["peer replay"]["runs"]
        theirs = median([r["rows"] / r["seconds"] for r in runs])
        lines.append(
            f"- beside spark-llm-eval 0.1.3's replay of {runs[0]['rows']:,} rows with five metrics: {number(theirs)} rows/s; "
            f"{rate / theirs:.0f} times"
        )
    return "\n".join(lines)


# The size for which the goal beside the peer is stated: its own rate does not depend on the number of rows.
GOAL_ROWS = 20_000


def by_size(results: dict[str, Any]) -> dict[int, list[dict[str, Any]]]:
    sizes: dict[int, list[dict[str, Any]]] = {}
    for part in ("ours", "completions"):
        for run in results.get(part, {}).get("runs", []):
            if run["warm"]:
                sizes.setdefault(run["rows"], []).append(run)
    return sizes


def calls_per_row(runs: list[dict[str, Any]]) -> str:
    return ", ".join(sorted({f"{run['calls'] / run['rows']:.1f}" for run in runs}))


def shown(scores: dict[str, float]) -> str:
    return ", ".join(f"{name} {x:.4f}" for name, x in scores.items() if name in ("exact_match", "f1", "token_f1"))


def peer_part(results: dict[str, Any]) -> str:
    ours = [run for run in results["ours"]["runs"] if run["warm"]]
    n = ours[0]["rows"]
    rate = median([n / run["seconds"] for run in ours])
    lines = [
        "## Beside spark-llm-eval 0.1.3",
        "",
        f"{n:,} rows of the same questions, the same server, both metrics. Its defaults in `local[2]`; and its best settings here: "
        "`local[16]`, for it makes one call after the other in each task, no repartition, and the analytical interval. Both were run once "
        "before on a few rows, so that starting does not count.",
        "",
        "| | examples/s | calls per example | scores |",
        "|---|---|---|---|",
        f"| Assay, `local[2]` | {number(rate)} | {calls_per_row(ours)} | {shown(ours[-1]['result'])} |",
    ]
    best = 0.0
    for form in ("default", "best"):
        runs = results[f"peer {form}"]["runs"]
        theirs = median([run["rows"] / run["seconds"] for run in runs])
        best = max(best, theirs)
        lines.append(
            f"| spark-llm-eval, {form} | {number(theirs)} | {calls_per_row(runs)} | {shown(runs[-1]['scores'])} |"
        )
    lines += ["", "Goal: 50 times its best.", ""]
    for size, runs in sorted(by_size(results).items()):
        many = median([size / run["seconds"] for run in runs])
        of_goal = (
            f": {verdict(many >= 50 * best)}" if size >= GOAL_ROWS else " (a start's ramp and planning are most of it)"
        )
        lines.append(f"- Assay on {size:,} rows: {many / best:.0f} times{of_goal}")
    return "\n".join(lines)


def stats_part(lines: list[dict[str, Any]], options: dict[str, Any]) -> str:
    def seconds(value: float) -> str:
        return f"{value * 1e6:,.0f} µs" if value < 1e-3 else f"{value * 1e3:,.0f} ms" if value < 1 else f"{value:.2f} s"

    text = [
        "## Statistics",
        "",
        f"B = {options['resamples']:,} resamples of exponential values on all cores, the kernels alone, the least of three runs (one "
        "for a million values); scipy on the same values, once, in the batches in which it was fastest here. Load is that of the "
        "machine after the line.",
        "",
        "| | values | assay | scipy | times | what assay does | load |",
        "|---|--:|--:|--:|--:|---|---|",
    ]
    for line in lines:
        best = line["ours"]["best"]
        theirs = line.get("scipy")
        text.append(
            f"| {line['name']} | {line['n']} | {seconds(best)} | {seconds(theirs) if theirs else ''} | "
            f"{f'{theirs / best:,.0f}' if theirs else ''} | {line['algorithm']} | {line['load']} |"
        )

    def of(name: str, n: str) -> dict[str, Any]:
        return next(line for line in lines if line["name"] == name and line["n"] == n)

    large = of("BCa of a mean", "100,000")
    times = large["scipy"] / large["ours"]["best"]
    whole, half = f"BCa of a mean, B = {options['resamples']:,}", f"BCa of a mean, B = {options['resamples'] // 2:,}"
    million = of(whole, "1,000,000")["ours"]["best"]
    by_resamples = million / of(half, "1,000,000")["ours"]["best"]
    by_values = million / of(whole, "500,000")["ours"]["best"]
    share = of("BCa of a share", "10,000,000")["ours"]["best"]
    text += [
        "",
        "Goals:",
        "",
        f"- BCa of a mean of 100,000 values: {times:.0f} times scipy (goal: 50): {verdict(times >= 50)}",
        f"- of a million: {million:.1f} s (goal: under 12): {verdict(million < 12)}; {by_resamples:.1f} times that with half of the "
        f"resamples and {by_values:.1f} times that of half of the values (linear: 2)",
        f"- of a share of 10 million values, given their counts: {share * 1e3:.2f} ms (goal: under 50): {verdict(share < 0.05)}",
    ]
    return "\n".join(text)


def render(results: dict[str, Any]) -> str:
    about, options = results["about"], results["options"]
    command = "scripts/bench" + "".join(
        f" --{key.replace('_', '-')} {options[key]}"
        for key in (
            "parts",
            "rows",
            "completions",
            "peer_rows",
            "rounds",
            "slow_rounds",
            "throughput_rows",
            "throughput_rounds",
            "cache_rows",
            "cache_rounds",
            "hit_rows",
            "replay_rows",
            "table_rows",
            "peer_rounds",
            "resamples",
            "concurrency",
            "latency",
        )
    )
    spark = next((part["spark"] for part in results.values() if isinstance(part, dict) and "spark" in part), "")
    parts = [
        _INTRO,
        f"Run on {results['begun']} at commit {about['commit']} by `{command}`: {about['machine']}; load before and after: "
        f"{about['load']} and {results['load after']}; {about['java']}, Spark {spark}, Python {about['python']}.",
    ]
    if "rows" in results:
        parts.append(rows_part(results["rows"]))
    if "completions" in results:
        parts.append(completions_part(results["completions"], options))
    if "throughput" in results:
        parts.append(throughput_part(results["throughput"]))
    if "cache" in results:
        parts.append(cache_part(results, options))
    if "peer best" in results:
        parts.append(peer_part(results))
    if "stats" in results:
        parts.append(stats_part(results["stats"], options))
    return "\n\n".join(part.strip() for part in parts) + "\n"
