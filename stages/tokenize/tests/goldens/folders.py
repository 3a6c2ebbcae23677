"""Makes goldens of how Hugging Face reads tokenizer folders.

    python -m venv 4 && 4/bin/pip install transformers==4.57.1
    python -m venv 5 && 5/bin/pip install transformers==5.24.0
    4/bin/python stages/tokenize/tests/goldens/folders.py
    5/bin/python stages/tokenize/tests/goldens/folders.py

Each run writes the ids of its version of transformers to folders.json beside this file: of all FOLDERS, the ids that
AutoTokenizer (with a class of its own, BertTokenizerFast) gives to all TEXTS, or why it gives none. With a program's
path,

    5/bin/python stages/tokenize/tests/goldens/folders.py target/debug/pipe

checks instead that the folders that `use = "tokenizer"` writes have these ids again.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import transformers
from transformers import AutoTokenizer, BertTokenizerFast

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZüéç中国東京,.[]#-!'"
WORDS = "hello world müller muller Müller new york the cat fo ##ol 中 ##国 e1 mask".split()
VOCABULARY = list(dict.fromkeys(
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    + list(LETTERS) + ["##" + letter for letter in LETTERS] + WORDS + ["<s>", "</s>"]
))
SIZE = len(VOCABULARY)

TEXTS = [
    "hello world",
    "Müller MÜLLER mu\u0308ller façade",
    "中国 hello中国world 東京",
    "the [MASK] cat[MASK]. [mask] [Mask] ([SEP])",
    "[E1]hello [E1] x[e1]y [E1].",
    "Foo fool FOO foo-foo foo, Foobar",
    "New York new\nyork newyork New  York",
    "<s> hello </s>",
    "a" * 100 + " " + "a" * 101 + " " + "a" * 150,
    "hello\u0000 \u200bworld\u00a0the\tcat",
    "Ünïcode é e\u0301",
    "",
]


def tokenizer_json(added=(), model={}, normalizer={}, vocabulary=None, **more):
    vocabulary = vocabulary or {token: id for id, token in enumerate(VOCABULARY)}
    special = [
        {"id": id, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
         "special": True}
        for id, token in enumerate(VOCABULARY[:5])
    ]
    template = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                   {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
        "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                 {"SpecialToken": {"id": "[SEP]", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}},
                 {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
        "special_tokens": {token: {"id": token, "ids": [VOCABULARY.index(token)], "tokens": [token]}
                           for token in ("[CLS]", "[SEP]")},
    }
    return json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special + list(added),
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                       "strip_accents": None, "lowercase": True, **normalizer},
        "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": template,
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": vocabulary, **model},
        **more,
    }, ensure_ascii=False)


def token(content, **flags):
    usual = {"lstrip": False, "rstrip": False, "normalized": False, "single_word": False, "special": False}
    return {"content": content, **usual, **flags}


def listed(content, id=SIZE, **flags):
    return {"id": id, **token(content, **flags)}


LINES = "".join(token + "\n" for token in VOCABULARY)
SPELT = json.dumps({token: id for id, token in enumerate(VOCABULARY)}, ensure_ascii=False)


def with_text(config={}, specials=None, added=None, model=None):
    """A folder with a vocab.txt."""
    return {"vocab.txt": LINES, **folder(config, specials, added, model)}


def with_json(config={}, text=None, **files):
    """A folder with a tokenizer.json."""
    return {"tokenizer.json": text or tokenizer_json(), **folder(config, **files)}


def folder(config, specials=None, added=None, model=None):
    bert = {"model_type": "bert", "vocab_size": SIZE + 4}
    files = {"config.json": json.dumps({**bert, **(model or {})})}
    for name, content in [("tokenizer_config.json", config), ("special_tokens_map.json", specials),
                          ("added_tokens.json", added)]:
        if content is not None:
            files[name] = json.dumps(content, ensure_ascii=False)
    return files


FLAGS = {
    f"lower {lower} strip {strip} chinese {chinese}": {
        key: value for key, value in
        [("do_lower_case", lower), ("strip_accents", strip), ("tokenize_chinese_chars", chinese)] if value != "unsaid"
    }
    for lower in (True, False, "unsaid") for strip in (True, False, None, "unsaid") for chinese in (True, False)
}

FOLDERS = {
    **{f"vocab.txt, {name}": with_text(flags) for name, flags in FLAGS.items()},
    **{f"tokenizer.json, {name}": with_json(flags) for name, flags in FLAGS.items()},
    "vocab.txt without a configuration": with_text(None),
    "tokenizer.json without a configuration": with_json(None),
    "tokenizer.json without a configuration, cased":
        with_json(None, tokenizer_json(normalizer={"lowercase": False})),
    "cased tokenizer.json, silent configuration":
        with_json({"model_max_length": 64}, tokenizer_json(normalizer={"lowercase": False})),
    "cased tokenizer.json by itself":
        with_json({"tokenizer_class": "PreTrainedTokenizerFast", "do_lower_case": True, "unk_token": "[UNK]",
                   "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"},
                  tokenizer_json(normalizer={"lowercase": False})),
    "long words by itself":
        with_json({"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]"},
                  tokenizer_json(model={"max_input_chars_per_word": 120})),
    "long words": with_json({}, tokenizer_json(model={"max_input_chars_per_word": 120})),
    "another prefix": with_json({}, tokenizer_json(model={"continuing_subword_prefix": "@@"})),
    "text not cleaned": with_json({}, tokenizer_json(normalizer={"clean_text": False})),
    "text not cleaned by itself":
        with_json({"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]"},
                  tokenizer_json(normalizer={"clean_text": False})),
    # Added tokens.
    "added_tokens.json, special": with_text({}, {"additional_special_tokens": ["[E1]"]}, {"[E1]": SIZE}),
    "added_tokens.json, plain": with_text({}, {"mask_token": "[MASK]"}, {"Foo": SIZE}),
    "added_tokens.json, plain, cased":
        with_text({"do_lower_case": False}, {"additional_special_tokens": []}, {"Foo": SIZE}),
    "added_tokens.json, several":
        with_text({}, {"additional_special_tokens": ["[E1]"]}, {"Foo": SIZE, "[E1]": SIZE + 1}),
    "added_tokens.json, another id": with_text({}, {"additional_special_tokens": ["[E1]"]}, {"[E1]": SIZE + 7}),
    "added_tokens.json, known word": with_text({}, {"additional_special_tokens": ["hello"]}, {"hello": VOCABULARY.index("hello")}),
    "decoder, special": with_text({"added_tokens_decoder": {str(SIZE): token("[E1]", special=True)},
                                   "additional_special_tokens": ["[E1]"]}),
    "decoder, plain": with_text({"added_tokens_decoder": {str(SIZE): token("[E1]")}}),
    "decoder, normalized": with_text({"added_tokens_decoder": {str(SIZE): token("Foo", normalized=True)}}),
    "decoder, not normalized": with_text({"added_tokens_decoder": {str(SIZE): token("Foo")}}),
    "decoder, single word": with_text({"added_tokens_decoder": {str(SIZE): token("foo", single_word=True)}}),
    "decoder, single word, normalized":
        with_text({"added_tokens_decoder": {str(SIZE): token("foo", single_word=True, normalized=True)}}),
    "decoder, strips": with_text({"added_tokens_decoder": {str(SIZE): token("Foo", lstrip=True, rstrip=True)}}),
    "decoder, white space": with_text({"added_tokens_decoder": {str(SIZE): token("New York")}}),
    "decoder, white space, normalized":
        with_text({"added_tokens_decoder": {str(SIZE): token("New York", normalized=True)}}),
    "decoder, Chinese, normalized": with_text({"added_tokens_decoder": {str(SIZE): token("中国", normalized=True)}}),
    "decoder, accents, normalized":
        with_text({"strip_accents": False, "added_tokens_decoder": {str(SIZE): token("Ünï", normalized=True)}}),
    "decoder, mask normalized":
        with_text({"added_tokens_decoder": {"4": token("[MASK]", normalized=True, special=True)}}),
    "decoder, mask strips": with_text({"added_tokens_decoder": {"4": token("[MASK]", lstrip=True, special=True)}}),
    "decoder, another id of a special": with_text({"added_tokens_decoder": {"7": token("[MASK]", special=True)}}),
    "decoder, two": with_text({"added_tokens_decoder": {str(SIZE + 1): token("Foo"), str(SIZE): token("[E1]")}}),
    "additional special tokens only": with_text({"additional_special_tokens": ["[E1]", "Foo"]}),
    "additional special token in the vocabulary": with_text({"additional_special_tokens": ["hello"]}),
    "additional special tokens as objects":
        with_text({"additional_special_tokens": [{"__type": "AddedToken", **token("foo", normalized=True)}]}),
    "beginning and end": with_text({"bos_token": "<s>", "eos_token": "</s>"}),
    "tokenizer.json adds": with_json({}, tokenizer_json([listed("[E1]"), listed("Foo", SIZE + 1, normalized=True)])),
    "tokenizer.json and decoder add":
        with_json({"added_tokens_decoder": {str(SIZE): token("[E1]")}}, tokenizer_json([listed("[E1]")])),
    "tokenizer.json and decoder disagree on properties":
        with_json({"added_tokens_decoder": {str(SIZE): token("Foo", normalized=True)}}, tokenizer_json([listed("Foo")])),
    "tokenizer.json adds, decoder lacks it":
        with_json({"added_tokens_decoder": {"4": token("[MASK]", special=True)}}, tokenizer_json([listed("Foo")])),
    "tokenizer.json adds, decoder adds another":
        with_json({"added_tokens_decoder": {str(SIZE): token("[E1]")}}),
    "tokenizer.json and added_tokens.json":
        with_json({}, tokenizer_json([listed("[E1]")]), added={"[E1]": SIZE, "Foo": SIZE + 1}),
    # Special tokens.
    "other names":
        with_text({"cls_token": "<s>", "sep_token": "</s>"}),
    "other names in the map": with_text({}, {"cls_token": "<s>", "sep_token": token("</s>")}),
    "other names in the map, decoder":
        with_text({"added_tokens_decoder": {"4": token("[MASK]", special=True)}}, {"cls_token": "<s>"}),
    "other names in tokenizer.json": with_json({"cls_token": "<s>", "sep_token": "</s>"}),
    "mask as an object": with_text({"mask_token": {"__type": "AddedToken", **token("[MASK]", normalized=True)}}),
    "special tokens are split": with_text({"split_special_tokens": True}),
    "another unknown token": with_text({"unk_token": "<s>"}),
    "another unknown token in tokenizer.json": with_json({"unk_token": "<s>"}),
    "mask missing": with_text({"mask_token": "[MASQUE]"}),
    "pad is null": with_text({"pad_token": None}),
    # Classes.
    "fast class": with_text({"tokenizer_class": "BertTokenizerFast", "strip_accents": False}),
    "DistilBERT": with_text({"tokenizer_class": "DistilBertTokenizer", "strip_accents": False}),
    "ELECTRA": with_text({"tokenizer_class": "ElectraTokenizerFast"}),
    "RoBERTa": with_text({"tokenizer_class": "RobertaTokenizer"}),
    "MPNet": with_text({"tokenizer_class": "MPNetTokenizer"}),
    "class of the model": with_text({}, model={"tokenizer_class": "BertJapaneseTokenizer"}),
    "by file without a file": with_text({"tokenizer_class": "PreTrainedTokenizerFast"}),
    # Other keys.
    "never split": with_text({"never_split": ["foo"]}),
    "never split null": with_text({"never_split": None}),
    "never split special": with_text({"never_split": ["[MASK]"]}),
    "no basic tokenizer": with_text({"do_basic_tokenize": False}),
    "cut on the left": with_text({"truncation_side": "left"}),
    "truncation and padding": with_json({}, tokenizer_json(
        truncation={"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0},
        padding={"strategy": {"Fixed": 16}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0,
                 "pad_type_id": 0, "pad_token": "[PAD]"})),
    "BERT's older post-processor": with_json({}, tokenizer_json(
        post_processor={"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]})),
    "RoBERTa's post-processor": with_json({}, tokenizer_json(
        post_processor={"type": "RobertaProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2], "trim_offsets": True,
                        "add_prefix_space": False})),
    "another normalizer": with_json({}, tokenizer_json(normalizer={"type": "Lowercase"})),
    "another pre-tokenizer": with_json({}, tokenizer_json(pre_tokenizer={"type": "Whitespace"})),
    "model-specific token": with_text({"image_token": "foo"}),
    "named extra tokens": with_text({"extra_special_tokens": {"image_token": "foo"}}),
    "listed extra tokens": with_text({"extra_special_tokens": ["foo"]}),
    "lengths": with_text({"model_max_length": 1000000000000000019884624838656}),
}


def shortened(files):
    """Returns the files without the vocabulary, which all folders share."""
    return {name: text.replace(SPELT, "SPELT") if name == "tokenizer.json" else text
            for name, text in files.items() if text != LINES}


def lengthened(files):
    files = {name: text.replace("SPELT", SPELT) for name, text in files.items()}
    return files if "tokenizer.json" in files else {"vocab.txt": LINES, **files}


def ids(path, names):
    said = [json.loads((path / name).read_text()) for name in ("tokenizer_config.json", "config.json") if name in names]
    by_class = any("tokenizer_class" in keys for keys in said)
    tokenizer = (AutoTokenizer if by_class else BertTokenizerFast).from_pretrained(path)
    return [tokenizer(text)["input_ids"] for text in TEXTS]


def main():
    transformers.logging.set_verbosity_error()
    version = transformers.__version__.split(".")[0]
    place = pathlib.Path(__file__).with_name("folders.json")
    known = json.loads(place.read_text(encoding="utf-8")) if place.exists() else {}
    folders = {}
    for name, files in FOLDERS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder)
            for file, text in files.items():
                (path / file).write_text(text, encoding="utf-8")
            try:
                found = ids(path, files)
            except Exception as error:
                found = f"{type(error).__name__}"
        earlier = known.get("folders", {}).get(name, {})
        folders[name] = {"files": shortened(files), **{key: earlier[key] for key in ("4", "5") if key in earlier}, version: found}
    lines = [f'{json.dumps(name)}:{json.dumps(entry, ensure_ascii=False, separators=(",", ":"))}'
             for name, entry in folders.items()]
    common = {"texts": TEXTS, "vocabulary": VOCABULARY}
    text = json.dumps(common, ensure_ascii=True)[:-1] + ',\n"folders":{\n' + ",\n".join(lines) + "\n}}\n"
    place.write_text(text, encoding="utf-8")


def check(pipe):
    """Checks the files that `pipe` writes for each folder that it accepts."""
    known = json.loads(pathlib.Path(__file__).with_name("folders.json").read_text(encoding="utf-8"))
    transformers.logging.set_verbosity_error()
    wrong = 0
    for name, entry in known["folders"].items():
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder)
            (path / "tok").mkdir()
            for file, text in lengthened(entry["files"]).items():
                (path / "tok" / file).write_text(text, encoding="utf-8")
            (path / "pipeline.toml").write_text('[stage.tokenizer]\nuse = "tokenizer"\nvocab = "tok"\n')
            run = subprocess.run([pipe, "run", "stage:tokenizer"], cwd=path, capture_output=True, text=True)
            if run.returncode == 2:
                continue
            written = pathlib.Path(run.stdout.split()[0])
            names = [file.name for file in written.iterdir()]
            found = ids(written, names)
            if found not in (entry["4"], entry["5"]):
                wrong += 1
                print(name, "is read in another way once it is written", run.stderr)
    print(wrong, "of", len(known["folders"]), "wrong")
    sys.exit(wrong > 0)


if len(sys.argv) > 1:
    check(str(pathlib.Path(sys.argv[1]).resolve()))
else:
    main()
