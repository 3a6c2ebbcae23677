"""Makes the goldens: tiny Hugging Face encoders, their hidden states, losses and gradients, and AdamW's updates.

    pip install torch transformers safetensors
    python make.py            # writes beside itself

bert/, roberta/, roberta-prelayernorm/ and distilbert/ (in two shards) are folders as `save_pretrained` writes them; expected.safetensors in each holds, for the
two sequences in `ids.0` and `ids.1`, `hidden.K` (rows of sequence 0, then of sequence 1), `rows`, `targets`, the summed
loss and its gradients; adamw.safetensors holds a parameter's values over some updates of torch.optim.AdamW.
"""

import json
import pathlib

import torch
from safetensors.torch import save_file
from transformers import (
    BertConfig,
    BertForMaskedLM,
    DistilBertConfig,
    DistilBertForMaskedLM,
    RobertaConfig,
    RobertaForMaskedLM,
    RobertaPreLayerNormConfig,
    RobertaPreLayerNormForMaskedLM,
)

HERE = pathlib.Path(__file__).parent
SHAPE = dict(
    vocab_size=50,
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=24,
    max_position_embeddings=14,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
)
LENGTHS = (9, 6)


def scramble(model):
    """Random values of a size at which every parameter matters; biases and normalisations too."""
    generator = torch.Generator().manual_seed(20)
    for name, parameter in sorted(model.named_parameters()):
        noise = torch.randn(parameter.shape, generator=generator)
        scale = 0.3 if parameter.dim() > 1 else 0.2
        offset = 1.0 if "norm.weight" in name.lower() else 0.0
        parameter.data = offset + scale * noise


def make(name, model, first_id, types, shard="100GB"):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    torch.manual_seed(0)
    scramble(model)
    model.eval()
    model.save_pretrained(folder, max_shard_size=shard)
    (folder / "generation_config.json").unlink(missing_ok=True)

    generator = torch.Generator().manual_seed(21)
    expected, hidden, losses, rows, targets, row = {}, [], [], [], [], 0
    for index, length in enumerate(LENGTHS):
        ids = torch.randint(first_id, 50, (1, length), generator=generator)
        kinds = torch.tensor([[int(types and i > length // 2) for i in range(length)]])
        labels = torch.full_like(ids, -100)
        for position in range(1, length, 3):
            labels[0, position] = torch.randint(first_id, 50, (1,), generator=generator)
            rows.append(row + position)
            targets.append(int(labels[0, position]))
        given = {} if name == "distilbert" else {"token_type_ids": kinds}
        out = model(input_ids=ids, **given, output_hidden_states=True)
        # The loss is over the sum of predicted tokens, not their mean.
        losses.append(
            torch.nn.functional.cross_entropy(
                out.logits.view(-1, 50), labels.view(-1), reduction="sum", ignore_index=-100
            )
        )
        hidden.append([state[0] for state in out.hidden_states])
        expected[f"ids.{index}"] = ids[0].int()
        expected[f"types.{index}"] = kinds[0].int()
        row += length
    loss = sum(losses)
    loss.backward()
    expected["loss"] = loss.detach().reshape(1)
    expected["rows"] = torch.tensor(rows, dtype=torch.int32)
    expected["targets"] = torch.tensor(targets, dtype=torch.int32)
    for layer in range(len(hidden[0])):
        expected[f"hidden.{layer}"] = torch.cat([states[layer] for states in hidden]).detach()
    for parameter_name, parameter in model.named_parameters():
        expected[f"gradient.{parameter_name}"] = parameter.grad
    save_file({k: v.contiguous() for k, v in expected.items()}, folder / "expected.safetensors")
    print(name, json.dumps({"loss": loss.item(), "tensors": len(expected)}))


def adamw():
    generator = torch.Generator().manual_seed(22)
    weight = torch.nn.Parameter(torch.randn(3, 5, generator=generator))
    bias = torch.nn.Parameter(torch.randn(7, generator=generator))
    rest = dict(lr=0.01, betas=(0.9, 0.98), eps=1e-6)
    optimizer = torch.optim.AdamW(
        [{"params": [weight], "weight_decay": 0.1}, {"params": [bias], "weight_decay": 0.0}], **rest
    )
    out = {"weight.0": weight.detach().clone(), "bias.0": bias.detach().clone()}
    for step in range(1, 8):
        for group in optimizer.param_groups:
            group["lr"] = 0.01 * step
        weight.grad = torch.randn(3, 5, generator=generator) * 0.1
        bias.grad = torch.randn(7, generator=generator)
        out[f"weight.gradient.{step}"], out[f"bias.gradient.{step}"] = weight.grad, bias.grad
        optimizer.step()
        out[f"weight.{step}"], out[f"bias.{step}"] = weight.detach().clone(), bias.detach().clone()
    save_file(out, HERE / "adamw.safetensors")


make("bert", BertForMaskedLM(BertConfig(**SHAPE, type_vocab_size=2)), 1, True)
make(
    "roberta-prelayernorm",
    RobertaPreLayerNormForMaskedLM(
        RobertaPreLayerNormConfig(**SHAPE, type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5)
    ),
    2,
    False,
)
make(
    "roberta",
    RobertaForMaskedLM(RobertaConfig(**SHAPE, type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5)),
    2,
    False,
)
make(
    "distilbert",
    DistilBertForMaskedLM(
        DistilBertConfig(
            vocab_size=50,
            dim=16,
            n_layers=2,
            n_heads=2,
            hidden_dim=24,
            max_position_embeddings=14,
            dropout=0.0,
            attention_dropout=0.0,
        )
    ),
    1,
    False,
    "8KB",
)
adamw()
