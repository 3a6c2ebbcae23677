"""A BERT encoder with its masked language modelling head, written for PyTorch as one would to train it on a CPU.

One product makes queries, keys and values; attention is `scaled_dot_product_attention`; the projection to the vocabulary
is tied to the word embeddings and runs at the predicted positions alone. All sequences of a batch are equally long, so that
nothing is padded. Layer normalisation comes last in each half of a layer, as in BERT.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from lib import Size

EPSILON = 1e-12


class Layer(nn.Module):
    def __init__(self, size: Size, dropout: float) -> None:
        super().__init__()
        width = size.hidden
        self.heads, self.dropout = size.heads, dropout
        self.qkv = nn.Linear(width, 3 * width)
        self.attention_output = nn.Linear(width, width)
        self.attention_norm = nn.LayerNorm(width, eps=EPSILON)
        self.wide = nn.Linear(width, 4 * width)
        self.narrow = nn.Linear(4 * width, width)
        self.norm = nn.LayerNorm(width, eps=EPSILON)

    def forward(self, hidden: Tensor) -> Tensor:
        sequences, length, width = hidden.shape
        parts = self.qkv(hidden).view(sequences, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        context = F.scaled_dot_product_attention(query, key, value, dropout_p=self.dropout)
        context = context.transpose(1, 2).reshape(sequences, length, width)
        output = F.dropout(self.attention_output(context), self.dropout)
        hidden = self.attention_norm(hidden + output)
        output = F.dropout(self.narrow(F.gelu(self.wide(hidden))), self.dropout)
        return self.norm(hidden + output)


class Encoder(nn.Module):
    """`dropout` is both that of the hidden states and that of the attention weights, and always on."""

    def __init__(self, size: Size, vocabulary: int, positions: int, dropout: float) -> None:
        super().__init__()
        width = size.hidden
        self.dropout = dropout
        self.words = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(positions, width)
        self.types = nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.layers = nn.ModuleList(Layer(size, dropout) for _ in range(size.layers))
        self.head = nn.Linear(width, width)
        self.head_norm = nn.LayerNorm(width, eps=EPSILON)
        self.head_bias = nn.Parameter(torch.zeros(vocabulary))
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def forward(self, ids: Tensor, rows: Tensor, targets: Tensor) -> Tensor:
        """Returns the mean cross-entropy of `targets` at `rows` of the batch's tokens, counted through all sequences."""
        length = ids.shape[1]
        hidden = self.words(ids) + (self.positions.weight[:length] + self.types.weight[0])
        hidden = F.dropout(self.norm(hidden), self.dropout)
        for layer in self.layers:
            hidden = layer(hidden)
        hidden = hidden.view(-1, hidden.shape[-1]).index_select(0, rows)
        hidden = self.head_norm(F.gelu(self.head(hidden)))
        return F.cross_entropy(F.linear(hidden, self.words.weight, self.head_bias), targets)


def optimizer(model: nn.Module, learning_rate: float = 1e-3) -> torch.optim.AdamW:
    """Returns pipe's AdamW: its constants are those of RoBERTa, and everything decays. One pass over memory, as in pipe."""
    return torch.optim.AdamW(
        model.parameters(), lr=learning_rate, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.01, fused=True
    )


def step_flops(size: Size, sequences: int, length: int, predicted: int, vocabulary: int) -> int:
    """Returns the floating-point operations of the matrix products in one training step; a multiplication and an addition
    count as two, and the backward pass as twice the forward pass.

    - A product with a weight matrix takes 2 operations per weight and token forward, 6 in all. A layer has 12 hidden²
      weights in matrices: 4 hidden² in attention, 8 hidden² in the feed-forward layer.
    - Queries times keys and weights times values take 2 · length · hidden per token and layer each, 12 in all.
    - The head has hidden² weights and hidden · vocabulary in the tied projection, for predicted tokens alone.
    """
    tokens, width = sequences * length, size.hidden
    layers = 6 * tokens * 12 * width**2 * size.layers
    attention = 12 * tokens * length * width * size.layers
    head = 6 * predicted * (width**2 + width * vocabulary)
    return layers + attention + head


def load(folder: Path, dropout: float = 0.0) -> Encoder:
    """Loads a Hugging Face folder that holds a `BertForMaskedLM`."""
    config = json.loads((folder / "config.json").read_text())
    found = load_file(folder / "model.safetensors")
    shape = (config["num_hidden_layers"], config["hidden_size"], config["num_attention_heads"])
    if config["intermediate_size"] != 4 * config["hidden_size"] or config.get("model_type", "bert") != "bert":
        raise ValueError(f"{folder}: not a BERT whose feed-forward layers are four times as wide as its hidden states")
    model = Encoder(Size(*shape), config["vocab_size"], config["max_position_embeddings"], dropout)

    modules = {
        "words": "bert.embeddings.word_embeddings",
        "positions": "bert.embeddings.position_embeddings",
        "types": "bert.embeddings.token_type_embeddings",
        "norm": "bert.embeddings.LayerNorm",
        "head": "cls.predictions.transform.dense",
        "head_norm": "cls.predictions.transform.LayerNorm",
    }
    state = {"head_bias": found["cls.predictions.bias"]}
    for layer in range(shape[0]):
        theirs, ours = f"bert.encoder.layer.{layer}", f"layers.{layer}"
        modules |= {
            f"{ours}.attention_output": f"{theirs}.attention.output.dense",
            f"{ours}.attention_norm": f"{theirs}.attention.output.LayerNorm",
            f"{ours}.wide": f"{theirs}.intermediate.dense",
            f"{ours}.narrow": f"{theirs}.output.dense",
            f"{ours}.norm": f"{theirs}.output.LayerNorm",
        }
        for part in ("weight", "bias"):
            joined = [found[f"{theirs}.attention.self.{name}.{part}"] for name in ("query", "key", "value")]
            state[f"{ours}.qkv.{part}"] = torch.cat(joined)
    for ours, theirs in modules.items():
        for part in ("weight", "bias"):
            if f"{theirs}.{part}" in found:
                state[f"{ours}.{part}"] = found[f"{theirs}.{part}"]
    model.load_state_dict(state)
    return model

