"""Makes goldens of Hugging Face's BertTokenizer.

    pip install transformers==5.23.0
    python stages/tokenize/tests/goldens/make.py PATH/bert-base-uncased/vocab.txt

Writes bert.json beside this file: texts, a small vocabulary that spells them as the whole one does, and the ids that
BertTokenizer gives with the small and with the whole vocabulary, upper and lower case, single and in pairs.
"""

import json
import pathlib
import sys
import tempfile

from transformers import BertTokenizer

TEXTS = [
    "",
    " ",
    "Hello, World!",
    "the quick brown fox jumps over the lazy dog",
    "THE QUICK BROWN FOX",
    "naïve café résumé Ångström",
    "e\u0301te\u0301 decomposed",
    "ÀÉÎÕÜ àéîõü ß ẞ Straße",
    "İstanbul ıspanak I i",
    "Ωμέγα ΣΊΣΥΦΟΣ σς",
    "Москва Ёлка йод",
    "東京タワー 北京 天安门",
    "abc中def文ghi",
    "한국어 서울",
    "日本語のテキスト",
    "𠀀 𪚥 rare ideographs",
    "don't can't won't it's O'Neil's",
    "well-known state-of-the-art (see p. 12-14)",
    "e.g., i.e.; etc.: \"quoted\" 'single' `tick`",
    "“curly” ‘quotes’ – en — em … ellipsis",
    "$5.00 €10 £3 ¥100 50% #hash @user a&b",
    "a+b=c x<y>z ~tilde^caret|pipe\\back/slash",
    "¿Qué? ¡Sí! «guillemets»",
    "1234567890 3.14159 1,000,000 1e-10",
    "tabs\tand\nnewlines\r\nhere",
    "non\u00a0breaking\u2003em\u3000ideographic\u2028line",
    "next\u0085line vertical\u000btab form\u000cfeed",
    "nul\u0000byte bell\u0007 replacement\ufffd char",
    "zero\u200bwidth soft\u00adhyphen bom\ufeff mark",
    "private\ue000use unassigned\u0378 char",
    "emoji 😀 🇬🇧 👩‍👩‍👧 ❤️",
    "combining a\u0300\u0301 stack z\u0335",
    "\u0301leading mark",
    "space \u0301 mark alone",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "x" * 99 + " y",
    "x" * 100,
    "x" * 101,
    "a" * 150 + " after",
    "[CLS] [SEP] [MASK] [PAD] [UNK]",
    "the [MASK] sat on the mat.",
    "the[MASK]sat [mask] [Mask] [MASK",
    "[CLS]glued[SEP]",
    "[unused1] [unused99]",
    "##ing ## # ##",
    "unaffable unaffordable tokenization embeddings",
    "qzxv wkjh blorptang",
    "ﬁne ﬂow ﬃ ligatures",
    "ⅷ ² ½ ① ㎏",
    "ａｂｃ ＡＢＣ ！？",
    "हिन्दी भाषा",
    "العربية مُحَمَّد",
    "עברית שָׁלוֹם",
    "ภาษาไทย",
    "Tiếng Việt Nguyễn",
    "ǅ Ǆ ǆ titlecase",
    "mixed CASE wOrDs McDonald eBay iPhone",
    "http://www.example.com/path?query=1&x=y#frag",
    "user.name+tag@example.co.uk",
    "C++ C# .NET node.js",
    "   leading and trailing   ",
    "a  b   c",
    "!!!???...",
    "\u202eright to left\u202c",
    "line\u2029paragraph\u180eseparator",
]

PAIRS = [
    ("the quick brown fox", "over the lazy dog"),
    ("the quick brown fox jumps over the lazy dog", "the dog"),
    ("the dog", "the quick brown fox jumps over the lazy dog"),
    ("the quick brown fox jumps over", "the lazy dog over the quick brown"),
    ("", "the dog"),
    ("the dog", ""),
]
LENGTHS = [None, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 64]


def tokenizer(tokens, lower_case):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "vocab.txt"
        path.write_text("".join(token + "\n" for token in tokens), encoding="utf-8")
        return BertTokenizer.from_pretrained(folder, do_lower_case=lower_case)


def main():
    whole = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8").rstrip("\n").split("\n")
    lower, cased = tokenizer(whole, True), tokenizer(whole, False)
    used = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
    for text in TEXTS + [text for pair in PAIRS for text in pair]:
        for one in (lower, cased):
            used.update(one.convert_ids_to_tokens(one(text)["input_ids"]))
    small = [token for token in whole if token in used]
    small_lower, small_cased = tokenizer(small, True), tokenizer(small, False)
    pairs = []
    for first, second in PAIRS:
        for length in LENGTHS:
            cut = {} if length is None else {"truncation": "longest_first", "max_length": length}
            # As batches: alone, an empty second text would count as none.
            both = small_lower([first], [second], **cut)
            one = small_lower([first], **cut)
            pairs.append(
                {
                    "first": first,
                    "second": second,
                    "max_length": length,
                    "ids": both["input_ids"][0],
                    "types": both["token_type_ids"][0],
                    "single": one["input_ids"][0],
                }
            )
    golden = {
        "vocabulary": small,
        "texts": TEXTS,
        "lower": [small_lower(text)["input_ids"] for text in TEXTS],
        "cased": [small_cased(text)["input_ids"] for text in TEXTS],
        "whole_lower": [lower(text)["input_ids"] for text in TEXTS],
        "whole_cased": [cased(text)["input_ids"] for text in TEXTS],
        "pairs": pairs,
    }
    # One entry a line: readable differences, small file.
    lines = []
    for key, value in golden.items():
        entries = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in value)
        lines.append(f'"{key}":[\n{entries}\n]')
    place = pathlib.Path(__file__).with_name("bert.json")
    place.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


main()
