"""Makes scores of windows, and what BERT's `run_squad.py` answers by them.

    python3 decode.py

needs nothing but Python and writes beside itself `decode.json`. The functions are the algorithm of `write_predictions` and
`_check_is_max_context` (google-research/bert), on texts whose tokens are known by their places; scores are multiples of 1/8, so that
there are ties.
"""

import json
import pathlib
import random

HERE = pathlib.Path(__file__).parent
draw = random.Random(1810)
WORDS = ["Bach", "was", "born", "in", "1685", "–", "Eisenach", "the", "élan", "of", "a", "中", "a"]


def is_max_context(windows, index, position):
    best_score, best = None, None
    for number, (first, start, end) in enumerate(windows):
        if position < start or position > end - 1:
            continue
        left, right = position - start, end - 1 - position
        score = min(left, right) + 0.01 * (end - start)
        if best_score is None or score > best_score:
            best_score, best = score, number
    return index == best


def best_indexes(logits, count):
    ranked = sorted(enumerate(logits), key=lambda pair: pair[1], reverse=True)
    return [index for index, _ in ranked[:count]]


def write_predictions(text, places, windows, scores, n_best, longest, threshold):
    prelim, score_null, null = [], 1000000, (0, 0)
    for number, (first, start, end) in enumerate(windows):
        starts, ends = [one[0] for one in scores[number]], [one[1] for one in scores[number]]
        if threshold is not None and starts[0] + ends[0] < score_null:
            score_null, null = starts[0] + ends[0], (starts[0], ends[0])
        for s in best_indexes(starts, n_best):
            for e in best_indexes(ends, n_best):
                if not first <= s < first + end - start or not first <= e < first + end - start:
                    continue
                if not is_max_context(windows, number, s - first + start):
                    continue
                if e < s or e - s + 1 > longest:
                    continue
                prelim.append((s - first + start, e - first + start, starts[s], ends[e]))
    prelim.sort(key=lambda one: one[2] + one[3], reverse=True)
    found, seen = [], set()
    for s, e, start_logit, end_logit in prelim:
        if len(found) >= n_best:
            break
        answer = text[places[s][0]:places[e][1]]
        if answer not in seen:
            seen.add(answer)
            found.append({"text": answer, "start_logit": start_logit, "end_logit": end_logit})
    best = found[0] if found else {"text": "", "start_logit": 0, "end_logit": 0}
    if threshold is None:
        return {"answer": best["text"], "candidates": found, "null_odds": None}
    odds = score_null - best["start_logit"] - best["end_logit"]
    return {"answer": "" if odds > threshold else best["text"], "candidates": found, "null_odds": odds}


cases = []
for _ in range(60):
    words = [draw.choice(WORDS) for _ in range(draw.randint(1, 30))]
    text, places, encoded = "", [], []
    for word in words:
        start = len(text)
        text += word
        places.append((start, len(text)))
        text += draw.choice([" ", " ", "  ", ""])
    question, room, stride = draw.randint(1, 3), draw.randint(3, 12), draw.randint(1, 9)
    windows, start = [], 0
    while True:
        end = min(len(words), start + room)
        windows.append((question + 2, start, end))
        if end == len(words):
            break
        start += min(room, stride)
    scores = [
        [[draw.randint(-16, 16) / 8, draw.randint(-16, 16) / 8] for _ in range(question + 3 + end - start)]
        for _, start, end in windows
    ]
    rules = {"n_best": draw.randint(2, 8), "longest": draw.randint(1, 6)}
    threshold = draw.choice([None, 0.0, -1.0, 1.5])
    bytes_of = [tuple(len(text[:at].encode()) for at in place) for place in places]
    cases.append(
        {"text": text, "places": bytes_of, "windows": windows, "scores": scores, **rules, "threshold": threshold}
        | write_predictions(text, places, windows, scores, rules["n_best"], rules["longest"], threshold)
    )
text = json.dumps(cases, ensure_ascii=False, separators=(",", ":")).replace('},{"text":', '},\n{"text":')
(HERE / "decode.json").write_text(text + "\n")
