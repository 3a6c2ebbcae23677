"""Makes a tiny sentence-transformers folder, its sentence vectors, and STS scores.

    pip install torch==2.15.0 transformers==5.23.0 numpy==2.4.6 scipy==1.17.1
    python make.py

writes beside itself `encoder/` (a BertModel with random weights, 2 layers of 32, and the hand-written files that make
it a sentence-transformers folder), `vectors.json` (per pooling, the vectors of a few sentences, from transformers
alone) and `scores.json` (vectors with ties, and what SentEval's protocol makes of them with SciPy).
"""

import json
import pathlib

import numpy
import torch
from scipy.stats import pearsonr, spearmanr
from transformers import BertConfig, BertModel, BertTokenizerFast

HERE = pathlib.Path(__file__).parent
FOLDER = HERE / "encoder"
SENTENCES = [
    "A man is playing a guitar.",
    "a MAN is playing a guitar .",
    "Two dogs run",
    "the dogs are playing , and the man runs away from two guitars !",
    "man",
    "un##known words here",
]
WORDS = "a the man dog ##s is are play ##ing guitar two run away from and . , ! word here # un know ##n".split()

torch.manual_seed(20220216)
torch.set_num_threads(1)
FOLDER.mkdir(exist_ok=True)
(FOLDER / "1_Pooling").mkdir(exist_ok=True)
(FOLDER / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]) + "\n")
(FOLDER / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True}) + "\n")

config = BertConfig(
    vocab_size=5 + len(WORDS), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
    max_position_embeddings=24,
)
model = BertModel(config, add_pooling_layer=False).eval()
with torch.no_grad():
    for parameter in model.parameters():
        # Larger than initial weights, so that a wrong layer or a lost bias shows.
        parameter.add_(torch.randn_like(parameter) * 0.2)
model.save_pretrained(FOLDER)

MODULES = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
(FOLDER / "modules.json").write_text(json.dumps([
    {"idx": index, "name": str(index), "path": path, "type": f"sentence_transformers.models.{kind}"}
    for index, (path, kind) in enumerate(MODULES)
], indent=2) + "\n")
(FOLDER / "1_Pooling" / "config.json").write_text(json.dumps({
    "word_embedding_dimension": 32, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True,
    "pooling_mode_max_tokens": False, "pooling_mode_mean_sqrt_len_tokens": False,
}, indent=2) + "\n")

tokenizer = BertTokenizerFast.from_pretrained(str(FOLDER))
inputs = tokenizer(SENTENCES, padding=True, return_tensors="pt")
with torch.no_grad():
    states = model(**inputs, output_hidden_states=True).hidden_states
mask = inputs["attention_mask"].unsqueeze(-1).double()
states = [state.double() for state in states]


def average(state):
    return (state * mask).sum(1) / mask.sum(1)


vectors = {
    "cls": states[-1][:, 0],
    "mean": average(states[-1]),
    "first-last": average((states[1] + states[-1]) / 2),
    "embedding-last": average((states[0] + states[-1]) / 2),
}
short = tokenizer(SENTENCES[:1], truncation=True, max_length=5, return_tensors="pt")
with torch.no_grad():
    cut = model(**short).last_hidden_state.double().mean(1)[0]
(HERE / "vectors.json").write_text(json.dumps({
    "first_sentence_cut_to_5_tokens": [round(value, 9) for value in cut.tolist()],
    "sentences": SENTENCES,
    "vectors": {name: [[round(value, 9) for value in row] for row in rows.tolist()] for name, rows in vectors.items()},
}) + "\n")

# SentEval's senteval/sts.py and SimCSE's evaluation.py, on whole-number vectors, of which many cosines are equal.
generator = numpy.random.default_rng(20220216)
SUBSETS = [("sts12", "MSRpar", 40), ("sts12", "MSRvid", 25), ("sts12", "surprise.OnWN", 9),
           ("sts13", "FNWN", 12), ("stsb", "test", 60), ("sickr", "test", 33)]
pairs = []
for set_, subset, count in SUBSETS:
    for _ in range(count):
        left = generator.integers(-2, 3, 3)
        right = numpy.where(generator.random(3) < 0.5, left, generator.integers(-2, 3, 3))
        gold = float(numpy.round(5 - numpy.abs(left - right).sum() + generator.integers(0, 3), 1))
        pairs.append({"set": set_, "subset": subset, "left": left.tolist(), "right": right.tolist(), "score": gold})


def cosine(pair):
    left, right = numpy.array(pair["left"], float), numpy.array(pair["right"], float)
    with numpy.errstate(invalid="ignore"):
        value = left @ right / numpy.sqrt((left @ left) * (right @ right))
    return float(numpy.nan_to_num(value))


def correlation(of, chosen):
    return of([cosine(pair) for pair in chosen], [pair["score"] for pair in chosen])[0]


scores = {}
for name, of in (("", spearmanr), (".pearson", pearsonr)):
    printed = {"": [], ".mean": [], ".wmean": []}
    for set_ in dict.fromkeys(pair["set"] for pair in pairs):
        chosen = [pair for pair in pairs if pair["set"] == set_]
        parts = [[pair for pair in chosen if pair["subset"] == part] for part in dict.fromkeys(p["subset"] for p in chosen)]
        each, weights = [correlation(of, part) for part in parts], [len(part) for part in parts]
        for suffix, value in (("", correlation(of, chosen)), (".mean", numpy.mean(each)),
                              (".wmean", numpy.average(each, weights=weights))):
            scores[set_ + name + suffix] = float(value * 100)
            printed[suffix].append(float("%.2f" % (value * 100)))
    for suffix, values in printed.items():
        scores["avg" + name + suffix] = sum(values) / len(values)
(HERE / "scores.json").write_text(json.dumps({"pairs": pairs, "scores": scores}) + "\n")
