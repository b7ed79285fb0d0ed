"""The simulated person: types what the commit holds, reads what is suggested, and takes what is right of it."""

from bisect import bisect_right
from random import Random

from attrs import define, evolve, field, frozen

from lowabs_lsp.bench.replay.assistant import Answer, Arrival
from lowabs_lsp.bench.replay.desk import Desk
from lowabs_lsp.bench.replay.editor import Buffer, Origin
from lowabs_lsp.bench.replay.judgement import Offer, edit_similarity, first_line, place_of, right_parts
from lowabs_lsp.bench.replay.keys import Key, Keyboard, Stroke, Typing, line_end
from lowabs_lsp.bench.replay.measures import MachineCounts, SittingCounts, Tally
from lowabs_lsp.bench.replay.policy import Request
from lowabs_lsp.bench.replay.rhythm import JUMP, LEAVE, PASTE, Rhythm
from lowabs_lsp.bench.replay.session import FileSession, PlannedEdit, Session

WORTH_A_KEY = 3
"""A suggestion is taken from so many keys on that it makes needless: for less, typing on is as fast."""
ACCEPTING = 60
"""Milliseconds from seeing that a suggestion is right to the key that takes it."""


@frozen
class Ghost:
    """The suggestion in view, from the cursor on."""

    text: str
    since: int
    """When it, or what it grew from, came into view."""
    request: Request
    answer: Answer


@frozen
class Look:
    """What the last request is measured against."""

    tally: Tally = field(factory=Tally)
    rest: str = ""
    """What is still to be typed at its place."""
    line: str = ""
    """The first line of that; empty once it is counted, and where nothing can be right."""


@define
class Person:
    """Works through one sitting at one desk."""

    desk: Desk
    seed: str
    counts: SittingCounts
    machine: MachineCounts = field(factory=MachineCounts)
    _ghost: Ghost | None = None
    _look: Look = field(factory=Look)

    @property
    def _now(self) -> int:
        return self.desk.assistant.clock.now

    def work(self, session: Session) -> dict[str, str]:
        """Make the commit; returns the text of each file at the end."""
        buffers = {
            file.change.path: self.desk.open(file.change.path, file.change.language, file.change.before)
            for file in reversed(session.files)
            if not file.change.is_new
        }
        for file in session.files:
            change = file.change
            buffer = buffers.get(change.path) or self.desk.open(change.path, change.language, "")
            buffers[change.path] = buffer
            self._work_on(buffer, file)
        self.counts.characters_kept = sum(buffer.count(Origin.ACCEPTED) for buffer in buffers.values())
        self.counts.milliseconds = self._now
        return {path: buffer.text for path, buffer in buffers.items()}

    def _work_on(self, buffer: Buffer, file: FileSession) -> None:
        self.desk.focus(buffer)
        shift = 0
        for index, planned in enumerate(file.edits):
            random = Random(f"{self.seed}/{file.change.path}/{index}")
            self._go_to(buffer, planned.edit.start + shift, random)
            self._edit(buffer, planned, file.keyboard, random)
            shift += len(planned.edit.text) - planned.edit.removed
        self._turn_away(LEAVE.draw(Random(f"{self.seed}/{file.change.path}/end")))
        self.desk.save(buffer)

    # ------------------------------------------------------------------------------------------------------- one place

    def _go_to(self, buffer: Buffer, offset: int, random: Random) -> None:
        self._turn_away(LEAVE.draw(random))
        pause = JUMP.draw(random)
        self.desk.jump(buffer, offset, pause)
        self.desk.assistant.clock.wait_until(self._now + pause)

    def _turn_away(self, pause: int) -> None:
        """Look at what is still suggested, then no longer."""
        leave = self._now + pause
        while self._see(leave):
            pass
        self._settle()
        self.desk.assistant.clock.wait_until(leave)
        self.desk.assistant.drop()
        self._ghost = None

    def _edit(self, buffer: Buffer, planned: PlannedEdit, keyboard: Keyboard, random: Random) -> None:
        start, edit, pieces = buffer.cursor, planned.edit, list(planned.pieces)
        end = line_end(edit.text, len(edit.text.rstrip("\r\n"))) if edit.opens_line else ""
        if end:
            pieces[-1] = evolve(pieces[-1], text=pieces[-1].text.removesuffix(end))
        wanted = pieces[0].text if pieces and not pieces[0].pasted else ""
        if edit.removed:
            self.desk.replace(buffer, start, start + edit.removed, "", Origin.TYPED)
            self._after(buffer, Key.DELETE, wanted)
        if end:
            self._tally(buffer).keys += 1
            self.desk.replace(buffer, start, start, end, Origin.TYPED)
            buffer.cursor = start
            self._after(buffer, Key.OPEN_LINE, wanted)
        for piece in pieces:
            if piece.pasted:
                self._paste(buffer, piece.text, PASTE.draw(random))
            else:
                self._type(buffer, piece.text, keyboard, random.random())

    def _paste(self, buffer: Buffer, text: str, pause: int) -> None:
        self._turn_away(pause)
        self.desk.replace(buffer, buffer.cursor, buffer.cursor, text, Origin.PASTED)
        self.counts.presses[Key.PASTE] += 1

    # ----------------------------------------------------------------------------------------------------------- typing

    def _type(self, buffer: Buffer, text: str, keyboard: Keyboard, seed: float) -> None:
        typing = Typing.begin(keyboard, buffer.before, text)
        ends = typing.key_ends
        rhythm = Rhythm.of(f"{self.seed}/{seed}", buffer.before, text)
        slipped = -1
        while not typing.done:
            beat = rhythm.beats[min(typing.at, len(text) - 1)]
            due = self._now + (beat.correction if typing.surplus else beat.pause)
            if offer := self._read(typing, ends, due):
                self._accept(buffer, typing, ends, offer)
                continue
            slip = beat.slip if typing.at > slipped and not typing.surplus else ""
            slipped = typing.at
            self._press(buffer, typing, ends, slip)

    def _press(self, buffer: Buffer, typing: Typing, ends: list[int], slip: str) -> None:
        at, tally = typing.at, self._tally(buffer)
        stroke = typing.press(slip)
        tally.keys += _keys_between(ends, at, typing.at)
        self.desk.replace(buffer, buffer.cursor - stroke.remove, buffer.cursor, stroke.insert, Origin.TYPED)
        self._ghost = _typed_along(self._ghost, stroke)
        self._after(buffer, stroke.key, "" if typing.surplus else typing.rest)

    def _accept(self, buffer: Buffer, typing: Typing, ends: list[int], offer: Offer) -> None:
        assert self._ghost is not None
        ghost, tally = self._ghost, self._tally(buffer)
        keys = _keys_between(ends, typing.at, typing.at + len(offer.text))
        tally.keys += keys
        tally.keys_accepted += keys
        tally.acceptances += 1
        tally.characters_accepted += len(offer.text)
        self.counts.accepted[offer.part] += 1
        typing.accept(offer.text)
        self.desk.replace(buffer, buffer.cursor, buffer.cursor, offer.text, Origin.ACCEPTED)
        self.desk.assistant.backend.accept(ghost.request, ghost.answer, offer.text)
        self._ghost = evolve(ghost, text=ghost.text[len(offer.text) :]) if len(offer.text) < len(ghost.text) else None
        self._after(buffer, Key.ACCEPT, typing.rest)

    def _after(self, buffer: Buffer, key: Key, rest: str) -> None:
        """A key was pressed: the editor asks for what follows, of which `rest` would be right."""
        self.counts.presses[key] += 1
        self._look = Look(self._tally(buffer), rest, first_line(rest) if rest.strip() else "")
        self._look.tally.requests += 1
        self.desk.ask(buffer, key)

    # ---------------------------------------------------------------------------------------------------------- reading

    def _read(self, typing: Typing, ends: list[int], due: int) -> Offer | None:
        """Wait for the next key at `due`, or for the moment before it at which a part of the suggestion is taken."""
        while True:
            offer, moment = self._best(typing, ends, due)
            if not self._see(moment):
                self.desk.assistant.clock.wait_until(moment)
                self._settle()
                return offer

    def _best(self, typing: Typing, ends: list[int], due: int) -> tuple[Offer | None, int]:
        """The largest right part that can be read and is worth its key, and when it is taken; else nothing until `due`."""
        if self._ghost is not None and not typing.surplus:
            for offer in right_parts(self._ghost.text, typing.rest):
                moment = max(self._ghost.since + offer.reading_time, self._now) + ACCEPTING
                worth = _keys_between(ends, typing.at, typing.at + len(offer.text)) >= WORTH_A_KEY
                if worth and moment <= due:
                    return offer, moment
        return None, due

    def _see(self, until: int) -> bool:
        """Look at what comes until then, if anything does."""
        if (arrival := self.desk.assistant.arrival(until)) is None:
            return False
        self._show(arrival)
        return True

    def _show(self, arrival: Arrival) -> None:
        text, ghost = arrival.answer.text, self._ghost
        if text:
            self.machine.latencies.append(arrival.wall_ms)
        same = ghost is not None and text.startswith(ghost.text)
        self._ghost = (
            Ghost(text, ghost.since if ghost and same else arrival.at, arrival.request, arrival.answer) if text else None
        )
        if text and not same:
            self._look.tally.shown += 1
            self._look.tally.wrong += next(right_parts(text, self._look.rest), None) is None

    def _settle(self) -> None:
        """Count what is in view at the end of a request's time."""
        if not self._look.line:
            return
        tally, line, seen = self._look.tally, self._look.line, first_line(self._ghost.text) if self._ghost else ""
        tally.lines += 1
        tally.lines_answered += bool(seen)
        tally.lines_exact += seen == line
        tally.similarity += edit_similarity(seen, line) if seen else 0.0
        self._look = evolve(self._look, line="")

    def _tally(self, buffer: Buffer) -> Tally:
        return self.counts.at((buffer.language, place_of(buffer.language, buffer.before, buffer.behind)))


def _keys_between(ends: list[int], start: int, end: int) -> int:
    """How many keys' texts end behind `start`, up to `end`."""
    return bisect_right(ends, end) - bisect_right(ends, start)


def _typed_along(ghost: Ghost | None, stroke: Stroke) -> Ghost | None:
    """What is left in view of a suggestion after a key: all but what was typed of it, if that was typed."""
    if ghost is None or stroke.remove or not ghost.text.startswith(stroke.insert) or ghost.text == stroke.insert:
        return None
    return evolve(ghost, text=ghost.text[len(stroke.insert) :])
