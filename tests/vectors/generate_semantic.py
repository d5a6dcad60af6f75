#!/usr/bin/env python3
"""Writes semantic.json: tiny models of each family of encoders, and what transformers, sentence-transformers and bert-score make of
them; and the folder tiny, the first of them, for tests and examples that need a model.

    python3.11 -m venv .venv && .venv/bin/pip install -r requirements-semantic.txt && .venv/bin/python generate_semantic.py

The weights of the others are not stored. Both sides make them of the tensors' names by `weights`, which is exact in double precision.
"""

import json
import math
import pathlib
import shutil
import tempfile
import zlib

import numpy
import sentence_transformers
import torch
import transformers
from bert_score import BERTScorer
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).parent

TEXTS = [
    "The ferry leaves the harbour at half past six.",
    "The ferry left the harbor at half past six; nobody was on board.",
    "Die Fähre verlässt den Hafen um halb sieben.",
    "渡し船は六時半に港を出ます。",
    "a",
    "Паром уходит в половине седьмого, and the next one, if the weather allows it, at seven o'clock.",
    "  white space   and\ttabs\n",
    "",
    "one two three four five six seven eight nine ten " * 6,
]
PAIRS = [(0, [1]), (1, [0]), (2, [0, 1]), (3, [5]), (4, [4]), (5, [0, 2, 3]), (6, [8]), (7, [0]), (8, [5])]


def weights(name: str, shape: list[int]) -> numpy.ndarray:
    """Numbers that look random: of element i of a tensor, from a hash of its name and i."""
    x = (numpy.arange(math.prod(shape), dtype=numpy.uint64) * 2654435761 + zlib.crc32(name.encode())) & 0xFFFFFFFF
    for _ in range(2):
        x = ((x ^ (x >> 16)) * 0x45D9F3B) & 0xFFFFFFFF
    uniform = (x ^ (x >> 16)).astype(numpy.float64) / 2**31 - 1
    is_norm = "norm" in name.lower() and name.endswith("weight")
    return (1 + 0.2 * uniform if is_norm else 0.25 * uniform).astype(numpy.float32).reshape(shape)


def word_piece(cls: str, sep: str, pad: str, unknown: str, mask: str) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token=unknown))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    specials = [cls, pad, sep, unknown, mask]
    tokenizer.train_from_iterator(TEXTS, trainers.WordPieceTrainer(vocab_size=180, special_tokens=specials))
    tokenizer.decoder = decoders.WordPiece()
    return around(tokenizer, cls, sep)


def byte_level(cls: str, sep: str, pad: str, unknown: str, mask: str) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    specials = [cls, pad, sep, unknown, mask]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=specials, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.decoder = decoders.ByteLevel()
    return around(tokenizer, cls, sep)


def unigram(cls: str, sep: str, pad: str, unknown: str, mask: str) -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(" {2,}", " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    specials = [cls, pad, sep, unknown, mask]
    tokenizer.train_from_iterator(
        TEXTS, trainers.UnigramTrainer(vocab_size=150, special_tokens=specials, unk_token=unknown, show_progress=False)
    )
    tokenizer.decoder = decoders.Metaspace()
    return around(tokenizer, cls, sep)


def around(tokenizer: Tokenizer, cls: str, sep: str) -> Tokenizer:
    ids = [(token, tokenizer.token_to_id(token)) for token in (cls, sep)]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{cls} $A {sep}", special_tokens=ids)
    return tokenizer


BERT = ("[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]")
ROBERTA = ("<s>", "</s>", "<pad>", "<unk>", "<mask>")
TOKENIZERS = {"word_piece": (word_piece, BERT), "byte_level": (byte_level, ROBERTA), "unigram": (unigram, ROBERTA)}

SIZES = {"hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4, "num_hidden_layers": 3}
DISTIL_SIZES = {"dim": 32, "hidden_dim": 48, "n_heads": 4, "n_layers": 3}
# name, class, config, tokenizer, pooling, normalised
MODELS = [
    ("bert", "Bert", SIZES | {"max_position_embeddings": 64, "type_vocab_size": 2}, "word_piece", "mean", True),
    (
        "bert-tanh",
        "Bert",
        SIZES | {"max_position_embeddings": 64, "hidden_act": "gelu_new", "layer_norm_eps": 1e-5},
        "word_piece",
        "max",
        False,
    ),
    ("roberta", "Roberta", SIZES | {"max_position_embeddings": 66, "type_vocab_size": 1}, "byte_level", "cls", False),
    (
        "xlm-roberta",
        "XLMRoberta",
        SIZES | {"max_position_embeddings": 66, "type_vocab_size": 1},
        "unigram",
        "mean",
        True,
    ),
    ("mpnet", "MPNet", SIZES | {"max_position_embeddings": 66}, "word_piece", "mean", True),
    ("distilbert", "DistilBert", DISTIL_SIZES | {"max_position_embeddings": 64}, "word_piece", "cls", True),
    (
        "modernbert",
        "ModernBert",
        SIZES | {"num_hidden_layers": 4, "local_attention": 10, "max_position_embeddings": 96},
        "byte_level",
        ["cls", "mean"],
        True,
    ),
    (
        "modernbert-relu",
        "ModernBert",
        SIZES
        | {"local_attention": 8, "max_position_embeddings": 64, "hidden_activation": "relu", "norm_bias": True}
        | {"attention_bias": True, "mlp_bias": True},
        "byte_level",
        "weightedmean",
        False,
    ),
]


def rounded(values) -> list:
    return [float(f"{value:.7g}") for value in values]


def tokenizers() -> dict[str, dict]:
    """Those of the file that is there, for training does not give the same again; else new ones."""
    if (HERE / "semantic.json").exists():
        return json.loads((HERE / "semantic.json").read_text())["tokenizers"]
    return {name: json.loads(make(*specials).to_str()) for name, (make, specials) in TOKENIZERS.items()}


def asks_for_spaces(tokenizer) -> None:
    """bert-score encodes for RoBERTa with add_prefix_space, which transformers 5 no longer heeds."""
    encode = tokenizer.encode
    tokenizer.encode = lambda text, add_prefix_space=False, **options: encode(" " * add_prefix_space + text, **options)


def model(name, family, sizes, tokenizer_name, pooling, normalize, folder: pathlib.Path, trained: dict) -> dict:
    specials = TOKENIZERS[tokenizer_name][1]
    tokenizer = Tokenizer.from_str(json.dumps(trained[tokenizer_name]))
    padding = tokenizer.token_to_id(specials[2])
    ids = {"pad_token_id": padding, "bos_token_id": 0, "eos_token_id": 2, "cls_token_id": 0, "sep_token_id": 2}
    config = getattr(transformers, f"{family}Config")(vocab_size=tokenizer.get_vocab_size(), **sizes, **ids)
    encoder = getattr(transformers, f"{family}Model")(config)
    tensors = {key: list(value.shape) for key, value in encoder.state_dict().items() if value.dtype == torch.float32}
    tensors = {key: shape for key, shape in sorted(tensors.items()) if "pooler" not in key}
    save_file(
        {key: torch.from_numpy(weights(key, shape)) for key, shape in tensors.items()}, folder / "model.safetensors"
    )
    config_json = {"model_type": config.model_type, "architectures": [f"{family}Model"]}
    config_json |= {key: value for key, value in config.to_diff_dict().items() if key not in ("transformers_version",)}
    longest = 60
    class_name = "RobertaTokenizer" if family == "Roberta" else "PreTrainedTokenizerFast"
    files = {
        "config.json": config_json,
        "tokenizer_config.json": {"tokenizer_class": class_name, "model_max_length": longest}
        | dict(zip(("cls_token", "sep_token", "pad_token", "unk_token", "mask_token"), specials, strict=True)),
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        ]
        + (
            [{"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}]
            * normalize
        ),
        "1_Pooling/config.json": {"embedding_dimension": 32, "pooling_mode": pooling, "include_prompt": True},
        "sentence_bert_config.json": {"max_seq_length": 40, "do_lower_case": False},
    }
    for file, value in files.items():
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_text(json.dumps(value))
    tokenizer.save(str(folder / "tokenizer.json"))
    embedder = SentenceTransformer(str(folder), device="cpu")
    embeddings = embedder.encode(TEXTS, batch_size=len(TEXTS))
    encoded = [tokenizer.encode(text).ids for text in TEXTS]
    scores = {}
    for layers in (1, config.num_hidden_layers):
        for idf in (False, True):
            scorer = BERTScorer(
                model_type=str(folder),
                num_layers=layers,
                idf=idf,
                device="cpu",
                nthreads=0,
                use_fast_tokenizer=True,
            )
            if family == "Roberta":
                asks_for_spaces(scorer._tokenizer)
            # bert-score asks for a method that transformers no longer has, for empty texts.
            scorer._tokenizer.__class__.build_inputs_with_special_tokens = lambda _, ids: [0, *ids, 2]
            if idf:
                scorer.compute_idf(TEXTS[:4])
            precision, recall, f1 = scorer.score(
                [TEXTS[i] for i, _ in PAIRS], [[TEXTS[j] for j in js] for _, js in PAIRS]
            )
            key = f"layer{layers}{'_idf' if idf else ''}"
            scores[key] = {"layers": layers, "idf": idf, "precision": rounded(precision.tolist())}
            scores[key] |= {"recall": rounded(recall.tolist()), "f1": rounded(f1.tolist())}
    return {
        "name": name,
        "files": files,
        "tokenizer": tokenizer_name,
        "tensors": tensors,
        "ids": encoded,
        "embeddings": [rounded(embedding.tolist()) for embedding in embeddings],
        "bert_score": scores,
    }


def main() -> None:
    torch.manual_seed(0)
    found, trained = [], tokenizers()
    for entry in MODELS:
        folder = pathlib.Path(tempfile.mkdtemp())
        found.append(model(*entry, folder, trained))
        if entry[0] == "bert":
            shutil.rmtree(HERE / "tiny", ignore_errors=True)
            shutil.copytree(folder, HERE / "tiny", copy_function=shutil.copyfile)
        shutil.rmtree(folder)
    versions = {
        "bert-score": "0.3.13",
        "sentence-transformers": sentence_transformers.__version__,
        "transformers": transformers.__version__,
        "torch": torch.__version__,
    }
    out = {"versions": versions, "texts": TEXTS, "pairs": PAIRS, "tokenizers": trained, "models": found}
    (HERE / "semantic.json").write_text(json.dumps(out, ensure_ascii=True, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
