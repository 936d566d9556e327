"""Draws the CPU time of an event, case by case, as SVG: a bar for each program, a line from least to most."""

from collections.abc import Mapping, Sequence
from html import escape

Cases = Mapping[str, Mapping[str, Sequence[float]]]

COLOURS = {"bare": "#b8bec9", "naive": "#e0a458", "go": "#00add8", "bridge": "#2a6fbb"}
LEFT, RIGHT, TOP = 190, 70, 64
BAR, GAP = 14, 12
WIDTH = 860
_STYLE = "font:12px system-ui,sans-serif;fill:#333"


def draw(cases: Cases, title: str) -> str:
    """Write the chart; ``cases`` are as `Table.cpu` has them: median, least and most in microseconds."""
    most = max((numbers[2] for programs in cases.values() for numbers in programs.values()), default=1.0)
    scale = (WIDTH - LEFT - RIGHT) / (most or 1.0)
    parts: list[str] = []
    y = TOP
    for label, programs in cases.items():
        middle = y + len(programs) * BAR / 2 + 4
        parts.append(_text(LEFT - 8, middle, label, end=True))
        for program, numbers in programs.items():
            parts += _bar(y, program, numbers, scale)
            y += BAR
        y += GAP
    head = [_text(12, 22, title), *_legend(cases)]
    size = f'width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}"'
    back = f'<rect width="{WIDTH}" height="{y}" fill="#fff"/>'
    inside = "\n".join([back, *head, *parts])
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n{inside}\n</svg>\n'


def _bar(y: float, program: str, numbers: Sequence[float], scale: float) -> list[str]:
    median, least, most = numbers
    colour = COLOURS.get(program, "#777")
    middle = y + BAR / 2 - 1
    return [
        f'<rect x="{LEFT}" y="{y}" width="{median * scale:.1f}" height="{BAR - 2}" fill="{colour}"/>',
        f'<path d="M{LEFT + least * scale:.1f} {middle}H{LEFT + most * scale:.1f}" stroke="#333"/>',
        _text(LEFT + most * scale + 6, y + BAR - 3, f"{median:.0f} us"),
    ]


def _legend(cases: Cases) -> list[str]:
    names = list(dict.fromkeys(program for programs in cases.values() for program in programs))
    parts = []
    for turn, name in enumerate(names):
        x = LEFT + turn * 110
        parts.append(f'<rect x="{x}" y="36" width="12" height="12" fill="{COLOURS.get(name, "#777")}"/>')
        parts.append(_text(x + 18, 46, name))
    return parts


def _text(x: float, y: float, text: str, *, end: bool = False) -> str:
    anchor = ' text-anchor="end"' if end else ""
    return f'<text x="{x:.0f}" y="{y:.0f}"{anchor} style="{_STYLE}">{escape(text)}</text>'
