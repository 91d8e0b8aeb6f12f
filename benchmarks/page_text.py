"""Our text of HTML pages beside trafilatura's: `python -m benchmarks.page_text FAMILY=FOLDER ...`.

Needs `pip install trafilatura lxml_html_clean`, best into a virtual environment of its own. A family is a generator of
pages, of which we know by an XPath what belongs to the page itself: the words of that part are what should be kept, all
other words are boilerplate. Of each family eight pages of 3,000 to 300,000 characters are drawn by seed. Words are
compared as multisets, since both put line ends and marks in places of their own.
"""

import argparse
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import lxml.html
import trafilatura

from spaniel.index.input.html import html_text

OUTERMOST = "[not(ancestor::div[@class='chapter' or @class='article' or @class='refentry'])]"
FAMILIES = {
    "mdBook": "//main",
    "rustdoc": "//section[@id='main-content']",
    "Sphinx": "//div[@class='body']",
    "Node.js": "//div[@id='apicontent']",
    "npm": "//div[@id='_content']",
    "DocBook": f"//div[@class='chapter' or @class='article' or @class='refentry' or @class='sect1']{OUTERMOST}",
    "gtk-doc": f"//div[@class='refentry' or @class='refsect1' or @class='refsynopsisdiv']{OUTERMOST}",
    "Texinfo": "//body/div[re:test(@class, '^(section|chapter|subsection|unnumbered)')]",
}
NOT_SHOWN = (
    "descendant::*[self::script or self::style or self::template or self::svg or self::button or self::noscript]"
)
NAVIGATION = "descendant::div[@class='header' or @class='nav-panel']"  # Texinfo puts it inside its sections
REGULAR = {"namespaces": {"re": "http://exslt.org/regular-expressions"}}
PAGES = 8
READERS: dict[str, Callable[[str], str | None]] = {
    "ours": lambda page: html_text(page).text,
    "trafilatura": lambda page: trafilatura.extract(page, include_comments=False),
    "trafilatura, recall": lambda page: trafilatura.extract(page, include_comments=False, favor_recall=True),
    "trafilatura, precision": lambda page: trafilatura.extract(page, include_comments=False, favor_precision=True),
}


def words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text.lower()))


def right_words(page: str, where: str) -> Counter[str]:
    """The words of the page's own part."""
    texts = []
    for part in lxml.html.fromstring(page.encode()).xpath(where, **REGULAR):
        for other in part.xpath(f"{NOT_SHOWN} | {NAVIGATION}"):
            other.drop_tree()
        texts.append(" ".join(part.itertext()))
    return words(" ".join(texts))


def pages(folder: Path, where: str) -> Iterator[tuple[str, Counter[str]]]:
    """Pages drawn from a folder, with the words that should be kept."""
    files = sorted(folder.rglob("*.html"))
    random.Random(0).shuffle(files)
    n_found = 0
    for file in files:
        page = file.read_bytes().decode(errors="replace")
        if not 3_000 < len(page) < 300_000:
            continue
        right = right_words(page, where)
        if right.total() >= 100:
            yield page, right
            n_found += 1
        if n_found == PAGES:
            return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("families", nargs="+", metavar="FAMILY=FOLDER", help=f"of {', '.join(FAMILIES)}")
    seconds: Counter[str] = Counter()
    n_chars = 0
    print(f"| family | pages | {' | '.join(f'{name}: kept, boilerplate' for name in READERS)} |")
    for family, _, folder in (text.partition("=") for text in parser.parse_args().families):
        drawn = list(pages(Path(folder), FAMILIES[family]))
        n_chars += sum(len(page) for page, _ in drawn)
        cells = []
        for name, read in READERS.items():
            kept, other = [], []
            for page, right in drawn:
                start = time.thread_time()
                found = words(read(page) or "")
                seconds[name] += time.thread_time() - start
                common = (found & right).total()
                kept.append(common / right.total())
                other.append(1 - common / found.total() if found else 0.0)
            cells.append(f"{sum(kept) / len(kept):.3f} (least {min(kept):.2f}), {sum(other) / len(other):.3f}")
        print(f"| {family} | {len(drawn)} | {' | '.join(cells)} |")
    print(f"MB/s: {', '.join(f'{name} {n_chars / 1e6 / spent:.1f}' for name, spent in seconds.items())}")


if __name__ == "__main__":
    main()
