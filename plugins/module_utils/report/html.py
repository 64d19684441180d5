# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as one HTML file that loads nothing."""

from __future__ import annotations

from ..errors import MaintenanceError
from ..libraries import optional, require
from . import drawing
from .charts import draw_all
from .source import Source
from .view import build, deeds_of


def render_html(source: Source, *, template: str) -> tuple[str, list[str]]:
    """The report, and one sentence for each thing that it could not show.

    template: text of the Jinja2 template; whatever it prints is escaped, but for the charts' SVG.
    Raises MissingLibrary where Jinja2 is not installed, MaintenanceError where the template is broken.
    """
    jinja2 = optional("jinja2")
    require(jinja2, "jinja2", package="python3-jinja2")
    markupsafe = optional("markupsafe")
    deeds = deeds_of(source.record)
    remarks = []
    charts = []
    if drawing.library() is None:
        remarks.append("The charts are missing, since the controller does not have the Python library pygal.")
    else:
        charts = draw_all(source.record, source.findings, deeds)
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    view = build(source, deeds=deeds, charts=charts, remarks=remarks)
    try:
        page = environment.from_string(template).render(
            view=view, drawings=[markupsafe.Markup(chart.svg) for chart in charts]
        )
    except (jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise MaintenanceError(
            f"The report's template is broken: {' '.join(str(error).split())}. Use the one of the role run_close."
        ) from None
    return page, list(view.remarks)
