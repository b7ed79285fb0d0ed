"""There and back through transfers of limited size: corpora in pieces, weights in parts."""

import json
import shutil
from hashlib import sha256
from pathlib import Path

from lowabs_model.gpu_run.session import Session, SessionError

PART_BYTES = 15 * 1024 * 1024
PARTS_PER_CALL = 4


def pack(corpus: Path, pieces: Path, size: int) -> list[Path]:
    """Copy a corpus into numbered folders of at most `size` bytes. Raises SessionError for a file that fits none."""
    folders: list[Path] = []
    room = 0
    for file in sorted(entry for entry in corpus.iterdir() if entry.is_file()):
        length = file.stat().st_size
        if length > size:
            raise SessionError(f"{file} is larger than a piece may be: give more --megabytes")
        if length > room:
            folders.append(pieces / f"piece-{len(folders):02d}")
            folders[-1].mkdir(parents=True)
            room = size
        shutil.copyfile(file, folders[-1] / file.name)
        room -= length
    return folders


def receive(piece: Path, corpus: Path) -> int:
    """Put a piece where the others are. Returns how many files there are now."""
    corpus.mkdir(parents=True, exist_ok=True)
    for file in piece.iterdir():
        partial = corpus / f"{file.name}.partial"
        shutil.copyfile(file, partial)
        partial.replace(corpus / file.name)
    return len(list(corpus.iterdir()))


def deliver(session: Session, output: Path, part: int, *, stable: bool = False) -> int:
    """Write one part of a checkpoint, weights in bfloat16, as a few files. Returns how many parts there are.

    `stable` takes the weights before the decay, from which a later session goes on.
    """
    home = session.folder / ("carry-stable" if stable else "carry")
    if not (home / "parts.json").is_file():
        cut(as_bfloat16(source_checkpoint(session, stable=stable), home / "checkpoint"), home)
    files = sorted(home.glob("*.part"))
    output.mkdir(parents=True, exist_ok=True)
    for file in files[part * PARTS_PER_CALL : (part + 1) * PARTS_PER_CALL]:
        shutil.copyfile(file, output / file.name)
    shutil.copyfile(home / "parts.json", output / "parts.json")
    if (session.folder / "session.json").is_file():
        shutil.copyfile(session.folder / "session.json", output / "session.json")
    return -(-len(files) // PARTS_PER_CALL)


def source_checkpoint(session: Session, *, stable: bool) -> Path:
    """The furthest checkpoint of the long run, or the last one before its decay. Raises SessionError."""
    from lowabs_model.train import checkpoints

    found = [entry for entry in checkpoints(session.folder / "long") if entry.name.startswith("stable-") or not stable]
    if not found:
        raise SessionError(f"{session.folder} has no {'stable ' if stable else ''}checkpoint of the long run yet: run it")
    return found[-1]


def as_bfloat16(checkpoint: Path, output: Path) -> Path:
    """A copy without optimizer, at half the size."""
    import torch
    from safetensors.torch import load_file, save_file

    output.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(checkpoint / name, output / name)
    weights = {name: value.to(torch.bfloat16) for name, value in load_file(checkpoint / "model.safetensors").items()}
    save_file(weights, output / "model.safetensors", metadata={"format": "pt"})
    return output


def cut(checkpoint: Path, home: Path) -> None:
    """Cut every file of a checkpoint into parts that a transfer takes, and write down what they add up to."""
    whole = {}
    for file in sorted(checkpoint.iterdir()):
        data = file.read_bytes()
        whole[file.name] = {"bytes": len(data), "sha256": sha256(data).hexdigest()}
        for number, start in enumerate(range(0, len(data), PART_BYTES)):
            (home / f"{file.name}.{number:04d}.part").write_bytes(data[start : start + PART_BYTES])
    (home / "parts.json").write_text(json.dumps(whole, indent=1) + "\n", "utf-8")


def assemble(parts: Path, checkpoint: Path) -> None:
    """Join the parts, found anywhere below `parts`. Raises SessionError when one is missing or was changed."""
    lists = sorted(parts.rglob("parts.json"))
    if not lists:
        raise SessionError(f"{parts} holds no parts.json: give the folder with what was delivered")
    checkpoint.mkdir(parents=True, exist_ok=True)
    for name, record in json.loads(lists[0].read_text("utf-8")).items():
        found = {file.name: file for file in parts.rglob(f"{name}.*.part")}
        data = b"".join(found[part].read_bytes() for part in sorted(found))
        if sha256(data).hexdigest() != record["sha256"]:
            raise SessionError(f"{name}: the parts add up to {len(data)} of {record['bytes']} bytes; deliver the missing ones")
        (checkpoint / name).write_bytes(data)
