"""An explanation as one HTML page that needs nothing else."""

import math
from collections.abc import Iterator, Sequence
from html import escape
from importlib import resources
from pathlib import PurePath
from string import Template

from lowabs_lsp.explain.explanation import ExplainedPart, ExplainedToken, Explanation
from lowabs_lsp.explain.parts import Kind

STRONG = 3.0
"""Nats at which a part is coloured most."""
SHORT = 60
"""Characters of a suggestion in the title."""


def as_html(explanation: Explanation) -> str:
    """The whole page."""
    template = Template((resources.files("lowabs_lsp.explain") / "page.html").read_text("utf-8"))
    first = explanation.text.strip().partition("\n")[0]
    suggestion = (first if len(first) <= SHORT else first[: SHORT - 1] + "…") or f"nothing ({explanation.reason})"
    place = f"{explanation.path}:{explanation.line}:{explanation.column}"
    return template.substitute(
        title=escape(f"{suggestion} · {PurePath(explanation.path).name}"),
        suggestion=escape(suggestion),
        place=escape(place),
        engine=escape(explanation.engine),
        code="\n".join(_code(explanation)),
        facts="\n".join(_facts(explanation)),
        tokens="\n".join(_token_bars(explanation.tokens)),
        parts="\n".join(_part_bars(explanation.parts)),
        found=_found(explanation),
    )


def times(effect: float) -> str:
    """How many times less likely, for a reader: `×3.2`, `×0.7`; beyond a thousand nobody cares how far."""
    factor = math.exp(max(-50.0, min(50.0, effect)))
    if factor > 1000:
        return "×1000+"
    return f"×{factor:.0f}" if factor >= 10 else f"×{factor:.1f}" if factor >= 0.1 else f"×{factor:.2g}"


def percent(probability: float) -> str:
    """For a reader."""
    return f"{100 * probability:.0f} %" if probability >= 0.095 else f"{100 * probability:.1f} %"


# ----------------------------------------------------------------------------------------------------------------- code


def _code(explanation: Explanation) -> Iterator[str]:
    parts = list(enumerate(explanation.parts))
    for number, part in parts:
        if part.kind == Kind.SNIPPET:
            yield from _part(number, part, title=f"{part.path} · {part.origin}")
    last = 0
    for number, part in parts:
        if part.kind == Kind.ABOVE:
            if last and part.first_line > last:
                yield '<div class="gap">⋯</div>'
            yield from _part(number, part)
            last = part.first_line + len(part.lines) if part.first_line else 0
    yield from _current(explanation)
    for number, part in parts:
        if part.kind == Kind.BELOW:
            yield from _part(number, part)


def _part(number: int, part: ExplainedPart, title: str = "") -> Iterator[str]:
    share = min(abs(part.effect) / STRONG, 1.0)
    colour = "--help" if part.effect > 0 else "--hurt"
    style = f"background: rgba(var({colour}), {0.32 * share:.3f}); border-left-color: rgba(var({colour}), {share:.3f})"
    tip = f"without these lines: {times(part.effect)} less likely"
    yield f'<div class="part" data-part="{number}" style="{style}" title="{escape(tip)}">'
    if title:
        yield f'<div class="gap">{escape(title)}</div>'
    for offset, line in enumerate(part.lines):
        yield _row(part.first_line + offset if part.first_line else 0, escape(line))
    yield "</div>"


def _row(number: int, line: str) -> str:
    return f'<div class="row"><span class="number">{number or ""}</span><span>{line or " "}</span></div>'


def _current(explanation: Explanation) -> Iterator[str]:
    """The cursor's line with the suggestion in it, token by token."""
    pieces = "".join(_tokens(explanation)).split("\n")
    first, *further = pieces
    behind = escape(explanation.behind)
    end = behind if not further else ""
    yield '<div class="current">'
    yield _row(explanation.line, f'{escape(explanation.before)}<span class="ghost">{first}</span>{end}')
    for number, piece in enumerate(further, 1):
        rest = behind if number == len(further) else ""
        yield _row(0, f'<span class="ghost">{piece}</span>{rest}')
    yield "</div>"


def _tokens(explanation: Explanation) -> Iterator[str]:
    """Each token of the suggestion, with what else it might have been; line ends stand between the marks."""
    left = explanation.text.replace("\r\n", "\n")
    tips = []
    for number, token in enumerate(explanation.tokens):
        if not token.is_shown or not left:
            continue
        text = token.text if left.startswith(token.text) else _overlap(token.text, left)
        left = left[len(text) :]
        tips.append(f'<span hidden id="tip{number}">{_tip(token)}</span>')
        mark = f'style="border-color: rgba(var(--help), {0.25 + 0.75 * token.probability:.2f})"'
        for place, piece in enumerate(text.split("\n")):
            yield "\n" if place else ""
            if piece:
                yield f'<span class="token" tabindex="0" data-tip="tip{number}" {mark}>{escape(piece)}</span>'
    yield escape(left)
    yield "".join(tips)


def _overlap(token: str, left: str) -> str:
    """The longest end of `token` that `left` begins with: its beginning repeats what was typed, or its end was cut off."""
    for start in range(len(token)):
        if left.startswith(token[start:]):
            return token[start:]
    return left if left in token else ""


def _tip(token: ExplainedToken) -> str:
    rows = "".join(
        f"<div><code>{escape(_visible(other.text))}</code> <span class='figure'>{percent(other.probability)}</span></div>"
        for other in token.alternatives
    )
    return f"<div><b>{percent(token.probability)}</b>, by the model alone {percent(token.model_probability)}</div>{rows}"


def _visible(text: str) -> str:
    return text.replace(" ", "·").replace("\n", "↵").replace("\t", "→")


# --------------------------------------------------------------------------------------------------------------- panels


def _facts(explanation: Explanation) -> Iterator[str]:
    likely = percent(math.exp(explanation.log_probability)) if explanation.tokens else "–"
    facts = [
        (likely, "the model and the memory together say exactly this"),
        (times(explanation.memory_effect), "as likely with the workspace's memory as without"),
    ]
    if explanation.confidence is not None:
        facts.insert(0, (percent(explanation.confidence), "chance that it is kept, as calibrated"))
    for value, meaning in facts:
        yield f'<div class="fact"><b>{value}</b><span>{meaning}</span></div>'
    if explanation.others:
        others = ", ".join(f"<code>{escape(other.strip().partition(chr(10))[0])}</code>" for other in explanation.others)
        yield f'<div class="fact" style="grid-column: 1 / -1"><span>It might also be {others}</span></div>'


def _token_bars(tokens: Sequence[ExplainedToken]) -> Iterator[str]:
    """Up to the first token behind what is shown: it says how likely the text was to end there."""
    last = max((number for number, token in enumerate(tokens) if token.is_shown), default=len(tokens))
    for token in tokens[: last + 2]:
        name = f"<code>{escape(_visible(token.text))}</code>{'' if token.is_shown else '<span class=shown>not shown</span>'}"
        yield f"<div>{name}</div>{_bar(token.probability)}<div class='figure'>{percent(token.probability)}</div>"


def _part_bars(parts: Sequence[ExplainedPart]) -> Iterator[str]:
    strongest = sorted(enumerate(parts), key=lambda numbered: -abs(numbered[1].effect))[:12]
    most = max((abs(part.effect) for _, part in strongest), default=1.0) or 1.0
    for number, part in strongest:
        last = part.first_line + len(part.lines) - 1
        lines = f"line {part.first_line}" if last == part.first_line else f"lines {part.first_line}–{last}"
        where = lines if part.first_line else f"{part.path} ({part.origin})"
        said = next((line.strip() for line in part.lines if line.strip()), "blank")
        button = f"<button data-goto='{number}'>{escape(where)} <code>{escape(said)}</code></button>"
        yield f"{button}{_bar(abs(part.effect) / most, hurt=part.effect < 0)}<div class='figure'>{times(part.effect)}</div>"


def _bar(share: float, *, hurt: bool = False) -> str:
    kind = ' class="hurt"' if hurt else ""
    return f'<div class="bar"><i{kind} style="width: {100 * min(max(share, 0.0), 1.0):.1f}%"></i></div>'


def _found(explanation: Explanation) -> str:
    if not explanation.found:
        return ""
    most = max(found.score for found in explanation.found) or 1.0
    rows = []
    for found in explanation.found:
        shown = '<span class="shown">shown to the model</span>' if found.is_shown else ""
        name = f"<details><summary>{escape(found.path)}:{found.line}{shown}</summary><pre>{escape(found.text)}</pre></details>"
        rows.append(f"{name}{_bar(found.score / most)}<div class='figure'>{found.score:.1f}</div>")
    listed = "\n".join(rows)
    return (
        f'<section aria-label="What retrieval found"><h2>What retrieval found</h2><div class="bars">{listed}</div>'
        '<p class="note">Places of the workspace that share the rarest words with the lines at the cursor (BM25).</p></section>'
    )
