"""The look of the page: one style sheet for light and dark, everything below the class `cg`."""

from __future__ import annotations

from typing import Final

LIGHT: Final = """
  --ink: #1f2733; --quiet: #5b6472; --faint: #8a94a3; --line: #e3e7ec; --paper: #ffffff; --panel: #f6f8fa;
  --supported: #1b6e4f; --supported-tint: #e4f3ec; --refuted: #b00020; --refuted-tint: #fbe7ea;
  --inconclusive: #6b5a00; --inconclusive-tint: #f8f1d4; --uninformative: #6a3d7c;
  --uninformative-tint: #f3eaf6;
  --lowers: #0072b2; --raises: #b34700; --allowed: #dcefe6;
"""

DARK: Final = """
  --ink: #e3e7ee; --quiet: #a3adbb; --faint: #7d8796; --line: #2e3642; --paper: #12161c; --panel: #1a2029;
  --supported: #6fd3a8; --supported-tint: #143227; --refuted: #ff8f9d; --refuted-tint: #3d1820;
  --inconclusive: #e3cc63; --inconclusive-tint: #34300f; --uninformative: #d3a8e4;
  --uninformative-tint: #31203a;
  --lowers: #62b5ea; --raises: #ff9d5c; --allowed: #1d3a30;
"""

RULES: Final = """
.cg { color: var(--ink); background: var(--paper);
  font: 15px/1.55 system-ui, "Segoe UI", Helvetica, Arial, sans-serif;
  text-align: left; }
.cg h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; font-weight: 650; letter-spacing: -.01em; }
.cg h2 { font-size: 1.1rem; margin: 2.6rem 0 .7rem; font-weight: 650; }
.cg h2 small { color: var(--quiet); font-weight: 400; font-size: .87rem; margin-left: .5rem; }
.cg p { margin: 0 0 .5rem; max-width: 75ch; }
.cg p.facts { max-width: none; }
.cg .quiet, .cg small { color: var(--quiet); }
.cg code { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .92em; }
.cg .verdicts { margin: 1rem 0 0; }
.cg .verdict { display: inline-block; padding: .05rem .6rem; border-radius: 1rem; font-weight: 600;
  font-size: .87rem;
  white-space: nowrap; margin-right: .3rem; }
.cg .supported { color: var(--supported); background: var(--supported-tint); }
.cg .refuted { color: var(--refuted); background: var(--refuted-tint); }
.cg .inconclusive { color: var(--inconclusive); background: var(--inconclusive-tint); }
.cg .uninformative { color: var(--uninformative); background: var(--uninformative-tint); }
.cg .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: .8rem;
  margin: 1.4rem 0 0; }
.cg .tile { background: var(--panel); border: 1px solid var(--line); border-radius: .6rem;
  padding: .7rem .9rem; }
.cg .tile b { display: block; font-size: 1.45rem; line-height: 1.3; font-weight: 600;
  font-variant-numeric: tabular-nums; }
.cg .tile span { display: block; color: var(--quiet); font-size: .87rem; }
.cg .scroll { overflow-x: auto; }
.cg table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; margin: 0;
  font-size: inherit;
  color: inherit; }
.cg th, .cg td { padding: .38rem .9rem .38rem 0; text-align: left; vertical-align: top; border: 0;
  border-bottom: 1px solid var(--line); background: none; }
.cg thead th { color: var(--quiet); font-weight: 500; font-size: .87rem; white-space: nowrap; }
.cg .scroll + p { margin-top: .7rem; max-width: none; }
.cg td.figure, .cg th.figure { text-align: right; white-space: nowrap; }
.cg td.interval { color: var(--quiet); white-space: nowrap; }
.cg td.bar { width: 170px; padding-top: .5rem; }
.cg td.name { white-space: nowrap; }
.cg td.name small { display: block; }
.cg table.wide th, .cg table.wide td { padding-right: .55rem; }
.cg td.claim { min-width: 11rem; }
.cg .notes { list-style: none; margin: .15rem 0 0; padding: 0; font-size: .87rem; color: var(--quiet); }
.cg tr.outside td { color: var(--quiet); }
.cg .lowers { color: var(--lowers); }
.cg .raises { color: var(--raises); }
.cg figure { margin: 1rem 0 0; padding: 1rem; background: #fff; border: 1px solid var(--line);
  border-radius: .6rem;
  overflow-x: auto; text-align: center; }
.cg figure svg { max-width: 100%; height: auto; }
.cg .warning { border-left: 3px solid var(--inconclusive); padding: .1rem 0 .1rem .8rem; margin: .5rem 0; }
.cg details { border-bottom: 1px solid var(--line); }
.cg summary { cursor: pointer; padding: .45rem 0; }
.cg details > .scroll, .cg details > pre { margin: .2rem 0 1rem 1.1rem; }
.cg pre { font: .87rem/1.5 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  background: var(--panel);
  border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem; overflow-x: auto;
  color: inherit; }
.cg table.narrow { width: auto; }
.cg .bar svg { display: block; }
.cg .allowed { fill: var(--allowed); }
.cg .limit { stroke: var(--supported); stroke-width: 1.5; }
.cg .axis { stroke: var(--line); stroke-width: 1; }
.cg .zero { stroke: var(--faint); stroke-width: 1; }
.cg .range { stroke: var(--quiet); stroke-width: 3; }
.cg .point { fill: var(--ink); }
.cg .length { fill-opacity: .35; }
.cg .length.down { fill: var(--lowers); } .cg .length.up { fill: var(--raises); }
.cg .range.down { stroke: var(--lowers); } .cg .range.up { stroke: var(--raises); }
"""

PAGE: Final = f"""
.cg {{ {LIGHT} color-scheme: light dark; }}
@media (prefers-color-scheme: dark) {{ .cg {{ {DARK} }} }}
{RULES}
body.cg {{ margin: 0; }}
.cg main {{ max-width: 1280px; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }}
@media print {{ .cg main {{ padding: 0; }} .cg figure, .cg tr {{ break-inside: avoid; }} }}
"""

FRAGMENT: Final = f"""
.cg {{ {LIGHT} color-scheme: light; padding: 1rem 1.2rem; border: 1px solid var(--line);
  border-radius: .6rem; }}
{RULES}
.cg h1 {{ font-size: 1.3rem; }}
.cg h2 {{ margin-top: 1.4rem; }}
"""
"""For notebooks, whose theme a page cannot know: a light card of its own."""
