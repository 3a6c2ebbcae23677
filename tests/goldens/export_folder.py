"""Shows that the libraries of Hugging Face load every kind of folder that `pipe export --to` writes, and give what `pipe` itself gives.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch transformers sentence-transformers mteb
    cargo build && /tmp/venv/bin/python tests/goldens/export_folder.py target/debug/pipe

Last run with transformers 5.24.0, sentence-transformers 6.2.0, mteb 2.26.24 and torch 2.15.0. It trains encoders of a few updates in a folder of
its own, which goes in the end, and takes some minutes. It fails with the first folder that is loaded with a missing or an unexpected key, with a
warning of any kind, or to outputs that differ by more than 1e-5.
"""

import csv
import io
import json
import logging
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")

import numpy
import pyarrow.parquet
import torch
import transformers
from sentence_transformers import SentenceTransformer
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

TOLERANCE = 1e-5

PIPELINE = """
[vars]
layer_norm = "post"
token_types = 1
tokenization = "wordpiece"
pooling = "cls"
projection = "training"
masked_lm = 0.0
task = "mnli"

[stage.world]
use = "world"
seed = 0
size = "tiny"

[stage.corpus]
use = "corpus"
source = "@world/text"

[stage.tokenizer]
use = "tokenizer"
corpus = "@corpus"
algorithm = "${tokenization}"
vocab_size = 400

[stage.tokens]
use = "tokenize"
corpus = "@corpus"
tokenizer = "@tokenizer"
length = 64

[stage.pretrain]
use = "pretrain"
tokens = "@tokens"
layer_norm = "${layer_norm}"
token_types = "${token_types}"
size = "nano"
steps = 20
batch = 8
max_positions = 64

[stage.sentences]
use = "benchmarks"
source = "@world/simcse/sentences"
task = "sentences"

[stage.contrast]
use = "contrast"
encoder = "@pretrain"
data = "@sentences"
sentences = 64
batch = 16
lr = 1e-3
pooling = "${pooling}"
projection = "${projection}"
masked_lm = "${masked_lm}"

[stage.benchmark]
use = "benchmarks"
source = "@world/glue_data"
task = "${task}"

[stage.finetune]
use = "finetune"
encoder = "@pretrain"
data = "@benchmark"
batch = 8
epochs = 2
lr = 1e-3
train_examples = 64
eval_examples = 16
keep_model = true

[stage.first]
use = "intermediate"
encoder = "@pretrain"
data = "@benchmark"
batch = 8
epochs = 1
lr = 1e-3
train_examples = 32
eval_examples = 16

[stage.questions]
use = "benchmarks"
source = "@world/squad"
task = "squad2"

[stage.answer]
use = "finetune-spans"
encoder = "@pretrain"
data = "@questions"
epochs = 1
batch = 8
lr = 1e-3
train_examples = 32
eval_examples = 16
keep_model = true

[stage.pairs]
use = "benchmarks"
source = "@world/SentEval/data/downstream"
task = "sts"

[stage.embed]
use = "embed"
encoder = "@contrast"
data = "@pairs"

[stage.sts]
use = "sts"
embeddings = "@embed"
data = "@pairs"

[profile.plain]
default = true
"""

# What tokenisers stumble over: accents composed and not, scripts without spaces, signs of their own, spaces of other kinds, roles as text.
HOSTILE = [
    "the king saw a dog",
    "  The  KING\tsaw   a dog. ",
    "Crème brûlée, cafe\u0301 and naïve Ångström",
    "東京は日本の首都です",
    "emoji 👩‍👩‍👧‍👦 and 🏳️‍🌈 and ½ ﬁ ①",
    "zero\u200bwidth, no\u00a0break, soft\u00adhyphen, \ufeffmark",
    "it's don't we'll I'VE (…) -- ''quoted'' \"so\"",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "שלום עולם مرحبا بالعالم हिन्दी ไทย",
    "x_1+y^2=z\\n \\ / <b>&amp;</b> http://a.b/c?d=e#f",
]

TEXTS = [
    "the king saw a dog",
    "the queen did not see it",
    "a dog",
    "Who was it that the king, who was tall, had seen before the queen saw the dog and the dog saw the king?",
]


class Records(logging.Handler):
    """Keeps what libraries say at the level of warnings and above."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.said = []

    def emit(self, record):
        self.said.append(f"{record.name}: {record.getMessage()}")


class Quiet:
    """Fails if anything within is warned of, by whichever way."""

    def __init__(self, what):
        self.what = what

    def __enter__(self):
        self.records = Records()
        self.loggers = [logging.getLogger(name) for name in (None, "transformers", "sentence_transformers", "mteb")]
        for logger in self.loggers:
            logger.addHandler(self.records)
        self.caught = warnings.catch_warnings(record=True)
        self.warned = self.caught.__enter__()
        warnings.simplefilter("always")

    def __exit__(self, kind, *rest):
        self.caught.__exit__(kind, *rest)
        for logger in self.loggers:
            logger.removeHandler(self.records)
        said = self.records.said + [str(one.message) for one in self.warned]
        if kind is None and said:
            sys.exit(f"{self.what} is loaded with warnings:\n" + "\n".join(said))


def close(what, ours, theirs):
    difference = float(numpy.max(numpy.abs(numpy.asarray(ours) - numpy.asarray(theirs))))
    if not difference <= TOLERANCE:
        sys.exit(f"{what}: outputs differ by {difference}")
    print(f"  {what}: largest difference {difference:.1e}")


class Project:
    def __init__(self, pipe, folder):
        self.pipe, self.folder, self.count = Path(pipe).resolve(), Path(folder), 0
        (self.folder / "pipeline.toml").write_text(PIPELINE)
        (self.folder / "texts.txt").write_text("".join(f"{text}\n" for text in TEXTS))

    def run(self, *arguments):
        done = subprocess.run([self.pipe, *arguments], cwd=self.folder, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"pipe {' '.join(map(str, arguments))}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def export(self, stage, *more):
        self.run("run", stage)
        self.count += 1
        folder = self.folder / f"model-{self.count}"
        self.run("export", stage, "--to", folder, *more)
        print(f"{stage} {' '.join(more)}")
        return folder

    def encode(self, model, *more):
        self.count += 1
        path = self.folder / f"vectors-{self.count}.npy"
        self.run("encode", model, "texts.txt", "--to", path, *more)
        return numpy.load(path)


def load(auto, folder):
    with Quiet(folder):
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model, info = auto.from_pretrained(folder, output_loading_info=True)
    wrong = {name: keys for name, keys in info.items() if keys}
    if wrong:
        sys.exit(f"{folder}: {wrong}")
    said = json.loads((folder / "config.json").read_text())["architectures"]
    if said != [type(model).__name__]:
        sys.exit(f"{folder} says {said} and is loaded as {type(model).__name__}")
    return tokenizer, model.eval()


def read(tokenizer, *texts):
    return tokenizer(*texts, return_tensors="pt", truncation=True)


@torch.no_grad()
def sentences(project, stage, *more):
    """A folder for sentence-transformers against the vectors of the stage."""
    folder = project.export(stage, "--for", "sentences", *more)
    with Quiet(folder):
        model = SentenceTransformer(str(folder), device="cpu")
        theirs = model.encode(TEXTS)
    pooling = ("--pooling", more[1]) if more else ()
    close("vectors of SentenceTransformer", project.encode(stage, *pooling), theirs)
    close("vectors of the folder in pipe", project.encode(folder), theirs)
    # The transformer of the folder is a whole base model of its own.
    load(AutoModel, folder)


@torch.no_grad()
def encoder(project, stage):
    folder = project.export(stage, "--for", "encoder")
    tokenizer, model = load(AutoModel, folder)
    states = [model(**read(tokenizer, text)).last_hidden_state[0] for text in TEXTS]
    close("mean of the states", project.encode(stage, "--pooling", "mean"), [state.mean(0) for state in states])
    close("first state", project.encode(stage, "--pooling", "cls"), [state[0] for state in states])
    return tokenizer, model


@torch.no_grad()
def pooler_is_the_vector(project, stage):
    """As in SimCSE's published models, `pooler_output` is the vector where the map over the first token was kept."""
    tokenizer, model = encoder(project, stage)
    pooled = [model(**read(tokenizer, text)).pooler_output[0] for text in TEXTS]
    close("pooler_output", project.encode(stage), pooled)


@torch.no_grad()
def masked_lm(project, stage):
    """The probabilities of the likeliest tokens in masked places, which `pipe masks` tells."""
    folder = project.export(stage, "--for", "masked-lm")
    tokenizer, model = load(AutoModelForMaskedLM, folder)
    ours, theirs = [], []
    for text in TEXTS:
        said = project.run("masks", text, "--encoder", folder, "--rate", "0.3", "--examples", "1", "--json")
        for example in json.loads(said)["examples"]:
            ids = torch.tensor([tokenizer.convert_tokens_to_ids([token["input"] for token in example["tokens"]])])
            logits = model(input_ids=ids).logits[0]
            for place, token in enumerate(example["tokens"]):
                if token["guess"] is not None:
                    share = logits[place].softmax(-1)
                    if tokenizer.convert_ids_to_tokens(int(share.argmax())) != token["guess"]:
                        sys.exit(f"{stage}: another token in place {place} of {text!r}")
                    ours.append(token["probability"])
                    theirs.append(float(share.max()))
    assert len(ours) > 5
    close(f"probabilities of {len(ours)} masked tokens", ours, theirs)
    tokens(project, folder, tokenizer)


def tokens(project, folder, tokenizer):
    for text in HOSTILE:
        said = project.run("masks", text, "--tokenizer", folder, "--rate", "0.3", "--examples", "1", "--specials", "--json")
        ours = [token["token"] for token in json.loads(said)["examples"][0]["tokens"]]
        ids = tokenizer(text, verbose=False)["input_ids"]
        theirs = tokenizer.convert_ids_to_tokens(ids)
        # `pipe masks` shows a sequence without the mark at its end.
        if ours != theirs and ours != theirs[:-1]:
            sys.exit(f"{folder}: {text!r} is read as {theirs}, and here as {ours}")
        if tokenizer.convert_tokens_to_ids(theirs) != ids:
            sys.exit(f"{folder}: tokens of {text!r} have several ids")
    print(f"  tokens of {len(HOSTILE)} hostile texts are the same")


def rows(project, stage, columns, texts):
    with open(project.folder / "own.tsv", "w") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerows([columns, *texts])
    table = project.run("predict", stage, "own.tsv")
    return list(csv.DictReader(io.StringIO(table), delimiter="\t"))


@torch.no_grad()
def classifier(project, stage, columns):
    folder = project.export(stage)
    tokenizer, model = load(AutoModelForSequenceClassification, folder)
    texts = [[TEXTS[(row + column) % len(TEXTS)] for column in range(len(columns))] for row in range(len(TEXTS))]
    outputs = [model(**read(tokenizer, *text)).logits[0] for text in texts]
    found = rows(project, stage, columns, texts)
    if model.config.problem_type == "regression":
        ours = [float(row["prediction"]) for row in found]
        close("scores", ours, [float(output[0]) for output in outputs])
        return
    labels = [model.config.id2label[place] for place in range(model.config.num_labels)]
    shares = [output.softmax(-1) for output in outputs]
    close("probabilities", [[float(row[label]) for label in labels] for row in found], shares)
    if [row["prediction"] for row in found] != [labels[int(share.argmax())] for share in shares]:
        sys.exit(f"{stage}: another class")


@torch.no_grad()
def answers(project, stage):
    folder = project.export(stage)
    tokenizer, model = load(AutoModelForQuestionAnswering, folder)
    questions = [["Who saw a dog?", "the king saw a dog"], ["What did the queen see?", "the king saw it and the queen did not"]]
    found = rows(project, stage, ["question", "context"], questions)
    ours, theirs = [], []
    for (question, context), row in zip(questions, found):
        inputs = tokenizer(question, context, return_tensors="pt", return_offsets_mapping=True)
        offsets = inputs.pop("offset_mapping")[0].tolist()
        text = [place for place, part in enumerate(inputs.sequence_ids(0)) if part == 1]
        outputs = model(**inputs)
        start, end = outputs.start_logits[0], outputs.end_logits[0]
        score, first, last = max((float(start[a] + end[b]), a, b) for a in text for b in text if a <= b < a + 30)
        ours.append(float(row["null_odds"]))
        theirs.append(float(start[0] + end[0]) - score)
        best = context[offsets[first][0] : offsets[last][1]]
        if row["prediction"] not in ("", best):
            sys.exit(f"{stage}: {row['prediction']!r} in the place of {best!r}")
    close("odds of no answer", ours, theirs)


def results(project):
    import mteb
    from mteb import TaskResult

    stage = "stage:sts"
    made = Path(project.run("run", stage).split("  ")[0])
    scores = pyarrow.parquet.read_table(made / "scores.parquet").to_pylist()
    scores = {score["name"]: score["value"] / 100 for score in scores}
    folder = project.folder / "mteb"
    project.run("export", stage, "--mteb", folder)
    print(stage, "--mteb")
    files = sorted(file for file in folder.rglob("*.json") if file.name != "model_meta.json")
    with Quiet(folder):
        read = [TaskResult.from_disk(file, load_historic_data=False) for file in files]
        for file, result in zip(files, read):
            assert file.stem == result.task_name == result.task.metadata.name
            assert result.task.metadata.main_score == "cosine_spearman"
            name = {"STSBenchmark": "stsb", "SICK-R": "sickr"}.get(result.task_name, result.task_name.lower())
            assert abs(result.get_score() - scores[name]) < 1e-12
        loaded = mteb.ResultCache(cache_path=folder).load_results(include_remote=False)
    found = {result.task_name for model in loaded.model_results for result in model.task_results}
    assert len(files) == 7 and found == {file.stem for file in files}, found
    print(f"  mteb reads {len(files)} results, of {loaded.model_results[0].model_name}")


def main():
    print(f"transformers {transformers.__version__}, torch {torch.__version__}")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        project = Project(sys.argv[1], folder)
        results(project)
        for layer_norm, types in [("post", 2), ("post", 1), ("pre", 1)]:
            for tokenization in ["wordpiece", "byte-level-bpe"]:
                given = f"layer_norm={layer_norm},token_types={types},tokenization={tokenization}"
                masked_lm(project, f"stage:pretrain[{given}]")
                encoder(project, f"stage:pretrain[{given}]")
                sentences(project, f"stage:pretrain[{given}]", "--pooling", "mean")
                sentences(project, f"stage:contrast[{given},projection=kept]")
                classifier(project, f"stage:finetune[{given}]", ["sentence1", "sentence2"])
                answers(project, f"stage:answer[{given}]")
            given = f"layer_norm={layer_norm},token_types={types}"
            for pooling in ["mean", "max"]:
                sentences(project, f"stage:contrast[{given},pooling={pooling}]")
            sentences(project, f"stage:contrast[{given},pooling=mean,projection=kept]")
            pooler_is_the_vector(project, f"stage:contrast[{given},projection=kept]")
            masked_lm(project, f"stage:contrast[{given},masked_lm=0.1]")
            encoder(project, f"stage:first[{given}]")
            classifier(project, f"stage:finetune[{given},task=sst2]", ["sentence"])
            classifier(project, f"stage:finetune[{given},task=stsb]", ["sentence1", "sentence2"])
    print("all folders are loaded whole, and give the same")


if __name__ == "__main__":
    main()
