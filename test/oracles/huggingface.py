"""Small Hugging Face folders with random weights, and what transformers computes from them.

    pip install torch transformers safetensors && python huggingface.py ../fixtures/huggingface

Each folder has config.json and model.safetensors, as transformers saves them, and oracle.safetensors with
`in:<input>` and `out:<output>`.
"""
import json
import os
import sys

import torch
import transformers as t
from safetensors.torch import load_file, save_file

FOLDER = sys.argv[1]
BERT = dict(hidden_size=12, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, vocab_size=24,
            max_position_embeddings=16)
LABELS = {"id2label": {0: "O", 1: "PER", 2: "LOC"}, "label2id": {"O": 0, "PER": 1, "LOC": 2}}
IDS = torch.tensor([[2, 5, 9, 13, 3, 17, 8, 4, 11], [2, 7, 3, 21, 6, 1, 1, 1, 1]])
MASK = torch.tensor([[1] * 9, [1] * 5 + [0] * 4])
TYPES = torch.tensor([[0, 0, 0, 0, 1, 1, 1, 1, 1], [0, 0, 1, 1, 1, 0, 0, 0, 0]])


def randomise(model):
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(torch.randn_like(p) * 0.3 + (1 if "norm" in name.lower() and name.endswith("weight") else 0))
    return model.eval()


def strip(path):
    """Leaves out what says nothing of the model."""
    with open(path) as file:
        config = json.load(file)
    for key in ("transformers_version", "dtype", "label2id"):
        config.pop(key, None)
    with open(path, "w") as file:
        json.dump(config, file, indent=1)
        file.write("\n")


def make(name, model, with_types=False, padded=True):
    folder = f"{FOLDER}/{name}"
    randomise(model).save_pretrained(folder)
    if os.path.exists(f"{folder}/generation_config.json"):
        os.remove(f"{folder}/generation_config.json")
    strip(f"{folder}/config.json")
    # the positions that RoBERTa gives to padding reach no token, and differ here
    ids, mask = (IDS, MASK) if padded else (IDS.clamp(min=2), torch.ones_like(MASK))
    inputs = {"input_ids": ids, "attention_mask": mask} | ({"token_type_ids": TYPES} if with_types else {})
    with torch.no_grad():
        outputs = model(**inputs)
        if name.endswith("-masked"):
            outputs["last_hidden_state"] = model.base_model(**inputs).last_hidden_state
    found = {k: v for k, v in outputs.items() if k in ("last_hidden_state", "logits") and v is not None}
    tensors = {f"in:{k}": v for k, v in inputs.items()} | {f"out:{k}": v.contiguous() for k, v in found.items()}
    save_file(tensors, f"{folder}/oracle.safetensors")
    for file in os.listdir(folder):
        os.chmod(f"{folder}/{file}", 0o644)


def as_published(name, source):
    """nomic-bert with the config.json of its authors; transformers saves the weights under their names."""
    folder = f"{FOLDER}/{name}"
    os.makedirs(folder, exist_ok=True)
    tensors = load_file(f"{FOLDER}/{source}/model.safetensors")
    save_file(tensors, f"{folder}/model.safetensors")
    with open(f"{FOLDER}/{source}/config.json") as file:
        config = json.load(file)
    published = dict(
        model_type="nomic_bert", architectures=["NomicBertModel"], activation_function="swiglu", causal=False,
        layer_norm_epsilon=config["layer_norm_eps"], max_trained_positions=config["max_position_embeddings"],
        mlp_fc1_bias=False, mlp_fc2_bias=False, n_embd=config["hidden_size"], n_head=config["num_attention_heads"],
        n_inner=config["intermediate_size"], n_layer=config["num_hidden_layers"],
        n_positions=config["max_position_embeddings"], parallel_block=False, prenorm=False, qkv_proj_bias=False,
        rotary_emb_base=1000, rotary_emb_fraction=1.0, rotary_emb_interleaved=False, rotary_emb_scale_base=None,
        type_vocab_size=2, use_rms_norm=False, vocab_size=config["vocab_size"], pad_token_id=0)
    with open(f"{folder}/config.json", "w") as file:
        json.dump(published, file, indent=1)
        file.write("\n")
    save_file(load_file(f"{FOLDER}/{source}/oracle.safetensors"), f"{folder}/oracle.safetensors")
    for file in os.listdir(folder):
        os.chmod(f"{folder}/{file}", 0o644)


torch.manual_seed(2)
roberta = dict(BERT, pad_token_id=1, type_vocab_size=1, **LABELS)
distil = dict(dim=12, n_layers=2, n_heads=2, hidden_dim=16, vocab_size=24, max_position_embeddings=16, **LABELS)
electra = dict(BERT, embedding_size=8, **LABELS)
modern = dict(BERT, num_hidden_layers=3, global_attn_every_n_layers=2, local_attention=4, pad_token_id=1, cls_token_id=2,
              sep_token_id=3, bos_token_id=2, eos_token_id=3, **LABELS)
make("bert-tokens", t.BertForTokenClassification(t.BertConfig(**BERT, **LABELS)), True)
make("roberta-tokens", t.RobertaForTokenClassification(t.RobertaConfig(**roberta)), padded=False)
make("roberta-sequence", t.RobertaForSequenceClassification(t.RobertaConfig(**roberta)))
make("distilbert-tokens", t.DistilBertForTokenClassification(t.DistilBertConfig(**distil)))
make("distilbert-sequence", t.DistilBertForSequenceClassification(t.DistilBertConfig(**distil)))
make("electra", t.ElectraModel(t.ElectraConfig(**electra)), True)
make("electra-sequence", t.ElectraForSequenceClassification(t.ElectraConfig(**electra)), True)
make("electra-tokens", t.ElectraForTokenClassification(t.ElectraConfig(**dict(electra, embedding_size=12))), True)
make("modernbert", t.ModernBertModel(t.ModernBertConfig(**modern)))
make("modernbert-sequence", t.ModernBertForSequenceClassification(t.ModernBertConfig(**modern, classifier_pooling="mean")))
make("modernbert-tokens", t.ModernBertForTokenClassification(t.ModernBertConfig(**dict(modern, mlp_bias=True, norm_bias=True, attention_bias=True))))
make("bert-masked", t.BertForMaskedLM(t.BertConfig(**BERT)), True)
make("roberta-masked", t.RobertaForMaskedLM(t.RobertaConfig(**dict(BERT, pad_token_id=1, type_vocab_size=1))), padded=False)
make("distilbert-masked", t.DistilBertForMaskedLM(t.DistilBertConfig(**distil)))
make("electra-masked", t.ElectraForMaskedLM(t.ElectraConfig(**electra)), True)
make("modernbert-masked", t.ModernBertForMaskedLM(t.ModernBertConfig(**modern)))
make("nomic-bert", t.NomicBertModel(t.NomicBertConfig(**dict(BERT, head_dim=6))), True)
as_published("nomic-bert-published", "nomic-bert")
