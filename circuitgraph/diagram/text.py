"""Text on a diagram: numbers, shortening, and escaping for DOT, HTML and Mermaid.

Names, roles and `about` come from whoever wrote the spec; nothing of theirs may act as markup.
"""

from __future__ import annotations

import html
import json
import math
import textwrap

MINUS = "−"


def plain(text: object, limit: int = 80) -> str:
    """One line of printable text: white space folded, characters XML forbids replaced, cut at `limit`."""
    folded = " ".join(str(text).split())
    safe = "".join(c if _printable(c) else "�" for c in folded)
    return safe if len(safe) <= limit else safe[: limit - 1].rstrip() + "…"


def _printable(character: str) -> bool:
    code = ord(character)
    if code < 0x20 or 0x7F <= code <= 0x9F:
        return False
    # bidirectional controls reorder the text around them; surrogates and non-characters are not XML
    if 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069:
        return False
    return not (0xD800 <= code <= 0xDFFF or code & 0xFFFE == 0xFFFE)


def wrapped(text: object, width: int, lines: int) -> list[str]:
    """`text` in at most `lines` lines of `width` characters, the rest cut with an ellipsis."""
    return textwrap.wrap(plain(text, limit=width * lines * 2), width, max_lines=lines, placeholder=" …")


def decimals_for(largest: float) -> int:
    """Decimals that give the largest number of a diagram three significant digits: from 2 to 6."""
    if not math.isfinite(largest) or largest <= 0:
        return 2
    return min(6, max(2, 2 - math.floor(math.log10(largest))))


def number(value: float, decimals: int = 2, signed: bool = False) -> str:
    """`value` with a typographic minus; what rounds to zero has no sign."""
    if abs(value) >= 1e6:
        text = f"{value:.2e}"
    else:
        text = f"{value:.{decimals}f}"
        if float(text) == 0:
            return f"{0:.{decimals}f}"
    return ("+" if signed and value > 0 else "") + text.replace("-", MINUS)


def sign_shown(value: float, decimals: int) -> int:
    """Sign of a finite `value` as `number` prints it: 0 where it rounds to zero."""
    return 0 if float(f"{value:.{decimals}f}") == 0 else (value > 0) - (value < 0)


def quoted(text: str) -> str:
    """A DOT quoted string whose value is `text` (an identifier, not a label)."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def label(*lines: str) -> str:
    """A DOT label or tooltip: Graphviz reads escapes and entities in these, so both are neutralised."""
    return '"' + "\\n".join(_escaped(line) for line in lines) + '"'


def _escaped(line: str) -> str:
    return line.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')


def markup(text: str) -> str:
    """`text` inside an HTML-like DOT label, or inside HTML."""
    return html.escape(text, quote=True)


def yaml_string(text: str) -> str:
    """`text` as a quoted YAML scalar without a character that a surrounding page could read as markup."""
    quoted_text = json.dumps(text, ensure_ascii=False)
    return "".join(f"\\u{ord(c):04x}" if c in "<>&" else c for c in quoted_text)


def mermaid(text: str, also: str = "") -> str:
    """`text` inside a quoted Mermaid label: all but letters, digits and harmless signs as codes."""
    harmless = " .,:@+-/_→·✓✗?≈×−…" + also
    return "".join(c if c.isalnum() or c in harmless else f"#{ord(c)};" for c in text)
