"""Write the Unicode tables of the analyser: `index/analysis/unicode_tables.py` and `index/kernels/unicode_tables.hpp`.

    python tools/unicode_tables.py /usr/share/unicode    # Debian's package `unicode-data`, or unicode.org/Public/UCD

The tables are those of Unicode 12.1, which Lucene 9 tokenises by. They are derived from a later Unicode Character
Database (15.0) by leaving out code points whose Age is later, plus the few values that changed in between (`CHANGED`).
Every code point gets one of the classes below; what the classes do stands in docs/analysis.md.
"""

import argparse
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

AGE = (12, 1)
N_CODE_POINTS = 0x110000
ROOT = Path(__file__).parent.parent

_NAMES = """
    OTHER DOUBLE_QUOTE KEYCAP_BASE SINGLE_QUOTE MID_NUM MID_NUM_LET DIGIT MID_LETTER LETTER CONNECTOR PICTURE EXTEND
    HEBREW NUMERIC COMPLEX COMPLEX_EXTEND HANGUL ZWJ KEYCAP LETTER_PICTURE HAN KATAKANA HIRAGANA TEXT_STYLE EMOJI_STYLE
    REGIONAL SKIN_TONE TAG TAG_END
"""
CLASSES = _NAMES.split()

# Word_Break values that stand for themselves.
PLAIN = {
    "Double_Quote": "DOUBLE_QUOTE", "Single_Quote": "SINGLE_QUOTE", "MidNum": "MID_NUM", "MidNumLet": "MID_NUM_LET",
    "MidLetter": "MID_LETTER", "ALetter": "LETTER", "ExtendNumLet": "CONNECTOR", "Extend": "EXTEND", "Format": "EXTEND",
    "Hebrew_Letter": "HEBREW", "Numeric": "NUMERIC", "ZWJ": "ZWJ", "Katakana": "KATAKANA",
    "Regional_Indicator": "REGIONAL",
}  # fmt: skip

# Code points with a role of their own in emoji sequences (UTS #51).
SINGLES = {0x23: "KEYCAP_BASE", 0x2A: "KEYCAP_BASE", 0x20E3: "KEYCAP", 0xFE0E: "TEXT_STYLE", 0xFE0F: "EMOJI_STYLE"}
SINGLES |= dict.fromkeys(range(0x30, 0x3A), "DIGIT") | dict.fromkeys(range(0x1F3FB, 0x1F400), "SKIN_TONE")
SINGLES |= dict.fromkeys(range(0xE0020, 0xE007F), "TAG") | {0xE007F: "TAG_END"}

# Values of Unicode 12.1 that a later version changed: letters that were not yet Word_Break=ALetter, a mark that was not
# yet MidLetter, a sign that was not yet Script=Han, and code points reserved for pictures that became other symbols.
CHANGED = {0x55A: "OTHER", 0x58A: "OTHER", 0x55F: "OTHER", 0x16FE2: "OTHER"}
CHANGED |= dict.fromkeys([*range(0x2E5, 0x2EC), *range(0xA708, 0xA717)], "OTHER")
CHANGED |= dict.fromkeys(range(0x1FB00, 0x1FC00), "PICTURE")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ucd", type=Path, help="folder with UnicodeData.txt, Scripts.txt, auxiliary/, emoji/ ...")
    ucd: Path = parser.parse_args().ucd
    classes = class_of_every_code_point(ucd)
    lower = lower_case(ucd)
    space = sorted(c for c, value in properties(ucd / "PropList.txt") if value == "White_Space")
    (ROOT / "index/analysis/unicode_tables.py").write_text(
        python_source(classes, lower, space, assigned(ucd), inert(ucd))
    )
    (ROOT / "index/kernels/unicode_tables.hpp").write_text(cpp_source(classes, lower))


def properties(path: Path) -> Iterator[tuple[int, str]]:
    """(code point, value) of every line `start..end ; value # comment`."""
    for line in path.read_text(encoding="utf-8").splitlines():
        found = re.match(r"([0-9A-F]+)(?:\.\.([0-9A-F]+))?\s*;\s*([\w.]+)", line)
        if found:
            for c in range(int(found[1], 16), int(found[2] or found[1], 16) + 1):
                yield c, found[3]


def assigned(ucd: Path) -> set[int]:
    """Code points assigned in Unicode 12.1."""
    ages = properties(ucd / "DerivedAge.txt")
    return {c for c, age in ages if tuple(map(int, age.split("."))) <= AGE}


def class_of_every_code_point(ucd: Path) -> list[str]:
    old = assigned(ucd)
    word_break = dict(properties(ucd / "auxiliary/WordBreakProperty.txt"))
    script = dict(properties(ucd / "Scripts.txt"))
    complex_context = {c for c, value in properties(ucd / "LineBreak.txt") if value == "SA"}
    picture = {c for c, value in properties(ucd / "emoji/emoji-data.txt") if value == "Extended_Pictographic"}

    def choose(c: int) -> str:
        if c in CHANGED or c in SINGLES:
            return CHANGED.get(c) or SINGLES[c]
        if c not in old:  # code points reserved for pictures are pictures before they are assigned
            return "PICTURE" if c in picture else "OTHER"
        plain = PLAIN.get(word_break.get(c, ""), "OTHER")
        if c in complex_context:
            return {"EXTEND": "COMPLEX_EXTEND", "OTHER": "COMPLEX"}[plain]
        if plain == "LETTER":
            return "HANGUL" if script[c] == "Hangul" else "LETTER_PICTURE" if c in picture else "LETTER"
        if plain == "OTHER":
            by_script = {"Han": "HAN", "Hiragana": "HIRAGANA"}.get(script.get(c, ""))
            return by_script or ("PICTURE" if c in picture else "OTHER")
        return plain

    return [choose(c) for c in range(N_CODE_POINTS)]


def lower_case(ucd: Path) -> dict[int, int]:
    """Simple lower-case mapping (UnicodeData field 13), one code point to one."""
    old = assigned(ucd)
    fields = (line.split(";") for line in (ucd / "UnicodeData.txt").read_text(encoding="utf-8").splitlines())
    pairs = ((int(field[0], 16), field[13]) for field in fields if field[13])
    return {c: int(lower, 16) for c, lower in pairs if c in old and int(lower, 16) in old}


def inert(ucd: Path) -> set[int]:
    """Code points up to U+FFFF that NFKC never touches: what lies between them can be normalised by itself."""
    lines = (ucd / "UnicodeData.txt").read_text(encoding="utf-8").splitlines()
    fields = [line.split(";") for line in lines]
    excluded = {
        c for c, value in properties(ucd / "DerivedNormalizationProps.txt") if value == "Full_Composition_Exclusion"
    }
    unsafe = {c for c, value in properties(ucd / "DerivedNormalizationProps.txt") if value == "NFKC_QC"}
    unsafe |= {int(field[0], 16) for field in fields if field[3] != "0"}  # combining classes, which are reordered
    for field in fields:  # first characters of what is composed
        parts = field[5].split()
        if len(parts) == 2 and not parts[0].startswith("<") and int(field[0], 16) not in excluded:
            unsafe.add(int(parts[0], 16))
    unsafe |= set(range(0x1100, 0x1200)) | set(range(0xAC00, 0xD7A4, 28))  # Hangul, composed by rule
    return {c for c in assigned(ucd) if c <= 0xFFFF and c not in unsafe}


def runs(values: list[int]) -> list[tuple[int, int, int]]:
    """(start, end inclusive, value) of equal neighbours; zeros left out."""
    out, start = [], 0
    for value, group in groupby(values):
        end = start + len(list(group))
        if value:
            out.append((start, end - 1, value))
        start = end
    return out


def lower_runs(lower: dict[int, int]) -> list[tuple[int, int, int, int]]:
    """(start, end inclusive, step, delta): every step-th code point of the run is mapped to itself + delta."""
    out: list[tuple[int, int, int, int]] = []
    for c in sorted(lower):
        delta = lower[c] - c
        if out and out[-1][3] == delta:
            start, end, step, _ = out[-1]
            if c - end == step or (start == end and c - end <= 2):
                out[-1] = (start, c, c - end if start == end else step, delta)
                continue
        out.append((c, c, 1, delta))
    return out


HEADER = "Generated by tools/unicode_tables.py from the Unicode Character Database; do not edit."
LICENCE = "Unicode data: copyright Unicode, Inc., used under the Unicode Licence (unicode.org/license.txt)."


def python_source(classes: list[str], lower: dict[int, int], space: list[int], old: set[int], inert: set[int]) -> str:
    class_names = "".join(f'    "{name}",\n' for name in CLASSES)
    class_runs = runs([CLASSES.index(name) for name in classes])
    unassigned = runs([int(c not in old and not 0xD800 <= c < 0xE000) for c in range(N_CODE_POINTS)])
    untouched = runs([int(c in inert) for c in range(0x10000)])
    spaces = runs([int(c in space) for c in range(0x3001)])
    return (
        f'"""{HEADER}\n\n{LICENCE}\n"""\n\n'
        f"CLASSES = (\n{class_names})\n"
        "# start-end:class, hexadecimal; code points that are left out are OTHER.\n"
        f'CLASS_RUNS = """\n{wrap([f"{a:X}-{b:X}:{k:X}" for a, b, k in class_runs])}"""\n'
        "# start-end:step:delta; the simple lower-case mapping.\n"
        f'LOWER_RUNS = """\n{wrap([f"{a:X}-{b:X}:{step}:{delta}" for a, b, step, delta in lower_runs(lower)])}"""\n'
        "# start-end of White_Space.\n"
        f'SPACE_RUNS = """\n{wrap([f"{a:X}-{b:X}" for a, b, _ in spaces])}"""\n'
        "# start-end of the code points up to FFFF that NFKC leaves alone in every context.\n"
        f'INERT_RUNS = """\n{wrap([f"{a:X}-{b:X}" for a, b, _ in untouched])}"""\n'
        "# start-end of the code points without a character in Unicode 12.1, surrogates not counted.\n"
        f'UNASSIGNED_RUNS = """\n{wrap([f"{a:X}-{b:X}" for a, b, _ in unassigned])}"""\n'
    )


def cpp_source(classes: list[str], lower: dict[int, int]) -> str:
    """Two-level tables: 256 code points a block, equal blocks stored once; lower case as sorted runs."""
    blocks: dict[tuple[int, ...], int] = {}
    top = []
    numbers = [CLASSES.index(name) for name in classes]
    for start in range(0, N_CODE_POINTS, 256):
        top.append(blocks.setdefault(tuple(numbers[start : start + 256]), len(blocks)))
    body = [str(k) + "," for block in blocks for k in block]
    enum = wrap([name + "," for name in CLASSES])
    lower_rows = [f"{{{a},{b},{step},{delta}}}," for a, b, step, delta in lower_runs(lower)]
    return (
        f"// {HEADER}\n// {LICENCE}\n#pragma once\n#include <cstdint>\n\nnamespace spaniel::unicode {{\n\n"
        f"enum Class : uint8_t {{\n{enum}  N_CLASSES\n}};\n\n"
        f"inline constexpr uint8_t kBlockOf[{len(top)}] = {{\n{wrap([f'{k},' for k in top])}}};\n\n"
        f"inline constexpr uint8_t kClasses[{len(body)}] = {{\n{wrap(body)}}};\n\n"
        "struct LowerRun {\n  uint32_t start, end, step;\n  int32_t delta;\n};\n"
        f"inline constexpr LowerRun kLowerRuns[{len(lower_rows)}] = {{\n{wrap(lower_rows)}}};\n\n"
        "}  // namespace spaniel::unicode\n"
    )


def wrap(words: list[str]) -> str:
    """Words in lines of at most 120 characters, indented by two."""
    lines = [" "]
    for word in words:
        if len(lines[-1]) + 1 + len(word) > 120:
            lines.append(" ")
        lines[-1] += " " + word
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
