"""Makes goldens of Hugging Face's byte-level BPE: what its trainer learns, and the ids that RobertaTokenizer gives.

    python -m venv 4 && 4/bin/pip install transformers==4.57.1
    python -m venv 5 && 5/bin/pip install transformers==5.24.0
    4/bin/python stages/tokenize/tests/goldens/byte_level.py PATH/gpt2
    5/bin/python stages/tokenize/tests/goldens/byte_level.py PATH/gpt2

PATH/gpt2 holds GPT-2's encoder.json and vocab.bpe and fairseq's dict.txt. Each run writes what its version of transformers makes of
FOLDERS to byte_level.json beside this file, and everything else once more. With a program's path,

    5/bin/python stages/tokenize/tests/goldens/byte_level.py PATH/gpt2 target/debug/pipe

checks instead that the folders that `use = "tokenizer"` writes have these ids again.
"""

import json
import pathlib
import random
import subprocess
import sys
import tempfile

import transformers
from tokenizers import ByteLevelBPETokenizer
from transformers import AutoTokenizer, RobertaTokenizerFast

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
SIZE = 420
WORDS = ("the a of and to in is it was that he she they don't can't it's we'll I've you're I'd said lower lowest newer newest wider "
         "unmasking masked masks token tokens tokenization schön größer naïve café Straße Ёлка Москва 東京 中国 emoji 😀 👩‍👩‍👧 123 2024 "
         "3.14 well-known e.g. (see) \"quoted\" U.S. Hello World HELLO").split()
GAPS = [" "] * 12 + [", ", ". ", "\n", "  ", "\t", " — ", "\n\n"]

TEXTS = [
    "",
    " ",
    "   ",
    "\n",
    "Hello, World!",
    "the lowest unmasking of the newest tokens",
    " leading space",
    "   leading and trailing   ",
    "a  b   c\td\n\ne\r\nf \n g",
    "tab\t tab \tand\u000bvertical\u000cform",
    "don't can't won't it's O'Neil's we'll I'VE you're I'd 'tis 'S",
    "naïve café résumé Ångström Straße ẞ",
    "e\u0301te\u0301 decomposed \u0301 alone",
    "Москва Ёлка йод Ωμέγα",
    "東京タワー 北京 天安门 𠀀 𪚥",
    "abc中def文ghi",
    "한국어 서울 हिन्दी ภาษาไทย العربية עברית",
    "emoji 😀 🇬🇧 👩‍👩‍👧 ❤️ x😀y",
    "1234567890 3.14159 1,000,000 1e-10 ½ ² ⅷ",
    "$5.00 €10 50% #hash @user a&b a+b=c x<y>z",
    "“curly” ‘quotes’ – en — em … ellipsis",
    "non\u00a0breaking\u2003em\u3000ideographic\u2028line next\u0085line \u180e sep",
    "nul\u0000byte bell\u0007 soft\u00adhyphen bom\ufeff zero\u200bwidth replacement\ufffd",
    "the <mask> sat. the<mask>sat <mask>  <mask> \t<mask>x",
    "<s> glued</s> <pad><unk> <s",
    "<MASK> <mask >",
    "lowes, lowest lowes Worlds  orld  end",
    "Ġ Ċ â Ā symbols",
    "x" * 99,
    "http://www.example.com/path?query=1&x=y#frag user.name+tag@example.co.uk",
]
PAIRS = [
    ("the lowest of the masks", "it was newer"),
    ("the mask", "the lowest of the masks is wider"),
    ("", "the mask"),
    ("the mask", ""),
    (" the mask", " the mask"),
]
LENGTHS = [None, 4, 5, 6, 7, 8, 9, 10, 64]


def corpus():
    draws = random.Random(15)
    return ["".join(draws.choice(WORDS) + draws.choice(GAPS) for _ in range(draws.randint(5, 30))) for _ in range(120)]


def learned():
    """The vocabulary and the merges that Hugging Face's trainer learns from the corpus."""
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(corpus(), vocab_size=SIZE, min_frequency=2, special_tokens=SPECIAL, show_progress=False)
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_model(folder)
        path = pathlib.Path(folder)
        vocabulary = json.loads((path / "vocab.json").read_text(encoding="utf-8"))
        merges = (path / "merges.txt").read_text(encoding="utf-8").split("\n")[1:]
    by_id = sorted(vocabulary, key=vocabulary.get)
    assert [vocabulary[token] for token in by_id] == list(range(len(by_id)))
    return by_id, [merge for merge in merges if merge]


VOCABULARY, MERGES = learned()
SPELT = json.dumps({token: id for id, token in enumerate(VOCABULARY)}, ensure_ascii=False)
LINES = "#version: 0.2\n" + "".join(merge + "\n" for merge in MERGES)
MERGED = json.dumps([merge.split(" ") for merge in MERGES], ensure_ascii=False)
MERGED_AS_TEXT = json.dumps(MERGES, ensure_ascii=False)


def listed(content, id, **flags):
    usual = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": id, "content": content, **usual, **flags}


def token(content, **flags):
    value = listed(content, 0, **flags)
    del value["id"]
    return value


ROBERTA = {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0], "trim_offsets": True, "add_prefix_space": False}
TEMPLATE = {
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
               {"SpecialToken": {"id": "</s>", "type_id": 0}}],
    "pair": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
             {"SpecialToken": {"id": "</s>", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}},
             {"Sequence": {"id": "B", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
    "special_tokens": {name: {"id": name, "ids": [id], "tokens": [name]} for name, id in (("<s>", 0), ("</s>", 2))},
}


def tokenizer_json(added=(), merges="MERGED", model={}, before={}, **more):
    special = [listed(name, id, lstrip=name == "<mask>") for id, name in enumerate(SPECIAL)]
    text = json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special + list(added), "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True, **before},
        "post_processor": ROBERTA, "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "",
                  "fuse_unk": False, "vocab": "SPELT", "merges": merges, **model},
        **more,
    }, ensure_ascii=False)
    return text.replace('"SPELT"', "SPELT").replace('"MERGED"', "MERGED").replace('"MERGED_AS_TEXT"', "MERGED_AS_TEXT")


def bare(config=None, specials=None, added=None, model=None):
    """A folder with vocab.json and merges.txt."""
    return {"vocab.json": "SPELT", "merges.txt": "LINES", **folder(config, specials, added, model)}


def whole(config={}, text=None, **files):
    """A folder with a tokenizer.json."""
    return {"tokenizer.json": text or tokenizer_json(), **folder(config, **files)}


def folder(config, specials=None, added=None, model=None):
    files = {"config.json": json.dumps({"model_type": "roberta", "vocab_size": len(VOCABULARY) + 4, **(model or {})})}
    for name, content in [("tokenizer_config.json", config), ("special_tokens_map.json", specials), ("added_tokens.json", added)]:
        if content is not None:
            files[name] = json.dumps(content, ensure_ascii=False)
    return files


LAST = len(VOCABULARY)
BY_FILE = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
           "sep_token": "</s>", "pad_token": "<pad>", "cls_token": "<s>", "mask_token": "<mask>"}
MASK = {"added_tokens_decoder": {str(id): token(name, lstrip=name == "<mask>") for id, name in enumerate(SPECIAL)}}

FOLDERS = {
    "files alone": bare(),
    "files, mask spelt out": bare({"mask_token": {"__type": "AddedToken", **token("<mask>", lstrip=True)}}),
    "files, mask that takes no space": bare({**MASK, "added_tokens_decoder": {
        **MASK["added_tokens_decoder"], "4": token("<mask>")}}),
    "files, decoder": bare(MASK),
    "files, prefix space": bare({**MASK, "add_prefix_space": True}),
    "files, class": bare({**MASK, "tokenizer_class": "RobertaTokenizer"}),
    "files, another class": bare({**MASK, "tokenizer_class": "GPT2Tokenizer"}),
    "files, adds": bare({**MASK, "added_tokens_decoder": {**MASK["added_tokens_decoder"], str(LAST): token("world", special=False)}}),
    "files, adds what strips": bare({**MASK, "added_tokens_decoder": {
        **MASK["added_tokens_decoder"], str(LAST): token("orld", special=False, rstrip=True, lstrip=True)}}),
    "files, adds white space": bare({**MASK, "added_tokens_decoder": {
        **MASK["added_tokens_decoder"], str(LAST): token("the lowest", special=False)}}),
    "files, adds a single word": bare({**MASK, "added_tokens_decoder": {
        **MASK["added_tokens_decoder"], str(LAST): token("lowes", special=False, single_word=True)}}),
    "tokenizer.json": whole(),
    "tokenizer.json, merges as text": whole({}, tokenizer_json(merges="MERGED_AS_TEXT")),
    "tokenizer.json, prefix space there": whole({}, tokenizer_json(before={"add_prefix_space": True})),
    "tokenizer.json, prefix space by configuration": whole({"add_prefix_space": True}),
    "tokenizer.json, template": whole({}, tokenizer_json(post_processor=TEMPLATE)),
    "tokenizer.json, template by itself": whole(BY_FILE, tokenizer_json(post_processor=TEMPLATE)),
    "tokenizer.json by itself, prefix space": whole(BY_FILE, tokenizer_json(
        before={"add_prefix_space": True}, post_processor={**ROBERTA, "add_prefix_space": True})),
    "tokenizer.json by itself, prefix space in both": whole({**BY_FILE, "add_prefix_space": True}, tokenizer_json(
        before={"add_prefix_space": True}, post_processor={**ROBERTA, "add_prefix_space": True})),
    "tokenizer.json without a configuration": whole(None),
    "tokenizer.json without a configuration, prefix space": whole(None, tokenizer_json(before={"add_prefix_space": True})),
    "tokenizer.json by itself, NFC": whole(BY_FILE, tokenizer_json(normalizer={"type": "NFC"})),
    "tokenizer.json, NFC": whole({}, tokenizer_json(normalizer={"type": "NFC"})),
    "tokenizer.json, lower case": whole(BY_FILE, tokenizer_json(normalizer={"type": "Lowercase"})),
    "tokenizer.json adds": whole({}, tokenizer_json([listed("world", LAST, special=False)])),
    "tokenizer.json, no expression": whole(BY_FILE, tokenizer_json(before={"use_regex": False})),
    "tokenizer.json, merges ignored": whole(BY_FILE, tokenizer_json(model={"ignore_merges": True})),
    "tokenizer.json, nothing around texts": whole(BY_FILE, tokenizer_json(post_processor=None)),
    "tokenizer.json, GPT-2's processor": whole({}, tokenizer_json(
        post_processor={"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True})),
    "tokenizer.json, another pre-tokenizer": whole(BY_FILE, tokenizer_json(pre_tokenizer={"type": "Whitespace"})),
    "special tokens are split": whole({"split_special_tokens": True}),
}


def spelt(text):
    for name, value in [("SPELT", SPELT), ("MERGED_AS_TEXT", MERGED_AS_TEXT), ("MERGED", MERGED), ("LINES", LINES)]:
        text = text.replace(name, value)
    return text


def ids(path):
    """Returns ids and places of all texts, and the ids of a pair."""
    names = [file.name for file in path.iterdir()]
    config = json.loads((path / "tokenizer_config.json").read_text()) if "tokenizer_config.json" in names else {}
    tokenizer = (AutoTokenizer if "tokenizer_class" in config else RobertaTokenizerFast).from_pretrained(path)
    return [tokenizer(text)["input_ids"] for text in TEXTS] + [tokenizer([first], [second])["input_ids"][0] for first, second in PAIRS]


def details(path):
    """Returns what a tokenizer gives besides ids."""
    tokenizer = RobertaTokenizerFast.from_pretrained(path)
    tokens = []
    for text in TEXTS:
        found = tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)
        places = [[len(text[:end].encode()) for end in place] for place in found["offset_mapping"]]
        tokens.append({"ids": found["input_ids"], "places": places, "words": found.word_ids()})
    pairs = []
    for first, second in PAIRS:
        for length in LENGTHS:
            cut = {} if length is None else {"truncation": "longest_first", "max_length": length}
            # As batches: alone, an empty second text would count as none.
            both, one = tokenizer([first], [second], **cut), tokenizer([first], **cut)
            pairs.append({"first": first, "second": second, "max_length": length, "ids": both["input_ids"][0],
                          "single": one["input_ids"][0]})
    return tokens, pairs


def official(path):
    """Returns the ids by RoBERTa's own vocabulary."""
    encoder = json.loads((path / "encoder.json").read_text(encoding="utf-8"))
    by_id = {id: token for token, id in encoder.items()}
    tokens = SPECIAL[:4]
    for line in (path / "dict.txt").read_text(encoding="utf-8").splitlines():
        word = line.rsplit(" ", 1)[0]
        tokens.append(by_id[int(word)] if word.isdigit() else word)
    tokens.append("<mask>")
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        (place / "vocab.json").write_text(json.dumps({token: id for id, token in enumerate(tokens)}), encoding="utf-8")
        (place / "merges.txt").write_text((path / "vocab.bpe").read_text(encoding="utf-8"), encoding="utf-8")
        (place / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": {
            str(tokens.index(name)): token(name, lstrip=name == "<mask>") for name in SPECIAL}}))
        tokenizer = RobertaTokenizerFast.from_pretrained(place)
        return len(tokenizer), [tokenizer(text)["input_ids"] for text in TEXTS]


def written(path, files):
    for name, text in files.items():
        (path / name).write_text(spelt(text), encoding="utf-8")


def main():
    transformers.logging.set_verbosity_error()
    version = transformers.__version__.split(".")[0]
    place = pathlib.Path(__file__).with_name("byte_level.json")
    known = json.loads(place.read_text(encoding="utf-8")) if place.exists() else {}
    folders = {}
    for name, files in FOLDERS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder)
            written(path, files)
            try:
                found = ids(path)
            except Exception as error:
                found = f"{type(error).__name__}"
        earlier = known.get("folders", {}).get(name, {})
        folders[name] = {"files": files, **{key: earlier[key] for key in ("4", "5") if key in earlier}, version: found}
    with tempfile.TemporaryDirectory() as folder:
        written(pathlib.Path(folder), FOLDERS["files, decoder"])
        tokens, pairs = details(pathlib.Path(folder))
    size, whole_ids = official(pathlib.Path(sys.argv[1]))
    compact = {"ensure_ascii": True, "separators": (",", ":")}
    common = {"corpus": corpus(), "vocabulary": VOCABULARY, "merges": MERGES, "texts": TEXTS, "tokens": tokens,
              "pairs_of_texts": PAIRS, "pairs": pairs, "whole_size": size, "whole": whole_ids}
    parts = []
    for key, value in common.items():
        entries = json.dumps(value, **compact)
        if isinstance(value, list) and key not in ("vocabulary", "merges"):
            entries = "[\n" + ",\n".join(json.dumps(entry, **compact) for entry in value) + "\n]"
        parts.append(f'"{key}":{entries}')
    lines = [f"{json.dumps(name)}:{json.dumps(entry, **compact)}" for name, entry in folders.items()]
    parts.append('"folders":{\n' + ",\n".join(lines) + "\n}")
    place.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


def check(pipe):
    """Checks the files that `pipe` writes for each folder that it accepts."""
    known = json.loads(pathlib.Path(__file__).with_name("byte_level.json").read_text(encoding="utf-8"))
    transformers.logging.set_verbosity_error()
    wrong, read = 0, 0
    for name, entry in known["folders"].items():
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder)
            (path / "tok").mkdir()
            written(path / "tok", entry["files"])
            (path / "pipeline.toml").write_text('[stage.tokenizer]\nuse = "tokenizer"\nvocab = "tok"\n')
            run = subprocess.run([pipe, "run", "stage:tokenizer"], cwd=path, capture_output=True, text=True)
            if run.returncode == 2:
                continue
            read += 1
            found = ids(pathlib.Path(run.stdout.split()[0]))
            if found not in (entry["4"], entry["5"]):
                wrong += 1
                print(name, "is read in another way once it is written", run.stderr)
    print(wrong, "of", read, "wrong")
    sys.exit(wrong > 0)


if len(sys.argv) > 2:
    check(str(pathlib.Path(sys.argv[2]).resolve()))
else:
    main()
