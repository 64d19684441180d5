# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Charts as SVG that stands by itself: no script, no style of its own, no address.

The report's style sheet gives the colours, so that they fit light, dark and paper.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ..libraries import optional, require
from .humanise import clean, shorten

# As wide as a phone is, so that the letters stay readable there; a desktop shows two side by side.
WIDTH = 480
ROW_HEIGHT = 30
LABEL_LENGTH = 33


@dataclass(frozen=True)
class Series:
    """One series of bars. kind: what the style sheet colours it by."""

    name: str
    kind: str
    values: Sequence[Optional[float]]


@dataclass(frozen=True)
class Chart:
    """A drawn chart. sentence: what it shows, for those who read rather than look."""

    title: str
    sentence: str
    svg: str
    legend: Sequence[tuple[str, str]]


def library() -> Any:
    """The charting library, or None where the controller does not have it."""
    return optional("pygal")


def bars(
    title: str,
    sentence: str,
    *,
    labels: Sequence[str],
    series: Sequence[Series],
    wording: Callable[[float], str],
    stacked: bool = False,
) -> Chart:
    """Horizontal bars, the first label on top.

    labels: one a row. wording: turns a value into words. stacked: the series of a row in one bar.
    Raises MissingLibrary where pygal is not installed.
    """
    pygal = library()
    require(pygal, "pygal", package="pygal")
    kind = pygal.HorizontalStackedBar if stacked else pygal.HorizontalBar
    rows = len(labels) * (1 if stacked else len(series))
    chart = kind(
        **_settings(pygal),
        height=(40 if stacked else 16) + ROW_HEIGHT * len(labels) + 14 * (rows - len(labels)),
        # Room for the figures at the bars' ends, which then stand for the scale.
        margin_right=24 if stacked else 64,
        value_formatter=lambda value: wording(value or 0),
        print_values=not stacked,
    )
    chart.x_labels = [_label(label) for label in reversed(labels)]
    for entry in series:
        chart.add(clean(entry.name), [value if value else None for value in reversed(entry.values)])
    root = chart.render_tree()
    if not stacked:
        _drop_scale(root)
    svg = _bare(root, kinds=[entry.kind for entry in series], title=f"{title}. {sentence}")
    return Chart(title, sentence, svg, [(entry.kind, entry.name) for entry in series])


def _label(text: str) -> str:
    return shorten(clean(text), LABEL_LENGTH)


def _settings(pygal: Any) -> dict[str, Any]:
    style = pygal.style.Style(
        font_family="sans-serif", label_font_size=12, major_label_font_size=12, value_font_size=12
    )
    return {
        "style": style,
        "js": [],
        "css": [],
        "width": WIDTH,
        "margin": 4,
        "show_legend": False,
        "truncate_label": -1,
        "min_scale": 2,
        "max_scale": 3,
        "print_values_position": "top",
        "rounded_bars": 2,
        "include_x_axis": True,
        "zero": 0,
    }


def _bare(root: Any, *, kinds: Sequence[str], title: str) -> str:
    """The drawing without scripts, styles and identifiers, its series marked by kind, its bars titled."""
    for parent in list(root.iter()):
        for child in list(parent):
            if not isinstance(child.tag, str) or _unwanted(child):
                parent.remove(child)
    for element in root.iter():
        element.attrib.pop("id", None)
        element.attrib.pop("style", None)
        for place, kind in enumerate(kinds):
            if f"serie-{place} " in element.get("class", "") + " ":
                element.set("class", f"series kind-{kind}")
        _title_bar(element)
    for text in (child for child in root if child.tag == "title"):
        text.text = clean(title)
    root.set("role", "img")
    root.set("class", "drawing")
    drawing: str = optional("pygal.etree").etree.tostring(root, encoding="unicode")
    return drawing


def _drop_scale(root: Any) -> None:
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag == "g" and child.get("class", "").startswith("axis x"):
                parent.remove(child)


def _unwanted(element: Any) -> bool:
    return (
        element.tag in ("defs", "script", "style")
        or "tooltip-overlay" in element.get("class", "")
        or (element.tag == "title" and element.text != "Pygal")
        or (element.tag == "rect" and not float(element.get("width") or 0))
    )


def _title_bar(element: Any) -> None:
    described = [child for child in element if child.tag == "desc"]
    if not described:
        return
    told = {child.get("class"): child.text for child in described}
    for child in described:
        element.remove(child)
    hint = element.makeelement("title", {})
    hint.text = ": ".join(part for part in (told.get("x_label"), told.get("value")) if part)
    element.insert(0, hint)
