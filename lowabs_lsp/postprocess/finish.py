"""From what the model said to what is shown: trim, check, weigh, or keep quiet with a reason."""

from collections.abc import Iterator

from lowabs_lsp.postprocess.balance import trim_brackets
from lowabs_lsp.postprocess.confidence import Judge
from lowabs_lsp.postprocess.features import features_of
from lowabs_lsp.postprocess.filters import repeats_line_above, stands_below
from lowabs_lsp.postprocess.place import Place
from lowabs_lsp.postprocess.style import styled
from lowabs_lsp.postprocess.trim import drop_overlap, trim_block, trim_known, trim_line, trim_repetition, trim_torn, trim_unfit
from lowabs_lsp.values import Completion, Context, Document, Generated, Reason, Stop

_UNFINISHED = {Stop.CANCELLED: Reason.CANCELLED}


def finish(
    generated: Generated,
    context: Context,
    *,
    block: bool,
    place: Place | None = None,
    judge: Judge | None = None,
    precision: float = 0.0,
) -> Completion:
    """The completion to show for `generated`; `block` says whether it may have several lines.

    Of its statements as many are shown as `judge` trusts, and none if less than `precision` of what is shown so would be
    right; without a judge, all. Everything is cut from the end: what is left is a beginning of `generated.text`.
    """
    if reason := _UNFINISHED.get(generated.stop):
        return Completion("", reason, generated)
    place = place or _place(context)
    text, reason = _formed(generated, context, place, block=block)
    if reason is not None:
        return Completion("", reason, generated)
    if judge is None:
        return _shown(text, generated, context, place)
    return _trusted(text, generated, context, place, judge, precision)


def _place(context: Context) -> Place:
    text = context.prefix + context.suffix
    return Place(Document("", context.path, context.language, text), len(context.prefix))


def _formed(generated: Generated, context: Context, place: Place, *, block: bool) -> tuple[str, Reason | None]:
    """What is well formed and new of the text, or why nothing is."""
    line_before = context.prefix.rpartition("\n")[2]
    said = trim_unfit(generated.text.replace("\r\n", "\n"))
    whole = generated.stop in (Stop.END, Stop.TEXT)
    said = said if whole or "\n" in said else trim_torn(said)
    said = trim_block(said, line_before, whole=whole) if block else trim_line(said)
    if not said.strip():
        return "", Reason.DEADLINE if generated.stop is Stop.DEADLINE else Reason.EMPTY
    text = trim_repetition(said)
    if not text.strip() or repeats_line_above(text, context.prefix):
        return "", Reason.REPETITION
    text = drop_overlap(trim_known(text, context.suffix), context.suffix)
    if not text.strip() or stands_below(text, context.suffix):
        return "", Reason.SUFFIX
    text = _well_formed(text, place)
    return text, None if text.strip() else Reason.SYNTAX


def _well_formed(text: str, place: Place) -> str:
    """The longest beginning of `text` in whole lines with which a file that parsed still parses; empty if there is none.

    Where no grammar tells, its brackets must have their partners.
    """
    if place.check is None or not place.check.is_sound:
        return _balanced(text, place)
    for part in statements(text):
        for each in dict.fromkeys((part, _balanced(part, place))):
            if each.strip() and _bears(each, place):
                return each
    return ""


def _bears(text: str, place: Place) -> bool:
    """Whether a file that parses goes on parsing with `text`, or does once `text` goes on as anybody can see it will."""
    return place.check is None or place.check.admits(styled(text, place))


def _balanced(text: str, place: Place) -> str:
    whole, language = place.document.text, place.document.language
    return trim_brackets(text, whole[: place.offset], whole[place.offset :], language)


def statements(text: str) -> Iterator[str]:
    """`text`, and what is left of it as line after line is taken from its end."""
    while text.strip():
        yield text
        text = text.rpartition("\n")[0].rstrip()


def _trusted(text: str, generated: Generated, context: Context, place: Place, judge: Judge, precision: float) -> Completion:
    """The longest beginning of `text` that is likely enough to be right; what is withheld says how likely its first line is."""
    threshold = judge.threshold(precision)
    for part in statements(text):
        if not _bears(part, place):
            continue
        features = features_of(generated, part, place)
        probability = judge.probability(part, features)
        if probability >= threshold:
            return _shown(part, generated, context, place, probability, features)
    return Completion("", Reason.DOUBTFUL, generated, probability, features)


def _shown(
    text: str,
    generated: Generated,
    context: Context,
    place: Place,
    confidence: float | None = None,
    features: tuple[float, ...] = (),
) -> Completion:
    shown = styled(text, place).replace("\n", context.newline)
    return Completion(shown, Reason.SHOWN, generated, confidence, features)
