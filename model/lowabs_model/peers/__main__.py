"""`python -m lowabs_model.peers NAME FOLDER`: be the contender; with `--prepare CHECKPOINT` first make what it needs there."""

import argparse
from pathlib import Path

from lowabs_lsp.bench.contender import Steps, Task, attend


def main() -> None:
    """Run one peer, known by what it is and the arithmetic of its weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="llama.cpp, llama-server, genai, transformers, compiled or arithmetic")
    parser.add_argument("arithmetic", help="of the weights: q8_0, q4_0, int4, fp32, bf16, ...")
    parser.add_argument("folder", type=Path, help="where what `--prepare` makes lies")
    parser.add_argument("--prepare", type=Path, metavar="CHECKPOINT", help="a Hugging Face directory to make it from")
    parser.add_argument("--program", default="", help="llama-server's own program")
    parser.add_argument("--device", default="cpu", help="where PyTorch runs")
    options = parser.parse_args()
    if options.prepare:
        prepare(options.name, options.arithmetic, options.prepare, options.folder)
    else:
        attend(lambda task: start(options, task))


def prepare(name: str, arithmetic: str, checkpoint: Path, folder: Path) -> None:
    """Put the checkpoint's weights into `folder` as the peer wants them."""
    folder.mkdir(parents=True, exist_ok=True)
    if name in ("llama.cpp", "llama-server"):
        from lowabs_model.peers.llama import write_quantized

        write_quantized(checkpoint, folder, arithmetic)
    elif name == "genai":
        from lowabs_model.peers.genai import build

        build(checkpoint, folder, arithmetic)
    elif name in ("transformers", "compiled"):
        (folder / "checkpoint").write_text(str(checkpoint.resolve()))


def start(options: argparse.Namespace, task: Task) -> Steps:
    """Import the one library that is needed, and load the model."""
    folder: Path = options.folder
    if options.name == "llama.cpp":
        from lowabs_model.peers.llama import LlamaCpp

        return LlamaCpp(folder / f"{options.arithmetic}.gguf", task).steps()
    if options.name == "llama-server":
        from lowabs_model.peers.server import LlamaServer

        return LlamaServer(folder / f"{options.arithmetic}.gguf", task, options.program).steps()
    if options.name == "genai":
        from lowabs_model.peers.genai import GenAi

        return GenAi(folder / options.arithmetic, task).steps()
    if options.name in ("transformers", "compiled"):
        from lowabs_model.peers.huggingface import Compiled, HuggingFace

        kind = Compiled if options.name == "compiled" else HuggingFace
        return kind(Path((folder / "checkpoint").read_text()), options.arithmetic, task, options.device).steps()
    from lowabs_model.peers.arithmetic import steps

    return steps(task)


if __name__ == "__main__":
    main()
