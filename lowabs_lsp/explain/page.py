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
        look=_look(explanation),
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
    """Each line with a bar for how much the model looked at it."""
    most = max((share for _, _, _, share in _lines(explanation)), default=0.0) or 1.0
    parts = list(enumerate(explanation.parts))
    for number, part in parts:
        if part.kind == Kind.SNIPPET:
            yield from _part(number, part, most, title=f"{part.path} · {part.origin}")
    last = 0
    for number, part in parts:
        if part.kind == Kind.ABOVE:
            if last and part.first_line > last:
                yield '<div class="gap">⋯</div>'
            yield from _part(number, part, most)
            last = part.first_line + len(part.lines) if part.first_line else 0
    yield from _current(explanation, most)
    for number, part in parts:
        if part.kind == Kind.BELOW:
            yield from _part(number, part, most)


def _lines(explanation: Explanation) -> Iterator[tuple[int | None, str, str, float]]:
    """Each line that the model looked at: its part, where it stands, what it says, and its share; the cursor's has no part."""
    for number, part in enumerate(explanation.parts):
        for offset, (line, share) in enumerate(zip(part.lines, part.line_attention, strict=False)):
            where = f"line {part.first_line + offset}" if part.first_line else f"{part.path} ({part.origin})"
            yield number, where, line.strip() or "blank", share
    if explanation.attention is not None:
        yield None, f"line {explanation.line}", explanation.before.strip() or "blank", explanation.attention.cursor_line


def _part(number: int, part: ExplainedPart, most: float, title: str = "") -> Iterator[str]:
    share = min(abs(part.effect) / STRONG, 1.0)
    colour = "--help" if part.effect > 0 else "--hurt"
    style = f"background: rgba(var({colour}), {0.32 * share:.3f}); border-left-color: rgba(var({colour}), {share:.3f})"
    tip = f"without these lines: {times(part.effect)} less likely"
    yield f'<div class="part" data-part="{number}" style="{style}" title="{escape(tip)}">'
    if title:
        yield f'<div class="gap">{escape(title)}</div>'
    shares: Sequence[float | None] = part.line_attention or [None] * len(part.lines)
    for offset, (line, looked) in enumerate(zip(part.lines, shares, strict=True)):
        yield _row(part.first_line + offset if part.first_line else 0, escape(line), _gutter(looked, most))
    yield "</div>"


def _row(number: int, line: str, gutter: str = "") -> str:
    return f'<div class="row"><span class="number">{number or ""}</span>{gutter}<span>{line or " "}</span></div>'


def _gutter(share: float | None, most: float) -> str:
    """How much the model looked at a line, beside its number."""
    if share is None:
        return ""
    width = 100 * min(share / most, 1.0)
    return f'<span class="look" title="{percent(share)} of the look"><i style="width: {width:.1f}%"></i></span>'


def _current(explanation: Explanation, most: float) -> Iterator[str]:
    """The cursor's line with the suggestion in it, token by token."""
    attention = explanation.attention
    gutter, blank = (_gutter(attention.cursor_line, most), _gutter(0.0, most)) if attention else ("", "")
    pieces = "".join(_tokens(explanation)).split("\n")
    first, *further = pieces
    behind = escape(explanation.behind)
    end = behind if not further else ""
    yield '<div class="current">'
    yield _row(explanation.line, f'{escape(explanation.before)}<span class="ghost">{first}</span>{end}', gutter)
    for number, piece in enumerate(further, 1):
        rest = behind if number == len(further) else ""
        yield _row(0, f'<span class="ghost">{piece}</span>{rest}', blank)
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
        bar = _bar(abs(part.effect) / most, "hurt" if part.effect < 0 else "")
        yield f"{button}{bar}<div class='figure'>{times(part.effect)}</div>"


def _look(explanation: Explanation) -> str:
    """Where the model looked: the lines with the largest shares, and what was no line of a part."""
    attention = explanation.attention
    if attention is None:
        return f'<p class="note">Not known here: {escape(explanation.attention_note)}.</p>'
    ranked = sorted(_lines(explanation), key=lambda line: -line[3])[:10]
    rows = [(_line_name(*line[:3]), line[3]) for line in ranked]
    others = {"the suggestion itself": attention.suggestion, "names of files, marks, blank lines": attention.rest}
    others["the first token (of all)"] = attention.first_token
    rows += [(f"<div><em>{name}</em></div>", share) for name, share in others.items()]
    most = max(share for _, share in rows) or 1.0
    bars = [f"{name}{_bar(share / most, 'look')}<div class='figure'>{percent(share)}</div>" for name, share in rows]
    note = (
        f"Attention weights: the mean over {attention.layers} layers, {attention.heads} heads and the suggestion's tokens. "
        "They say where the model looked, not what difference it made. At the first token of the prompt idle heads rest: the "
        "other shares are of what did not fall on it."
    )
    return f'<div class="bars" id="look">{"".join(bars)}</div><p class="note">{note}</p>'


def _line_name(part: int | None, where: str, said: str) -> str:
    name = f"{escape(where)} <code>{escape(said)}</code>"
    return f"<div class='name'>{name}</div>" if part is None else f'<button data-goto="{part}">{name}</button>'


def _bar(share: float, kind: str = "") -> str:
    kind = f' class="{kind}"' if kind else ""
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
