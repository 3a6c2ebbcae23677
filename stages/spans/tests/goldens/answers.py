"""Makes questions, answers to them, and what SQuAD's official scripts make of both.

    python3 answers.py

needs nothing but Python (3.11 or later, of Unicode 14 or later) and writes beside itself `squad/` (both releases in the official layout,
with one training question each), `predictions.json`, `null_odds.json` and `scores.json`. The functions of normalisation and scoring are the algorithms of
`evaluate-v1.1.py` and `evaluate-v2.0.py` (Rajpurkar et al. 2016 and 2018).
"""

import collections
import json
import pathlib
import random
import re
import string

HERE = pathlib.Path(__file__).parent
draw, odds = random.Random(2018), random.Random(1806)
WORDS = [
    "the", "a", "an", "The", "AN", "Denver", "broncos", "24–10", "U.S.", "it's", "10th", "(NFL)", "--", "É", "e\u0301", "STRASSE",
    "straße", "an_apple", "naïve", "½", "a–b", "l'a", "\u00a0x", "İ", "ΟΔΟΣ", ".", "the\u0301", "a\u093e", "Ⓐ", "aⒶ", "the\u200dend",
    "中", "一", "an²", "the\u2019s", "a\u00adn", "\u2003", "ſ", "ǅ", "٣", "the-a", "“the”", "$5", "\u1d43",
]


def normalize_answer(s):
    def remove_articles(text):
        return re.sub(r"\b(a|an|the)\b", " ", text)

    def white_space_fix(text):
        return " ".join(text.split())

    def remove_punc(text):
        exclude = set(string.punctuation)
        return "".join(ch for ch in text if ch not in exclude)

    return white_space_fix(remove_articles(remove_punc(s.lower())))


def f1_first(prediction, truth):
    prediction, truth = normalize_answer(prediction).split(), normalize_answer(truth).split()
    common = collections.Counter(prediction) & collections.Counter(truth)
    same = sum(common.values())
    if same == 0:
        return 0
    precision, recall = same / len(prediction), same / len(truth)
    return 2 * precision * recall / (precision + recall)


def f1_second(prediction, truth):
    prediction, truth = normalize_answer(prediction).split(), normalize_answer(truth).split()
    if not prediction or not truth:
        return int(prediction == truth)
    common = collections.Counter(prediction) & collections.Counter(truth)
    same = sum(common.values())
    if same == 0:
        return 0
    precision, recall = same / len(prediction), same / len(truth)
    return 2 * precision * recall / (precision + recall)


def exact(prediction, truth):
    return int(normalize_answer(prediction) == normalize_answer(truth))


def evaluate_first(questions, predictions):
    f1 = match = total = 0
    for one in questions:
        total += 1
        if one["id"] not in predictions:
            continue
        gold = [answer["text"] for answer in one["answers"]]
        prediction = predictions[one["id"]]
        match += max(exact(prediction, truth) for truth in gold)
        f1 += max(f1_first(prediction, truth) for truth in gold)
    return {"exact_match": 100.0 * match / total, "f1": 100.0 * f1 / total, "total": total}


def evaluate_second(questions, predictions, na_probs):
    exacts, f1s = {}, {}
    has_answer = {one["id"]: bool(one["answers"]) for one in questions}
    for one in questions:
        gold = [answer["text"] for answer in one["answers"] if normalize_answer(answer["text"])] or [""]
        if one["id"] not in predictions:
            continue
        prediction = predictions[one["id"]]
        exacts[one["id"]] = max(exact(prediction, truth) for truth in gold)
        f1s[one["id"]] = max(f1_second(prediction, truth) for truth in gold)

    def best(scores):
        score = sum(not one["answers"] for one in questions)
        best_score, threshold = score, 0.0
        for one in sorted(na_probs, key=lambda one: na_probs[one]):
            if one not in scores:
                continue
            if has_answer[one]:
                score += scores[one]
            else:
                score += -1 if predictions[one] else 0
            if score > best_score:
                best_score, threshold = score, na_probs[one]
        return 100.0 * best_score / len(scores), threshold

    def part(suffix, ids):
        ids = [one for one in ids if one in exacts]
        return {
            "exact_match" + suffix: 100.0 * sum(exacts[one] for one in ids) / len(ids),
            "f1" + suffix: 100.0 * sum(f1s[one] for one in ids) / len(ids),
            "total" + suffix: len(ids),
        }

    has = [one["id"] for one in questions if one["answers"]]
    none = [one["id"] for one in questions if not one["answers"]]
    found = part("", has + none) | part(".answer", has) | part(".no_answer", none)
    found["best_exact"], found["best_exact_thresh"] = best(exacts)
    found["best_f1"], found["best_f1_thresh"] = best(f1s)
    return found


def text(count):
    return " ".join(draw.choice(WORDS) for _ in range(count))


def question(identity, context, unanswerable):
    answers = []
    for _ in range(0 if unanswerable else draw.randint(1, 3)):
        start = draw.randrange(len(context) - 1)
        end = draw.randint(start + 1, min(len(context), start + 18))
        answers.append({"text": context[start:end], "answer_start": start})
    found = {"id": identity, "question": "Who?", "answers": answers}
    return found | ({"is_impossible": unanswerable} if unanswerable is not None else {})


def release(name, second):
    questions, articles = [], []
    for article in range(3):
        paragraphs = []
        for paragraph in range(3):
            context = text(25)
            asked = [
                question(f"{name}-{article}-{paragraph}-{n}", context, draw.random() < 0.4 if second else None)
                for n in range(12)
            ]
            questions += asked
            paragraphs.append({"context": context, "qas": asked})
        articles.append({"title": f"article {article}", "paragraphs": paragraphs})
    return questions, {"version": "v2.0" if second else "1.1", "data": articles}


def predict(questions):
    found = {"nobody's question": "an answer"}
    for one in questions:
        if draw.random() < 0.06:
            continue
        gold = draw.choice([answer["text"] for answer in one["answers"]] or [""])
        kind = draw.random()
        if kind < 0.3:
            found[one["id"]] = gold
        elif kind < 0.5:
            found[one["id"]] = draw.choice(["the ", "An ", "", "\t"]) + gold.upper() + draw.choice([".", "", "!  "])
        elif kind < 0.65:
            found[one["id"]] = draw.choice(["", " ", "the", "a.", "—"])
        else:
            found[one["id"]] = " ".join(gold.split()[:2]) + " " + text(draw.randint(0, 3))
    return found


def weigh(questions, predictions):
    """Odds of having no answer, in another order than the questions, many of them equal."""
    found = {}
    for one in odds.sample(questions, len(questions)) + [{"id": "nobody's question", "answers": []}]:
        if one["id"] in predictions or odds.random() < 0.5:
            found[one["id"]] = odds.randint(-8, 8) / 4 + (0.5 if not one["answers"] else -0.5)
    return found


def write(path, value):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace('"},', '"},\n') + "\n")


predictions, scores = {}, {}
for name, version, second in [("squad", "v1.1", False), ("squad2", "v2.0", True)]:
    questions, file = release(name, second)
    found = predict(questions)
    predictions |= found
    if second:
        na_probs = weigh(questions, found)
        scores[name] = evaluate_second(questions, found, na_probs)
        write(HERE / "null_odds.json", na_probs)
    else:
        scores[name] = evaluate_first(questions, found)
    write(HERE / "squad" / f"dev-{version}.json", file)
    training = {"id": f"{name}-training", "question": "Who?", "answers": [{"text": "Denver", "answer_start": 0}]}
    file = {"data": [{"title": "training", "paragraphs": [{"context": "Denver won.", "qas": [training]}]}]}
    write(HERE / "squad" / f"train-{version}.json", file)
write(HERE / "predictions.json", predictions)
write(HERE / "scores.json", scores)
