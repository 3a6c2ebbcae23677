"""Makes a tiny masked language model, and what transformers says of the tokens of a few sentences.

    pip install torch==2.15.0 transformers==5.24.0
    python make.py

writes beside itself `encoder/` (a BertForMaskedLM with random weights, 1 layer of 8) and `likelihoods.json`: for each sentence its
tokens and, by the scorings of Salazar et al. (2020) and of Kauf and Ivanova (2023), the log-probability of each. The words are those
that the tokenizer reports (`word_ids`), as in `minicons`.
"""

import json
import pathlib

import torch
from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast

HERE = pathlib.Path(__file__).parent
FOLDER = HERE / "encoder"
WORDS = "who should hug after the cat ##s s ##ing ##ed run ##n un ##known ##un sleep ? . ' can t herself himself".split()
SENTENCES = [
    "Who should hug the cats after sleeping?",
    "the cat can't sleep.",
    "running",
    "Unununknown runned zebra cats' herself .",
    "himself",
    "THE CAT  ununslept, sleeps",
]

torch.manual_seed(20200706)
torch.set_num_threads(1)
FOLDER.mkdir(exist_ok=True)
(FOLDER / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]) + "\n")
(FOLDER / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True}) + "\n")
config = BertConfig(
    vocab_size=5 + len(WORDS), hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
    max_position_embeddings=24,
)
model = BertForMaskedLM(config).eval()
with torch.no_grad():
    for parameter in model.parameters():
        # Larger than initial weights, so that a token that is masked wrongly shows.
        parameter.add_(torch.randn_like(parameter) * 0.5)
model.save_pretrained(FOLDER)

tokenizer = BertTokenizerFast.from_pretrained(str(FOLDER))


def likelihoods(sentence, within_word):
    encoding = tokenizer(sentence)
    ids, words = encoding["input_ids"], encoding.word_ids()
    found = []
    for place, word in enumerate(words):
        if word is None:
            continue
        masked = list(ids)
        for other in range(place, len(ids)):
            if other == place or (within_word and words[other] == word):
                masked[other] = tokenizer.mask_token_id
        with torch.no_grad():
            logits = model(torch.tensor([masked])).logits[0, place]
        found.append(torch.log_softmax(logits.double(), -1)[ids[place]].item())
    return found


golden = [
    {
        "sentence": sentence,
        "tokens": tokenizer.convert_ids_to_tokens(tokenizer(sentence)["input_ids"])[1:-1],
        "original": likelihoods(sentence, False),
        "word-l2r": likelihoods(sentence, True),
    }
    for sentence in SENTENCES
]
(HERE / "likelihoods.json").write_text(json.dumps(golden, indent=1) + "\n")
