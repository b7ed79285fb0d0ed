"""From what the model said to what is shown: trim, take overlaps away, or keep quiet with a reason."""

from lowabs_lsp.postprocess.filters import repeats_itself, repeats_line_above, stands_below
from lowabs_lsp.postprocess.trim import drop_overlap, trim_block, trim_line
from lowabs_lsp.values import Completion, Context, Generated, Reason, Stop

_UNFINISHED = {Stop.CANCELLED: Reason.CANCELLED}


def finish(generated: Generated, context: Context, *, block: bool) -> Completion:
    """The completion to show for `generated`; `block` says whether it may have several lines."""
    if reason := _UNFINISHED.get(generated.stop):
        return Completion("", reason, generated)
    text = _trimmed(generated, context, block=block)
    if reason := _silence(text, context):
        return Completion("", reason, generated)
    return Completion(text.replace("\n", context.newline), Reason.SHOWN, generated)


def _trimmed(generated: Generated, context: Context, *, block: bool) -> str:
    line_before = context.prefix.rpartition("\n")[2]
    text = generated.text.replace("\r\n", "\n")
    if block:
        text = trim_block(text, line_before, whole=generated.stop in (Stop.END, Stop.TEXT))
    else:
        text = trim_line(text)
    return drop_overlap(text, context.suffix)


def _silence(text: str, context: Context) -> Reason | None:
    if not text.strip():
        return Reason.EMPTY
    if repeats_itself(text) or repeats_line_above(text, context.prefix):
        return Reason.REPETITION
    if stands_below(text, context.suffix):
        return Reason.SUFFIX
    return None
