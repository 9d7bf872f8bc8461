"""What PyTorch and transformers compute for the entries of the catalogue, as small safetensors files.

    pip install torch transformers safetensors && python catalogue.py ../fixtures/catalogue

Tensors are `in:<input>`, `out:<output>` and `w:<weight>`, weights named as the builders of encompile/models
name them and laid out [in, out].
"""
import math
import sys

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F
from transformers.models.bert.modeling_bert import BertLMPredictionHead
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.gpt_neox.modeling_gpt_neox import apply_rotary_pos_emb
from transformers.models.gptj import modeling_gptj
from transformers.models.swin.modeling_swin import SwinRelativePositionBias
from transformers.models.t5.modeling_t5 import T5Attention
from transformers.models.whisper.modeling_whisper import WhisperEncoder, sinusoids
from transformers import BertConfig, T5Config, WhisperConfig

FOLDER = sys.argv[1]
# its fast path leaves zeros for padding
torch.backends.mha.set_fastpath_enabled(False)


def save(name, inputs, outputs, weights=None):
    parts = {"in": inputs, "out": outputs, "w": weights or {}}
    tensors = {f"{k}:{n}": t.detach().contiguous().clone() for k, v in parts.items() for n, t in v.items()}
    save_file({n: t.to(torch.uint8) if t.dtype == torch.bool else t for n, t in tensors.items()}, f"{FOLDER}/{name}.safetensors")


def linear(name, layer):
    return {f"{name}.weight": layer.weight.T} | ({f"{name}.bias": layer.bias} if layer.bias is not None else {})


def norm(name, layer):
    return {f"{name}.gamma": layer.weight, f"{name}.beta": layer.bias}


def heads(name, layer):
    """The weights of nn.MultiheadAttention."""
    found = {}
    if layer.in_proj_weight is not None:
        weights = layer.in_proj_weight.chunk(3)
    else:
        weights = (layer.q_proj_weight, layer.k_proj_weight, layer.v_proj_weight)
    for part, weight, bias in zip(("query", "key", "value"), weights, layer.in_proj_bias.chunk(3)):
        found |= {f"{name}{part}.weight": weight.T, f"{name}{part}.bias": bias}
    return found | linear(f"{name}output", layer.out_proj)


def randomise(module):
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.randn_like(p) * 0.4 + (1 if p.dim() == 1 and "norm" in str(type(module)).lower() else 0))
    return module.eval()


def scores():
    q, k, v = torch.randn(2, 3, 8), torch.randn(2, 5, 8), torch.randn(2, 5, 6)
    mask = torch.tensor([[1, 1, 1, 1, 0], [1, 1, 0, 1, 1]]).bool()
    general, tanh = nn.Linear(8, 8, bias=False), nn.Linear(16, 7)
    aq, ak, av = nn.Linear(8, 7, bias=False), nn.Linear(8, 7, bias=False), nn.Linear(7, 1, bias=False)
    for m in (general, tanh, aq, ak, av):
        randomise(m)
    weigh = lambda s: (s.masked_fill(~mask[:, None], -math.inf).softmax(-1)) @ v
    pairs = torch.cat([q[:, :, None].expand(2, 3, 5, 8), k[:, None].expand(2, 3, 5, 8)], -1)
    save(
        "scores",
        {"query": q, "key": k, "value": v, "mask": mask},
        {
            "scaled_dot": F.scaled_dot_product_attention(q, k, v, mask[:, None].expand(2, 3, 5)),
            "dot": weigh(torch.einsum("bid,bjd->bij", q, k)),
            "general": weigh(torch.einsum("bid,bjd->bij", general(q), k)),
            "additive": weigh(av(torch.tanh(aq(q)[:, :, None] + ak(k)[:, None])).squeeze(-1)),
            "concat_tanh": weigh(torch.tanh(tanh(pairs)).sum(-1)),
        },
        linear("general", general) | linear("concat_tanh", tanh) | linear("additive.query", aq)
        | linear("additive.key", ak) | {"additive.score.weight": av.weight[0]},
    )


def visibility():
    """One attention of 2 heads over 9 tokens under every combination."""
    x = torch.randn(2, 9, 8)
    layer = randomise(nn.MultiheadAttention(8, 2, batch_first=True))
    padding = torch.ones(2, 9).bool()
    padding[1, 6:] = False
    i, j = torch.arange(9)[:, None], torch.arange(9)[None]
    rules = {"causal": j <= i, "window": (i - j).abs() <= 2, "both": (j <= i) & ((i - j).abs() <= 2)}
    outputs = {"none": layer(x, x, x)[0], "padding": layer(x, x, x, key_padding_mask=~padding)[0]}
    for name, rule in rules.items():
        outputs[name] = layer(x, x, x, attn_mask=~rule)[0]
        hidden = ~(rule[None] & padding[:, None]).repeat_interleave(2, 0)
        # PyTorch gives NaN where a row sees no key; here such a row's context is zeros
        y = layer(x, x, x, attn_mask=hidden)[0]
        outputs[f"{name}_padding"] = torch.where(y.isnan(), layer.out_proj.bias, y)
    save("visibility", {"x": x, "mask": padding}, outputs, heads("", layer))


def biases():
    n, h = 20, 4
    found = {}
    weights = {}
    for name, buckets, far in (("t5", 32, 128), ("t5_near", 8, 16)):
        for both in (True, False):
            config = T5Config(d_model=16, d_kv=4, num_heads=h, relative_attention_num_buckets=buckets,
                              relative_attention_max_distance=far, is_decoder=not both)
            attention = randomise(T5Attention(config, has_relative_attention_bias=True, layer_idx=0))
            at = name if both else f"{name}_decoder"
            found[at] = attention.compute_bias(n, n)[0]
            weights[f"{at}.weight"] = attention.relative_attention_bias.weight
    distance = torch.arange(-300, 301)
    found["buckets"] = T5Attention._relative_position_bucket(distance, True, 32, 128).float()
    for count in (4, 6):
        mask = torch.ones(1, n)
        # Bloom's bias is slope * j; that of the distance differs from it by a constant of the row
        slope = build_alibi_tensor(mask, count, torch.float32).reshape(count, n)[:, 1]
        away = (torch.arange(n)[:, None] - torch.arange(n)[None]).abs()
        found[f"alibi_{count}"] = -slope[:, None, None] * away
    swin = SwinRelativePositionBias(h, (2, 3))
    table = torch.randn_like(swin.relative_position_bias_table)
    found["swin"] = table[swin.relative_position_index.view(-1)].view(6, 6, h).permute(2, 0, 1)
    weights["swin.weight"] = table
    save("biases", {}, found, weights)


def rotary():
    x = torch.randn(2, 3, 7, 8)
    angle = lambda width: torch.arange(7)[:, None] * (10000 ** (-torch.arange(0, width, 2) / width))[None]
    whole = lambda width: torch.cat([angle(width)] * 2, -1)
    halves, _ = apply_rotary_pos_emb(x, x, whole(8).cos()[None], whole(8).sin()[None])
    partial, _ = apply_rotary_pos_emb(x, x, whole(4).cos()[None], whole(4).sin()[None])
    by_position = x.transpose(1, 2)
    turned = modeling_gptj.apply_rotary_pos_emb(by_position, angle(8).sin()[None], angle(8).cos()[None])
    save("rotary", {"x": x}, {"halves": halves, "partial": partial, "interleaved": turned.transpose(1, 2)})


def transformer():
    source, target = torch.randn(2, 6, 16), torch.randn(2, 4, 16)
    mask = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]]).bool()
    for order in ("post", "pre"):
        model = nn.Transformer(16, 2, 2, 2, 24, 0.0, "relu", batch_first=True, norm_first=order == "pre").eval()
        model.encoder.norm = model.decoder.norm = nn.Identity()
        model.encoder.use_nested_tensor = False
        with torch.no_grad():
            for p in model.parameters():
                p.add_(torch.randn_like(p) * 0.1)
        causal = nn.Transformer.generate_square_subsequent_mask(4)
        y = model(source, target, tgt_mask=causal, src_key_padding_mask=~mask, memory_key_padding_mask=~mask)
        weights = {}
        for i, layer in enumerate(model.encoder.layers):
            at = f"encoder.{i}"
            weights |= heads(f"{at}.attention.", layer.self_attn) | norm(f"{at}.attention.norm", layer.norm1)
            weights |= linear(f"{at}.ffn.hidden", layer.linear1) | linear(f"{at}.ffn.output", layer.linear2)
            weights |= norm(f"{at}.ffn.norm", layer.norm2)
        for i, layer in enumerate(model.decoder.layers):
            at = f"decoder.{i}"
            weights |= heads(f"{at}.attention.", layer.self_attn) | norm(f"{at}.attention.norm", layer.norm1)
            weights |= heads(f"{at}.cross.", layer.multihead_attn) | norm(f"{at}.cross.norm", layer.norm2)
            weights |= linear(f"{at}.ffn.hidden", layer.linear1) | linear(f"{at}.ffn.output", layer.linear2)
            weights |= norm(f"{at}.ffn.norm", layer.norm3)
        outputs = {"memory": model.encoder(source, src_key_padding_mask=~mask), "states": y}
        save(f"transformer_{order}", {"source": source, "target": target, "mask": mask}, outputs, weights)


def feed_forward():
    x = torch.randn(2, 5, 8)
    outputs, weights = {}, {}
    plain = {"relu": F.relu, "gelu": F.gelu, "gelu_tanh": lambda y: F.gelu(y, approximate="tanh"), "silu": F.silu}
    for name, act in plain.items():
        hidden, gate, output = (randomise(layer) for layer in (nn.Linear(8, 12), nn.Linear(8, 12), nn.Linear(12, 8)))
        outputs[name] = output(act(hidden(x)))
        outputs[f"{name}_gated"] = output(act(gate(x)) * hidden(x))
        for kind in (name, f"{name}_gated"):
            weights |= linear(f"{kind}.hidden", hidden) | linear(f"{kind}.output", output)
        weights |= linear(f"{name}_gated.gate", gate)
    save("feed_forward", {"x": x}, outputs, weights)


def experts():
    x = torch.randn(2, 5, 8)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]).bool()
    gate = randomise(nn.Linear(8, 4, bias=False))
    attentions = [randomise(nn.MultiheadAttention(8, 2, batch_first=True)) for _ in range(4)]
    parts = torch.stack([a(x, x, x, key_padding_mask=~mask)[0] for a in attentions], -1)
    scores = gate(x)
    best = scores.topk(2, -1)
    kept = torch.full_like(scores, -math.inf).scatter(-1, best.indices, best.values)
    pool = randomise(nn.Linear(8, 1, bias=False))
    share = pool(x).squeeze(-1).masked_fill(~mask, -math.inf).softmax(-1)
    weights = linear("gate", gate) | linear("pool", pool)
    for i, a in enumerate(attentions):
        weights |= heads(f"expert.{i}.", a)
    mix = lambda s: (parts * s.softmax(-1)[:, :, None]).sum(-1)
    outputs = {"all": mix(scores), "top": mix(kept), "pooled": torch.einsum("bn,bnd->bd", share, x)}
    save("experts", {"x": x, "mask": mask}, outputs, weights)


def grouped():
    q, k, v = torch.randn(2, 6, 5, 4), torch.randn(2, 2, 5, 4), torch.randn(2, 2, 5, 4)
    single = F.scaled_dot_product_attention(q, k[:, :1], v[:, :1], enable_gqa=True)
    grouped = F.scaled_dot_product_attention(q, k, v, enable_gqa=True)
    save("grouped", {"query": q, "key": k, "value": v}, {"grouped": grouped, "single": single})


def word2vec():
    word, output = torch.randn(12, 6), torch.randn(12, 6)
    context = torch.tensor([[1, 4, 7, 2], [3, 3, 0, 0]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]]).bool()
    bags = [F.embedding_bag(row[keep][None], word, mode="mean") for row, keep in zip(context, mask)]
    cosine = F.cosine_similarity(word[context[:, 0]][:, None], word[None], dim=-1)
    found = cosine.topk(3, -1)
    outputs = {"cbow": torch.cat(bags) @ output.T, "skip_gram": word[context] @ output.T, "cosines": cosine,
               "nearest": found.indices}
    save("word2vec", {"context": context, "mask": mask}, outputs, {"word": word, "output": output})


def masked_lm():
    config = BertConfig(hidden_size=8, vocab_size=13, layer_norm_eps=1e-5, num_attention_heads=2)
    head = randomise(BertLMPredictionHead(config))
    table, x = torch.randn(13, 8), torch.randn(2, 5, 8)
    head.decoder.weight = nn.Parameter(table)
    head.decoder.bias.copy_(torch.randn(13))
    dense, last = head.transform.dense, head.transform.LayerNorm
    weights = linear("dense", dense) | norm("norm", last) | {"bias": head.decoder.bias}
    save("masked_lm", {"x": x, "table": table}, {"scores": head(x)}, weights)


def whisper():
    config = WhisperConfig(d_model=16, encoder_layers=2, encoder_attention_heads=4, encoder_ffn_dim=24, num_mel_bins=5,
                           max_source_positions=7)
    model = WhisperEncoder(config).eval()
    for p in model.parameters():
        p.add_(torch.randn_like(p) * 0.2)
    # its positions are a buffer in all but name
    model.embed_positions.weight.copy_(sinusoids(7, 16))
    mel = torch.randn(2, 5, 14)
    weights = {f"{at}.{part}": getattr(getattr(model, at), part) for at in ("conv1", "conv2") for part in ("weight", "bias")}
    weights |= norm("norm", model.layer_norm)
    for i, layer in enumerate(model.layers):
        at = f"layer.{i}"
        own = layer.self_attn
        for name, part in (("query", own.q_proj), ("key", own.k_proj), ("value", own.v_proj), ("output", own.out_proj)):
            weights |= {f"{at}.attention.{name}.bias": torch.zeros(16)} | linear(f"{at}.attention.{name}", part)
        weights |= norm(f"{at}.attention.norm", layer.self_attn_layer_norm) | norm(f"{at}.ffn.norm", layer.final_layer_norm)
        weights |= linear(f"{at}.ffn.hidden", layer.fc1) | linear(f"{at}.ffn.output", layer.fc2)
    save("whisper", {"mel": mel}, {"states": model(mel).last_hidden_state}, weights)


for make in (scores, visibility, biases, rotary, transformer, feed_forward, experts, grouped, word2vec,
             masked_lm, whisper):
    torch.manual_seed(1)
    with torch.no_grad():
        make()
