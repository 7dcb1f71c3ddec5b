"""Reading one name: a component, a wildcard, a range, a group or an alias, with its ports and position.

A selector is syntax only; `members` says which nodes of a model it stands for.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.errors import quoted
from circuitgraph.names import ATTENTION_PORTS, EMBED, LOGITS, Node, PortName, head, mlp
from circuitgraph.resolve.problems import Mistake

SelectorKind = Literal["embed", "logits", "head", "kv-group", "mlp", "neuron", "group", "any"]

_INDEX = r"(\*|\d+(?:-\d+)?)"
_FORMS: tuple[tuple[SelectorKind, str], ...] = (
    ("head", r"a#\.h#"),
    ("head", r"a#"),  # every head of a layer
    ("head", r"l#h#"),
    ("head", r"a?#\.#"),
    ("kv-group", r"a#\.g#"),
    ("neuron", r"(?:m|mlp)#\.n#"),
    ("mlp", r"(?:m|mlp)#"),
)
_SHAPES: list[tuple[SelectorKind, re.Pattern[str]]] = [
    (kind, re.compile(form.replace("#", _INDEX), re.IGNORECASE)) for kind, form in _FORMS
]
_WORDS: dict[str, SelectorKind] = {"embed": "embed", "input": "embed", "logits": "logits", "**": "any"}
_KINDS: dict[SelectorKind, str] = {"mlp": "an MLP", "neuron": "a neuron", "kv-group": "a key/value group"}
_PORTS_AFTER_DOT = re.compile(r"(?P<base>.+)\.(?P<ports>[^\W\d]+|\{[^{}]*\})", re.DOTALL)
_PORTS_IN_ANGLES = re.compile(r"(?P<base>.+?)\s*<(?P<ports>[^<>]*)>", re.DOTALL)
_PORT_AFTER_POSITION = re.compile(r"(?P<position>.+)\.(?P<port>[qkv]+|in)")
_PORT_LETTERS = "qkv"
_DIGITS = 9
_NEAR_HEAD = re.compile(r"[a-z]*[\W_]{0,3}(\d{1,9})[\W_]{0,3}(?:h|head)?[\W_]{0,3}(\d{1,9})", re.IGNORECASE)
_NEAR_MLP = re.compile(r"m(?:lp)?[\W_]{0,3}(?:layer)?[\W_]{0,3}(\d{1,9})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Span:
    """An index of a name: one number, an inclusive range, or `*` (both ends None)."""

    low: int | None = None
    high: int | None = None

    @property
    def single(self) -> bool:
        """Whether this is one number."""
        return self.low is not None and self.low == self.high

    def within(self, count: int) -> range:
        """The indices this stands for among `count`; it must lie inside."""
        return range(count) if self.low is None or self.high is None else range(self.low, self.high + 1)

    def fits(self, count: int) -> bool:
        """Whether every index of this lies within 0..count-1 (`*` always does)."""
        return self.high is None or self.high < count


ALL = Span()


@dataclass(frozen=True, slots=True)
class Selector:
    """One name as written, read as syntax.

    Attributes:
        text: The name without its position, as written ("a1.h0.qv", "L5H1").
        base: The name without ports and position ("a1.h0").
        kind: What it names; `any` is the `**` of paths.
        layer, index: Its indices, where the kind has them.
        ports: Ports written with it, in the order q, k, v; empty where none was written.
        position: Position expression after `@`, or None.
    """

    text: str
    base: str
    kind: SelectorKind
    layer: Span = ALL
    index: Span = ALL
    ports: tuple[PortName, ...] = ()
    position: str | None = None

    @property
    def named(self) -> bool:
        """Whether this is one component, written out (no wildcard, range, layer or group)."""
        if self.kind in ("embed", "logits"):
            return True
        if self.kind == "mlp":
            return self.layer.single
        return self.kind in ("head", "kv-group") and self.layer.single and self.index.single


def parse_selector(text: str) -> Selector:
    """Read one name with its optional ports and position.

    Args:
        text: For example `a5.h1`, `m0-3`, `induction.qv@END`, `L5H1`, `a5.h1<q>`.

    Raises:
        Mistake: The text is no name.
    """
    name, at, position = (part.strip() for part in text.partition("@"))
    if at and not name:
        raise Mistake("stray-at", f'{quoted(text.strip())} has a position but no name before the "@"')
    if at and not position:
        raise Mistake("stray-at", f'"@" after {quoted(name)} needs the name of a position')
    if "@" in position:
        raise Mistake("stray-at", f'{quoted(text.strip())} has more than one "@": one position per name')
    if not name:
        raise Mistake("empty-name", "a name is missing here")
    base, ports_text = _split_ports(name)
    kind, layer, index = _read_base(base, name)
    ports = () if ports_text is None else _read_ports(ports_text, base)
    if not ports and (swapped := _PORT_AFTER_POSITION.fullmatch(position)):
        raise Mistake(
            "misplaced-port",
            f"{quoted(text.strip())} has its port after the position",
            f"did you mean {name}.{swapped['port']}@{swapped['position']}?",
        )
    if kind == "any" and (ports or position):
        raise Mistake("bad-name", f'{quoted(text.strip())}: "**" takes no port and no position')
    return Selector(name, base, kind, layer, index, ports, position or None)


def is_group_name(text: str) -> bool:
    """Whether `text` is spelled as a group name: letters, digits, `_`, `-`, from a letter or `_` on."""
    if not text or not (text[0].isalpha() or text[0] == "_"):
        return False
    return all(c.isalnum() or c in "_-" or unicodedata.category(c).startswith("M") for c in text)


def reads_as_component(text: str) -> str | None:
    """What `text` would be read as if it were not a group's name ("heads", "an MLP", ...), or None."""
    if text.lower() in _WORDS:
        return f"the component {_WORDS[text.lower()]}"
    return next((_KINDS.get(kind, "heads") for kind, shape in _SHAPES if shape.fullmatch(text)), None)


def members(selector: Selector, graph: ResidualGraph) -> tuple[Node, ...]:
    """The nodes a selector stands for in a model, in causal order (groups are not its business).

    Raises:
        Mistake: It names something the model does not have.
    """
    match selector.kind:
        case "embed":
            return (EMBED,)
        case "logits":
            return (LOGITS,)
        case "mlp":
            if not graph.has_mlp:
                raise Mistake("no-such-mlp", f"MLP {selector.base} does not exist: {graph.name} has no MLPs")
            _within(selector, "MLP", "layer", graph)
            return tuple(mlp(layer) for layer in selector.layer.within(graph.layers))
        case "head":
            _within(selector, "head", "layer", graph)
            _within(selector, "head", "head", graph)
            return tuple(
                head(layer, index)
                for layer in selector.layer.within(graph.layers)
                for index in selector.index.within(graph.heads)
            )
        case "kv-group":
            _within(selector, "key/value group", "layer", graph)
            _within(selector, "key/value group", "head", graph)
            same = re.sub(r"\.[gG]", ".h", selector.base)
            raise Mistake(
                "no-kv-groups",
                f"{selector.base} is a key/value group, but in {graph.name} every head has its own keys and "
                f"values: that is {same}",
                f"write {same}",
            )
        case "neuron":
            raise Mistake(
                "neurons-unsupported",
                f"neurons come in a later version: {selector.base} cannot be used yet",
                f"the whole MLP is m{selector.base.lower().lstrip('mlp').partition('.')[0]}",
            )
        case "any":
            raise Mistake("bad-name", '"**" stands for components of a path: it is allowed under paths only')
        case "group":
            raise ValueError(f"group {selector.base} must be looked up among the groups")


def near_component(text: str, graph: ResidualGraph) -> str | None:
    """The component of the model that a misspelled name looks like ("a5h1" -> "a5.h1"), or None."""
    if (near := _NEAR_MLP.fullmatch(text)) and graph.has_mlp and int(near[1]) < graph.layers:
        return f"m{int(near[1])}"
    near = _NEAR_HEAD.fullmatch(text)
    if near and int(near[1]) < graph.layers and int(near[2]) < graph.heads:
        return f"a{int(near[1])}.h{int(near[2])}"
    return None


def _split_ports(name: str) -> tuple[str, str | None]:
    """Split `a5.h1.q` or `a5.h1<q>` into base and ports; None where no port is written."""
    if angles := _PORTS_IN_ANGLES.fullmatch(name):
        return angles["base"], angles["ports"]
    if name in _WORDS or any(shape.fullmatch(name) for _, shape in _SHAPES):
        return name, None
    if dotted := _PORTS_AFTER_DOT.fullmatch(name):
        return dotted["base"].rstrip(), dotted["ports"]
    return name, None


def _read_base(base: str, name: str) -> tuple[SelectorKind, Span, Span]:
    word = _WORDS.get(base.lower()) if base.isascii() else None
    if word is not None:
        return word, ALL, ALL
    for kind, shape in _SHAPES:
        if found := shape.fullmatch(base):
            spans = [_read_span(index, base) for index in found.groups()]
            return kind, spans[0], spans[1] if len(spans) > 1 else ALL
    if is_group_name(base):
        return "group", ALL, ALL
    raise Mistake("bad-name", f"{quoted(name)} is no name: {NAMES_ALLOWED}")


NAMES_ALLOWED = "use embed, a5.h1, m5, logits, a wildcard (a*.h*), a range (a2-4.h*) or a group"


def _read_span(text: str, base: str) -> Span:
    if text == "*":
        return ALL
    if not text.isascii():
        raise Mistake("bad-index", f"{quoted(base)}: indices are written in the digits 0-9")
    parts = text.split("-")
    for part in parts:
        if len(part) > _DIGITS:
            raise Mistake("bad-index", f"{quoted(base)}: an index has at most {_DIGITS} digits")
        if len(part) > 1 and part[0] == "0":
            raise Mistake(
                "bad-index", f"{quoted(base)}: the index {part} has a leading zero", f"write {int(part)}"
            )
    low, high = int(parts[0]), int(parts[-1])
    if low > high:
        raise Mistake(
            "bad-range", f"{quoted(base)}: the range {text} runs backwards", f"did you mean {high}-{low}?"
        )
    return Span(low, high)


def _read_ports(text: str, base: str) -> tuple[PortName, ...]:
    inner = text.strip().removeprefix("{").removesuffix("}").lower()
    if inner == "in":
        return ("in",)
    letters = [part.strip() for part in inner.split(",")] if "," in inner or "{" in text else list(inner)
    if base.lower() in ("embed", "input") and inner in ("tok", "pos"):
        raise Mistake(
            "embed-parts-unsupported",
            f"embed is one writer, tokens and positions together: {base}.{inner} comes in a later version",
        )
    if (
        not text.isascii()
        or not letters
        or any(len(letter) != 1 or letter not in _PORT_LETTERS for letter in letters)
    ):
        raise Mistake(
            "no-such-port",
            f"{base} has no port {quoted(text)}: heads have q, k, v (several: .qv), MLPs and logits have in",
        )
    if len(set(letters)) < len(letters):
        raise Mistake("repeated-port", f"{quoted(f'{base}.{text}')} names a port twice")
    return tuple(port for port in ATTENTION_PORTS if port in letters)


def _within(selector: Selector, what: str, axis: Literal["layer", "head"], graph: ResidualGraph) -> None:
    """Check one index of a name against the model; never clip.

    Raises:
        Mistake: The index lies outside.
    """
    span, count = (selector.layer, graph.layers) if axis == "layer" else (selector.index, graph.heads)
    if span.fits(count):
        return
    exist = f"{graph.name} has {axis}s 0..{count - 1}" if count > 1 else f"{graph.name} has one {axis}, 0"
    ranged = not selector.named
    verb = "reaches outside the model" if ranged and not span.single else "does not exist"
    subject = selector.base if ranged else f"{what} {selector.base}"
    raise Mistake(f"no-such-{axis}", f"{subject} {verb}: {exist}")
