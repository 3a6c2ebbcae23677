"""Makes tiny encoders of the families that go through candle, and what other programs compute of them.

    pip install torch==2.15.0 transformers==5.24.0 sentence-transformers==6.2.0 tokenizers
    OMP_NUM_THREADS=1 python families.py

writes beside itself `families/`: `sentences.json`, and for each family a folder as Hugging Face or sentence-transformers saves
it, with random weights, and `expected.safetensors` in it: `ids.N` and `hidden.N` (the last layer) of each sentence as it is, and
`vectors`, what the whole folder makes of the sentences.

ModernBERT, XLM-RoBERTa and NomicBERT are transformers' own classes, and their vectors sentence-transformers'. JinaBERT's code is
on the Hub alone and is not run here: `Jina` below is written from the papers (ALiBi: Press et al. 2022, section 3 and the
authors' slopes for numbers of heads that are no powers of two; JinaBERT: Günther et al. 2023, section 3: post-layer-norm BERT with
symmetric ALiBi and GEGLU) and the names of the tensors.
"""

import json
import math
import pathlib
import shutil

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch.nn import functional
from transformers import (
    AutoModel,
    AutoTokenizer,
    BertTokenizer,
    ModernBertConfig,
    ModernBertModel,
    NomicBertConfig,
    NomicBertModel,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
)

from sentence_transformers import SentenceTransformer

HERE = pathlib.Path(__file__).parent / "families"
SENTENCES = [
    "A man is playing a guitar.",
    "the dogs are playing, and the man runs away from two guitars and a dog and the guitar of another man!",
    "Two dogs run",
    "Two men run",
    "dog",
    "Das Café ist schön, ☃ nicht wahr?",
]
CORPUS = 4 * SENTENCES + ["the man and the dog are running", "playing two guitars", "a dog ran from the men"]
WIDTH = 24
HEADS = 6


def scramble(model, seed):
    """Random values of a size at which every parameter matters; biases and normalisations too."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            offset = 1.0 if "norm" in name.lower() and name.endswith("weight") else 0.0
            parameter.copy_(offset + (0.3 if parameter.dim() > 1 else 0.2) * noise)
    return model.eval()


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n")


def around(first, last):
    return processors.TemplateProcessing(
        single=f"{first[0]} $A {last[0]}",
        pair=f"{first[0]} $A {last[0]} {last[0]} $B {last[0]}",
        special_tokens=[first, last],
    )


def byte_level():
    """ModernBERT's: a byte-level BPE with BERT's special tokens and NFC."""
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    specials = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    trainer = trainers.BpeTrainer(vocab_size=96, special_tokens=specials, initial_alphabet=[], show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = around(("[CLS]", 1), ("[SEP]", 2))
    names = dict(unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]", mask_token="[MASK]")
    return tokenizer, {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 64, **names}


def unigram():
    """XLM-RoBERTa's: pieces with scores, words begin with a mark for the space before them."""
    specials = ["<s>", "<pad>", "</s>", "<unk>"]
    words = "the man men dog is are play guitar two run another and a".split()
    letters = sorted(set("".join(SENTENCES).lower()) & set("abcdefghijklmnopqrstuvwxyzé.,!?"))
    pieces = dict.fromkeys(["▁", "s", "ing", *words, *(f"▁{word}" for word in words), *letters])
    scored = [(piece, -2.0 - 0.07 * index + 0.5 * len(piece)) for index, piece in enumerate(pieces)]
    tokenizer = Tokenizer(models.Unigram([*((special, 0.0) for special in specials), *scored], unk_id=3))
    tokenizer.add_special_tokens([*specials, "<mask>"])
    tokenizer.normalizer = normalizers.NFKC()
    spaces = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), spaces])
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = around(("<s>", 0), ("</s>", 2))
    names = dict(bos_token="<s>", cls_token="<s>", eos_token="</s>", sep_token="</s>", unk_token="<unk>", pad_token="<pad>")
    return tokenizer, {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 1e30, **names}


def word_piece():
    """BERT's, which NomicBERT and JinaBERT have."""
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    whole = ["the", "man", "men", "dog", "is", "are", "play", "guitar", "two", "run", "another", "nicht", "schon", "##s", "##ing"]
    letters = sorted(set("".join(SENTENCES).lower()) & set("abcdefghijklmnopqrstuvwxyz"))
    marks = [".", ",", "!", "?", ":"]
    pieces = dict.fromkeys([*specials, *whole, *marks, *letters, *(f"##{letter}" for letter in letters)])
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.add_special_tokens(specials)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = around(("[CLS]", 2), ("[SEP]", 3))
    names = dict(unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]", mask_token="[MASK]")
    return tokenizer, {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 8192, **names}


def slopes(heads):
    """ALiBi's slopes: a geometric sequence from 2^(-8/n), with every other one of the next where n is no power of two."""
    power = 2 ** math.floor(math.log2(heads))
    of = lambda n: [2 ** (-8 * (place + 1) / n) for place in range(n)]
    return of(power) + of(2 * power)[0::2][: heads - power]


class Jina(torch.nn.Module):
    def __init__(self, vocabulary, layers, inner):
        super().__init__()
        self.inner = inner
        linear, norm = torch.nn.Linear, lambda: torch.nn.LayerNorm(WIDTH, eps=1e-12)
        embedding = lambda rows: torch.nn.Embedding(rows, WIDTH)
        self.parts = torch.nn.ModuleDict()
        add = lambda name, part: self.parts.update({name.replace(".", "/"): part})
        add("embeddings.word_embeddings", embedding(vocabulary))
        add("embeddings.token_type_embeddings", embedding(2))
        add("embeddings.LayerNorm", norm())
        for layer in range(layers):
            at = f"encoder.layer.{layer}."
            for name in ("query", "key", "value"):
                add(at + f"attention.self.{name}", linear(WIDTH, WIDTH))
            add(at + "attention.output.dense", linear(WIDTH, WIDTH))
            add(at + "attention.output.LayerNorm", norm())
            add(at + "mlp.gated_layers", linear(WIDTH, 2 * inner, bias=False))
            add(at + "mlp.wo", linear(inner, WIDTH))
            add(at + "mlp.layernorm", norm())
        self.layers = layers

    def forward(self, ids):
        part = lambda name: self.parts[name.replace(".", "/")]
        types = torch.zeros_like(ids)
        state = part("embeddings.word_embeddings")(ids) + part("embeddings.token_type_embeddings")(types)
        state = part("embeddings.LayerNorm")(state)
        places = torch.arange(len(ids))
        distance = (places[None, :] - places[:, None]).abs().double()
        bias = -torch.tensor(slopes(HEADS)).double()[:, None, None] * distance
        for layer in range(self.layers):
            at = f"encoder.layer.{layer}."
            heads = lambda name: part(at + f"attention.self.{name}")(state).view(len(ids), HEADS, -1).transpose(0, 1)
            query, key, value = heads("query"), heads("key"), heads("value")
            scores = query @ key.transpose(1, 2) / math.sqrt(WIDTH // HEADS) + bias
            seen = (scores.softmax(-1) @ value).transpose(0, 1).reshape(len(ids), WIDTH)
            seen = part(at + "attention.output.dense")(seen)
            state = part(at + "attention.output.LayerNorm")(seen + state)
            gate, rest = part(at + "mlp.gated_layers")(state).split(self.inner, -1)
            mixed = part(at + "mlp.wo")(functional.gelu(gate) * rest)
            state = part(at + "mlp.layernorm")(mixed + state)
        return state


def sentence_folder(folder, pooling, more=(), settings=None, model=None):
    """Adds the files of sentence-transformers."""
    classes = [("", "Transformer"), ("1_Pooling", "Pooling"), *more]
    write(folder / "modules.json", [
        {"idx": index, "name": str(index), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for index, (path, kind) in enumerate(classes)
    ])
    write(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": WIDTH, **pooling})
    if settings:
        write(folder / "sentence_bert_config.json", settings)
    if model:
        write(folder / "config_sentence_transformers.json", model)


def finish(folder, tokenizer, states, vectors):
    """Writes what is expected; `states` maps ids to the last layer's states."""
    expected = {"vectors": vectors.float().contiguous()}
    for index, sentence in enumerate(SENTENCES):
        ids = torch.tensor(tokenizer(sentence)["input_ids"])
        with torch.no_grad():
            state = states(ids)
        expected[f"ids.{index}"] = ids.int()
        expected[f"hidden.{index}"] = state.float().contiguous()
    save_file(expected, folder / "expected.safetensors")
    print(folder.name, {f"{index}": len(expected[f"ids.{index}"]) for index in range(len(SENTENCES))})


def made(name, tokenizer):
    folder = HERE / name
    folder.mkdir(parents=True)
    tokenizer, settings = tokenizer
    tokenizer.save(str(folder / "tokenizer.json"))
    write(folder / "tokenizer_config.json", settings)
    return folder, tokenizer.get_vocab_size()


def by_transformers(folder):
    """The states of transformers' class, in 64 bits, and the vectors of sentence-transformers, as the folder says."""
    (folder / "generation_config.json").unlink(missing_ok=True)
    model = AutoModel.from_pretrained(folder).eval().double()
    vectors = SentenceTransformer(str(folder), device="cpu").encode(SENTENCES, convert_to_tensor=True, batch_size=4)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    finish(folder, tokenizer, lambda ids: model(input_ids=ids[None]).last_hidden_state[0], vectors)


torch.set_num_threads(1)
shutil.rmtree(HERE, ignore_errors=True)
write(HERE / "sentences.json", SENTENCES)

# Without a prefix; layers that see a window of three tokens on each side between layers that see all.
folder, vocabulary = made("modernbert", byte_level())
scramble(ModernBertModel(ModernBertConfig(
    vocab_size=vocabulary, hidden_size=WIDTH, num_hidden_layers=3, num_attention_heads=HEADS, intermediate_size=16,
    max_position_embeddings=64, local_attention=6, layer_types=["full_attention", "sliding_attention", "full_attention"],
    norm_eps=1e-3, unk_token_id=0, bos_token_id=1, cls_token_id=1, eos_token_id=2, sep_token_id=2, pad_token_id=3,
)), 30).save_pretrained(folder)
sentence_folder(
    folder,
    {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True},
    [("2_Normalize", "Normalize")],
    {"max_seq_length": 16, "do_lower_case": False},
    {"prompts": {"query": "man: "}, "default_prompt_name": "query"},
)
by_transformers(folder)

# With a prefix and a head, in shards.
folder, vocabulary = made("xlm-roberta", unigram())
scramble(XLMRobertaForMaskedLM(XLMRobertaConfig(
    vocab_size=vocabulary, hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=HEADS, intermediate_size=32,
    max_position_embeddings=58, type_vocab_size=1, layer_norm_eps=1e-3, bos_token_id=0, pad_token_id=1, eos_token_id=2,
)), 31).save_pretrained(folder, max_shard_size="20KB")
sentence_folder(
    folder, {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, (), {"max_seq_length": 48, "do_lower_case": True}
)
by_transformers(folder)

folder, vocabulary = made("nomic", word_piece())
scramble(NomicBertModel(NomicBertConfig(
    vocab_size=vocabulary, hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=HEADS, intermediate_size=32,
    max_position_embeddings=64, layer_norm_eps=1e-3, rope_parameters={"rope_type": "default", "rope_theta": 500.0},
)), 32).save_pretrained(folder)
sentence_folder(
    folder,
    {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True, "include_prompt": False},
    (),
    {"max_seq_length": 32, "do_lower_case": False},
    {"prompts": {"query": "the dog: "}, "default_prompt_name": "query"},
)
by_transformers(folder)

folder, vocabulary = made("jina", word_piece())
jina = scramble(Jina(vocabulary, 2, 20), 33).double()
tensors = {
    name.removeprefix("parts.").replace("/", "."): value.float().contiguous() for name, value in jina.state_dict().items()
}
save_file(tensors, folder / "model.safetensors", {"format": "pt"})
write(folder / "config.json", {
    "architectures": ["JinaBertForMaskedLM"],
    "auto_map": {"AutoModel": "jinaai/jina-bert-implementation--modeling_bert.JinaBertModel"},
    "emb_pooler": "mean", "feed_forward_type": "geglu", "hidden_act": "gelu", "hidden_size": WIDTH, "intermediate_size": 20,
    "layer_norm_eps": 1e-12, "max_position_embeddings": 8192, "model_type": "bert", "num_attention_heads": HEADS,
    "num_hidden_layers": 2, "pad_token_id": 0, "position_embedding_type": "alibi", "type_vocab_size": 2, "vocab_size": vocabulary,
})
tokenizer = BertTokenizer.from_pretrained(folder)
with torch.no_grad():
    vectors = torch.stack([jina(torch.tensor(tokenizer(sentence)["input_ids"])).mean(0) for sentence in SENTENCES])
finish(folder, tokenizer, jina, vectors)
