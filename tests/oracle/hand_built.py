"""An induction circuit whose weights are written down, with every edge effect worked out on paper.

**Construction.** Two attention-only layers, D = 128, four heads of size 32 per layer, real layer norms
(weight 1, bias 0, ε = 1e-5), no biases. A *feature* f is the pair of dimensions (2f, 2f+1) and is written as
±(amplitude), so every stream has mean 0 and a squared norm of 2·Σ amplitude². There are 16 features each for
tok (this token), pos (this position), prev (the token before) and out (the prediction).

- `embed` writes tok and pos, amplitude 1 each.
- `a0.h0`, the previous-token head: q at position t asks for pos t-1, k offers pos, with a score of 1024
  where they meet and 0 elsewhere. exp(-1024) is 0 in float64, so it attends to t-1 alone (position 0: to
  itself). It copies tok there to prev here, amplitude 1.
- `a1.h0`, the induction head: q asks for prev = this token (tok), k offers prev, with a score of c = 6 where
  they meet and 0 elsewhere. It copies tok there to out here, amplitude ω = 2.
- All weights of the other six heads and of the MLPs are 0. The unembedding reads out alone, gain U = 2.

**Norms.** A stream of squared norm N is multiplied by σ(N) = 1/√(N/D + ε). Embeddings have N = 4 at every
token and position, the second layer's streams N = 6; the weights divide by σ(4) and σ(6), so the amplitudes
above are those of the clean run. The final norm's N depends on the prediction: N = 6 + 2ω²Q with Q = Σ_v
a_v², where a_v is the attention that END pays to tokens v. So logit_v = U·ω·σ(6 + 2ω²Q)·a_v.

**Rows.** clean = bos … A B … A, answer B; corrupt, of the same length, has its own pair C D at the same
places, foil D, and no token of clean but bos. With n tokens, END attends to MATCH+1 with p = e^c/(e^c +
n-1), to each of the other n-1 tokens with ρ = 1/(e^c + n-1), two of which are A. So Q = p² + (2ρ)² + (n-3)ρ²
and

    m = logit(B) - logit(D) = U·ω·p·σ(6 + 2ω²Q)            (11.99 to 12.05 on these rows)

**Effects under `corrupt`** (`corrupt_effects`): five edges have one.

- `a1.h0 -> logits` and `embed -> a1.h0.v`: END attends as before and predicts D: -m, an effect of -2m.
- `embed -> a1.h0.q`: END asks for C, which no clean token follows: attention is uniform, Q = (n+2)/n² and
  m' = U·ω·σ(6 + 2ω²Q)/n. `a0.h0 -> a1.h0.k`: the keys offer corrupt tokens, none A: the same m'. `embed ->
  a0.h0.v` changes `a0.h0` wholly, whose only reader that acts is that k: the same m' again.

Every other effect is 0: tokens never enter q or k of `a0.h0` (positions are the same in clean and corrupt,
and the norm does not depend on the token), a1.h0's q and v read tok and not prev, its k prev and not tok,
and the unembedding neither; and a change of token leaves all their norms alone. The position at which an
effect lives is in `corrupt_effects_at`.

**Effects under `zero`** (`zero_effects`): twelve edges, all among embed, `a0.h0`, `a1.h0` and logits, since
removing a write now changes a norm even where it is not read. Without its q or k `a0.h0` attends uniformly.

**EAP** differs from these by design, and by known amounts (`corrupt_eap`). The score of `a0.h0` is
saturated, so under `zero` EAP gives its q and k exactly 0 although they have effects.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel

from tests.oracle.attribution import Metric, logit_diff
from tests.oracle.model import Edge, Gpt2
from tests.oracle.random_models import random_gpt2

WIDTH, HEADS, HEAD_WIDTH, FEATURES = 128, 4, 32, 16
TOK, POS, PREV, OUT = (FEATURES * k for k in range(4))
EPS = 1e-5
SATURATED = 1024.0
MATCH_SCORE = 6.0
OUT_AMPLITUDE = 2.0
UNEMBED_GAIN = 2.0
VOCABULARY = ("<bos>", *"ABCDEFGHIJKLMNO")

PREVIOUS_TOKEN, INDUCTION = "a0.h0", "a1.h0"
EXPECTED_EDGES: dict[str, frozenset[Edge]] = {
    "corrupt": frozenset(
        {
            ("embed", PREVIOUS_TOKEN, "v"),
            (PREVIOUS_TOKEN, INDUCTION, "k"),
            ("embed", INDUCTION, "q"),
            ("embed", INDUCTION, "v"),
            (INDUCTION, "logits", "in"),
        }
    ),
    "zero": frozenset(
        {("embed", PREVIOUS_TOKEN, key) for key in "qkv"}
        | {(writer, INDUCTION, key) for writer in ("embed", PREVIOUS_TOKEN) for key in "qkv"}
        | {(writer, "logits", "in") for writer in ("embed", PREVIOUS_TOKEN, INDUCTION)}
    ),
}
"""Per ablation exactly the edges whose effect is not 0."""


@dataclass(frozen=True)
class Row:
    """A clean and a corrupt sequence; `match` is where the last token stood before, END is the last token."""

    clean: list[int]
    corrupt: list[int]
    match: int

    @property
    def end(self) -> int:
        return len(self.clean) - 1

    @property
    def answer(self) -> int:
        return self.clean[self.match + 1]

    @property
    def foil(self) -> int:
        return self.corrupt[self.match + 1]

    @property
    def metric(self) -> Metric:
        return logit_diff(self.answer, self.foil, self.end)


ROWS = [
    Row([0, 1, 2, 3, 4, 1], [0, 5, 6, 7, 8, 5], 1),
    Row([0, 9, 3, 12, 1, 6, 3], [0, 2, 4, 8, 10, 5, 4], 2),
    Row([0, 1, 2, 3, 4, 5, 6, 7, 4], [0, 8, 9, 10, 11, 12, 13, 14, 11], 4),
    Row([0, 15, 7, 2, 7], [0, 1, 3, 9, 3], 2),
]


def norm_scale(squared_norm: float) -> float:
    """Return σ(N), what a layer norm multiplies a mean-free stream of squared norm N by."""
    return 1 / math.sqrt(squared_norm / WIDTH + EPS)


def _write(feature: int, amplitude: float = 1.0) -> Tensor:
    """Return the stream vector, [D], of a feature at an amplitude."""
    vector = torch.zeros(WIDTH, dtype=torch.float64)
    vector[2 * feature], vector[2 * feature + 1] = amplitude, -amplitude
    return vector


def _read(feature: int, gain: float) -> Tensor:
    """Return the vector, [D], whose product with a stream is gain times the amplitude of a feature."""
    return _write(feature, gain / 2)


def hand_built_induction() -> tuple[GPT2LMHeadModel, tuple[str, ...], list[Row]]:
    """Return the model in float64 (its config has `attn_only`), its vocabulary, and rows of four lengths."""
    config = GPT2Config(
        n_layer=2,
        n_head=HEADS,
        n_embd=WIDTH,
        n_inner=4,
        n_positions=FEATURES,
        vocab_size=len(VOCABULARY),
        layer_norm_epsilon=EPS,
        bos_token_id=0,
        eos_token_id=0,
        tie_word_embeddings=False,
    )
    config.attn_only = True
    model = GPT2LMHeadModel(config).double().eval()
    for name, parameter in model.named_parameters():
        parameter.data.fill_(1.0 if ".ln_" in name and name.endswith("weight") else 0.0)

    weights = {name: parameter.data for name, parameter in model.named_parameters()}
    score_unit = math.sqrt(math.sqrt(HEAD_WIDTH))  # undoes the division of scores, half in q and half in k
    first, second = norm_scale(4), norm_scale(6)
    previous = math.sqrt(SATURATED) * score_unit / first
    induction = math.sqrt(MATCH_SCORE) * score_unit / second

    def connect(layer: int, part: Literal["q", "k", "v"], unit: int, vector: Tensor) -> None:
        """Make dimension `unit` of head 0's q, k or v read along `vector`."""
        weights[f"transformer.h.{layer}.attn.c_attn.weight"][:, "qkv".index(part) * WIDTH + unit] = vector

    for f in range(FEATURES):
        weights["transformer.wte.weight"][f] = _write(TOK + f)
        weights["transformer.wpe.weight"][f] = _write(POS + f)
        if f > 0:
            connect(0, "q", f - 1, _read(POS + f, previous))
        connect(0, "k", f, _read(POS + f, previous))
        connect(0, "v", f, _read(TOK + f, 1 / first))
        weights["transformer.h.0.attn.c_proj.weight"][f] = _write(PREV + f)
        connect(1, "q", f, _read(TOK + f, induction))
        connect(1, "k", f, _read(PREV + f, induction))
        connect(1, "v", f, _read(TOK + f, 1 / second))
        weights["transformer.h.1.attn.c_proj.weight"][f] = _write(OUT + f, OUT_AMPLITUDE)
        weights["lm_head.weight"][f] = _read(OUT + f, UNEMBED_GAIN)
    return model, VOCABULARY, list(ROWS)


# The paper.


def _metric(
    row: Row,
    scores: Sequence[float],
    gains: Sequence[float] | None = None,
    rest: float = 6.0,
    values: Sequence[int] | None = None,
) -> float:
    """Return logit(B) - logit(D) = U·ω·σ(rest + 2ω²Q)·(a_B - a_D).

    Args:
        row: A row.
        scores: Of END against each token, [T].
        gains: How much larger than clean the value of each token is, 1 by default.
        rest: Squared norm of what the final norm reads besides a1.h0.
        values: The tokens that the values hold, the clean ones by default.
    """
    total = math.fsum(math.exp(score) for score in scores)
    attention: Counter[int] = Counter()
    for token, score, gain in zip(values or row.clean, scores, gains or [1.0] * len(scores), strict=True):
        attention[token] += gain * math.exp(score) / total  # pyright: ignore[reportArgumentType]
    spread = math.fsum(share**2 for share in attention.values())
    scale = norm_scale(rest + 2 * OUT_AMPLITUDE**2 * spread)
    return UNEMBED_GAIN * OUT_AMPLITUDE * scale * (attention[row.answer] - attention[row.foil])


def _scores(row: Row, score: float) -> list[float]:
    """Return END's scores, [T]: `score` at MATCH+1 and 0 elsewhere."""
    return [score if t == row.match + 1 else 0.0 for t in range(len(row.clean))]


def clean_metric(row: Row) -> float:
    """Return m = U·ω·p·σ(6 + 2ω²Q), in logits."""
    n = len(row.clean)
    p, rho = (x / (math.exp(MATCH_SCORE) + n - 1) for x in (math.exp(MATCH_SCORE), 1.0))
    spread = p**2 + (2 * rho) ** 2 + (n - 3) * rho**2
    return UNEMBED_GAIN * OUT_AMPLITUDE * p * norm_scale(6 + 2 * OUT_AMPLITUDE**2 * spread)


def corrupt_effects(row: Row) -> dict[Edge, float]:
    """Return metric(edge corrupt) - metric(clean) of the edges that have an effect under `corrupt`."""
    n, clean = len(row.clean), clean_metric(row)
    uniform = norm_scale(6 + 2 * OUT_AMPLITUDE**2 * (n + 2) / n**2) * UNEMBED_GAIN * OUT_AMPLITUDE / n
    return {
        (INDUCTION, "logits", "in"): -2 * clean,
        ("embed", INDUCTION, "v"): -2 * clean,
        ("embed", INDUCTION, "q"): uniform - clean,
        (PREVIOUS_TOKEN, INDUCTION, "k"): uniform - clean,
        ("embed", PREVIOUS_TOKEN, "v"): uniform - clean,
    }


def corrupt_effects_at(row: Row) -> dict[tuple[Edge, int], float]:
    """Return the effects under `corrupt` of an edge at one position; all that are absent are 0.

    The position is END for q and logits, MATCH+1 for a1.h0's k (its match) and MATCH for a0.h0's v (the
    token that MATCH+1 looks back to). a1.h0's v acts at MATCH+1, where B becomes D, and, by the final norm
    alone, at MATCH and END: there one of the two A becomes C, and Q loses 2ρ² (a few 1e-6 logits).
    """
    whole = corrupt_effects(row)
    found = {
        ((INDUCTION, "logits", "in"), row.end): whole[INDUCTION, "logits", "in"],
        (("embed", INDUCTION, "q"), row.end): whole["embed", INDUCTION, "q"],
        ((PREVIOUS_TOKEN, INDUCTION, "k"), row.match + 1): whole[PREVIOUS_TOKEN, INDUCTION, "k"],
        (("embed", PREVIOUS_TOKEN, "v"), row.match): whole["embed", PREVIOUS_TOKEN, "v"],
    }
    for t in (row.match, row.match + 1, row.end):
        values = [*row.clean[:t], row.corrupt[t], *row.clean[t + 1 :]]
        patched = _metric(row, _scores(row, MATCH_SCORE), values=values)
        found[("embed", INDUCTION, "v"), t] = patched - clean_metric(row)
    return found


def zero_effects(row: Row) -> dict[Edge, float]:
    """Return metric(edge zeroed) - metric(clean) of the edges that have an effect under `zero`.

    What is no longer read is gone, and what remains is scaled by σ(N') / σ(6), N' the norm that remains.
    Where `a0.h0` loses q or k it attends uniformly, and writes prev with the frequency of each token so far.
    """
    n, second = len(row.clean), norm_scale(6)
    matched, flat = _scores(row, MATCH_SCORE), [0.0] * n
    without_prev, without_embed = norm_scale(4) / second, norm_scale(2) / second

    seen = [Counter(row.clean[: t + 1]) for t in range(n)]
    norms = [4 + 2 * sum((count / (t + 1)) ** 2 for count in seen[t].values()) for t in range(n)]
    gains = [norm_scale(norm) / second for norm in norms]
    asked = row.clean[row.end]
    blurred = [MATCH_SCORE * gains[-1] * gains[t] * seen[t][asked] / (t + 1) for t in range(n)]
    uniform_first = _metric(row, blurred, gains, norms[-1])

    patched: dict[Edge, float] = {
        ("embed", PREVIOUS_TOKEN, "q"): uniform_first,
        ("embed", PREVIOUS_TOKEN, "k"): uniform_first,
        ("embed", PREVIOUS_TOKEN, "v"): _metric(row, flat, [without_prev] * n, 4.0),
        ("embed", INDUCTION, "q"): _metric(row, flat),
        ("embed", INDUCTION, "k"): _metric(row, _scores(row, MATCH_SCORE * without_embed)),
        ("embed", INDUCTION, "v"): 0.0,
        (PREVIOUS_TOKEN, INDUCTION, "q"): _metric(row, _scores(row, MATCH_SCORE * without_prev)),
        (PREVIOUS_TOKEN, INDUCTION, "k"): _metric(row, flat),
        (PREVIOUS_TOKEN, INDUCTION, "v"): _metric(row, matched, [without_prev] * n),
        ("embed", "logits", "in"): _metric(row, matched, rest=2.0),
        (PREVIOUS_TOKEN, "logits", "in"): _metric(row, matched, rest=4.0),
        (INDUCTION, "logits", "in"): 0.0,
    }
    return {edge: value - clean_metric(row) for edge, value in patched.items()}


def corrupt_eap(row: Row) -> dict[Edge, float]:
    """Return the EAP scores of three edges under `corrupt`, differentiated on paper.

    With S = σ(6 + 2ω²Q) and dS = -S³·ω²·dQ/D. `a1.h0 -> logits`: B - D loses 2p, and x·Δ = 2ω²(ρ² - Q), bos
    being in both, so -2m + 2m·ω²(Q - ρ²)S²/D. q and k: A leaves the query (the key) at rate 1 while the norm
    that it leaves grows by 2σ(6)²/D, so the score moves at c·(2σ(6)²/D - 1); and dp = p(1-p), dρ = -pρ per
    unit of score.
    """
    n, clean = len(row.clean), clean_metric(row)
    p, rho = (x / (math.exp(MATCH_SCORE) + n - 1) for x in (math.exp(MATCH_SCORE), 1.0))
    spread = p**2 + (n + 1) * rho**2
    scale = norm_scale(6 + 2 * OUT_AMPLITUDE**2 * spread)
    share = OUT_AMPLITUDE**2 * scale**2 / WIDTH
    slope = clean * ((1 - p) - share * (2 * p**2 * (1 - p) - 2 * p * (n + 1) * rho**2))
    score = MATCH_SCORE * (2 * norm_scale(6) ** 2 / WIDTH - 1)
    return {
        (INDUCTION, "logits", "in"): -2 * clean + 2 * clean * share * (spread - rho**2),
        ("embed", INDUCTION, "q"): score * slope,
        (PREVIOUS_TOKEN, INDUCTION, "k"): score * slope,
    }


# Models that are linear in what is patched.


def linear_model(
    attention: Literal["uniform", "live"], *, seed: int = 0, attn_only: bool = True
) -> tuple[GPT2LMHeadModel, list[Edge]]:
    """Return a random two-layer GPT-2 in float64 and the edges on which EAP equals exact patching.

    Every layer norm has ε = 1e24 and weights of 1e12 times a random number: a variance below 1e7 is then
    lost in the rounding of var + ε, so the norm is (x - mean) times a constant, bit for bit, and affine. The
    MLPs, if any, have the identity for their activation. For a metric linear in the logits, under any
    ablation:

    - "uniform" (q and k weights are 0, so attention is uniform whatever is patched): the whole model is
      affine, and EAP equals exact for every edge. Edges into q and k score 0 in both.
    - "live": patterns move. EAP equals exact for edges into `logits`, the last layer's MLP, and v of the last
      layer's heads, whose patterns come from private inputs of their own; not for q and k, nor for v and MLPs
      of earlier layers, which later patterns read.

    Equality is to rounding: 1e-10 relative to the largest score.
    """
    model = random_gpt2(seed, attn_only=attn_only, activation_function="linear", layer_norm_epsilon=1e24)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if ".ln_" in name and name.endswith("weight"):
                weight.mul_(1e12)
            if attention == "uniform" and ".c_attn." in name:
                weight[..., : 2 * model.config.n_embd].zero_()
    heads, last = range(model.config.n_head), model.config.n_layer - 1
    straight = {("logits", "in"), (f"m{last}", "in"), *((f"a{last}.h{head}", "v") for head in heads)}
    edges = [edge for edge in Gpt2(model).edges() if attention == "uniform" or edge[1:] in straight]
    return model, edges
