"""Scores that the makers of small code models have published, to stand beside ours."""

from attrs import frozen


@frozen
class Published:
    """One model, from its card or paper. Shares are percentages; None where nothing is published."""

    name: str
    parameters: str
    training: str
    """Tokens, or bytes of text."""
    single_line: str = ""
    """HumanEval-Infilling, single line: pass@1, or EM for exact match."""
    human_eval: str = ""
    """pass@1; a function from its docstring, which a model of our size is not for."""
    note: str = ""


PUBLISHED = (
    Published("CodeParrot-small", "110M", "25-30B tokens", "no infilling", "3.8"),
    Published("CodeGPT-adapted", "124M", "", "no infilling", "", "py150 lines: EM 42.4, ES 71.6 (other data than ours)"),
    Published("PolyCoder", "160M", "249 GB", "no infilling", "2.1"),
    Published("TinyStarCoderPy", "164M", "100B tokens", "not published", "7.8"),
    Published("CodeGen-350M-mono", "350M", "570B tokens", "no infilling", "12.8"),
    Published("Qwen2.5-Coder-0.5B", "0.5B", "5.5T tokens", "EM 77.7, three languages", "28.0"),
    Published("StarCoderBase-1B", "1B", "1T tokens", "", "15.2"),
    Published("SantaCoder", "1.1B", "236B tokens", "EM 44, Python", "18"),
    Published("DeepSeek-Coder-1.3B", "1.3B", "2T tokens", "EM 57.4, Python", "34.8", "HumanEval by the makers themselves"),
    Published("Qwen2.5-Coder-1.5B", "1.5B", "5.5T tokens", "EM 83.5, three languages", "43.9"),
    Published("CodeGemma-2B", "2B", "500B tokens more", "pass@1 78.4", "31.1", "multi-line pass@1 51.4"),
    Published("Mellum-4b-base", "4B", "4.2T tokens", "pass@1 66.2", "", "multi-line 38.5, random span 29.7"),
)
