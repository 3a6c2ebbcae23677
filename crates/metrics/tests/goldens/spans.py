"""Makes spans.json: scores of answers by SQuAD's official scripts.

    pip install transformers==4.57.1
    python spans.py > spans.json

transformers has the functions of `evaluate-v2.0.py`. Version 1.1 treats answers without any words
differently: all gold answers count, and F1 is 0 if no word is shared.
"""

import json
import random

from transformers.data.metrics import squad_metrics as official

draw = random.Random(2016)
WORDS = [
    "the", "a", "an", "The", "Denver", "Broncos", "denver", "broncos", "24–10", "U.S.", "it's", "10th", "century",
    "(NFL)", "--", "É", "STRASSE", "straße", "an_apple", "naïve", "½", "a–b", "l'a", "\u00a0x", "İ", "ΟΔΟΣ", ".",
]


def answer(longest):
    return draw.choice(["", " "]) + " ".join(draw.choice(WORDS) for _ in range(draw.randint(0, longest)))


def first(predicted, gold):
    def f1(one):
        words = official.get_tokens(one), official.get_tokens(predicted)
        return official.compute_f1(one, predicted) if all(words) else 0

    return max(official.compute_exact(one, predicted) for one in gold), max(f1(one) for one in gold)


def second(predicted, gold):
    gold = [one for one in gold if official.normalize_answer(one)] or [""]
    return (
        max(official.compute_exact(one, predicted) for one in gold),
        max(official.compute_f1(one, predicted) for one in gold),
    )


rows = []
for _ in range(400):
    gold = [answer(4) for _ in range(draw.randint(1, 3))]
    if draw.random() < 0.5:
        words = draw.choice(gold).split()
        predicted = " ".join(words[draw.randint(0, len(words)):] + [draw.choice(WORDS)] * draw.randint(0, 1))
    else:
        predicted = answer(3)
    rows.append({"predicted": predicted, "gold": gold, "first": first(predicted, gold), "second": second(predicted, gold)})
print(json.dumps(rows, ensure_ascii=False, separators=(",", ":")).replace('},{', '},\n{'))
