"""HTML to text: block breaks, boilerplate, odd pages; any input in linear time."""

import re
from html import escape
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.index.chunking.outline import Heading
from spaniel.index.input.html import html_text

PAGES = {
    "<p>One<p>Two": "One\n\nTwo",
    "a<br>b<br/>c": "a\nb\nc",
    "<ul><li>x<li>y</ul>z": "x\ny\n\nz",
    "<table><tr><td>1<td>2<tr><td>3<td>4</table>": "1 2\n3 4",
    "in<b>line</b> <i>kept</i> together": "inline kept together",
    "a   \n b": "a b",
    "<pre>  keep\n   this</pre> not   this": "keep\n   this\n\nnot this",
    "<div>a</div><div>b</div>": "a\nb",
    "1 &lt; 2 &amp; 3 &#x41;&#66; &nope; &copy": "1 < 2 & 3 AB &nope; ©",
    "<!-- x <p>no</p> -->yes<!DOCTYPE x><?php no ?>": "yes",
    "a<!-->b": "ab",
    "a < b <3 c": "a < b <3 c",
    "<SCRIPT>if (a < b) '</p>'</SCRIPT><style>p{}</style>x": "x",
    "<script>never closed <p>x": "",
    "<p title='a > b' data-x=\"<p>\">x</p>": "x",
    "<p class=it's>x</p> y": "x\n\ny",
    "<nav>Home</nav><p>x</p><footer>(c)</footer><aside>ad</aside>": "x",
    '<div role="navigation"><div>Home</div></div><p>x</p>': "x",
    "<p hidden>no</p><p aria-hidden=true>no</p>x": "x",
    '<a href="hidden">shown</a><p class="hidden">shown</p>': "shown\n\nshown",
    "<header>Site</header><article><header>Head</header>x</article>": "Head\n\nx",
    "<p>out</p><main><p>in</p></main><p>out</p>": "in",
    "<main></main><p>out</p>": "out",
    '<p>out</p><div role="main"><div>in</div>in</div><div>out</div>': "in\nin",
    '<div role="main"><nav><div>menu</nav>in</div>out': "in",
    '<section role="main"><div>in</section></div>out<main>in, too</main>': "in\n\nin, too",
    "<div><nav>menu</div><p>x</p>": "x",
    "<div><nav><div>menu<ul><li>a</li></ul></div></div><p>x</p>": "x",
    "<nav>all of it</nav>": "all of it",
    "<body><nav>never closed<p>x": "never closed\n\nx",
    "<select><option>1</select><button>Go</button>x": "x",
    "<svg><path d='M0'/><text>no</text></svg>x": "x",
    "<noscript>no</noscript>x": "x",
    "x</p></div></body></html></nav>": "x",
    "": "",
    "<": "<",
    "</": "</",
    "x<a href='": "x",
}


@pytest.mark.parametrize(("page", "text"), PAGES.items(), ids=map(repr, PAGES))
def test_the_text_of_a_page(page: str, text: str) -> None:
    assert html_text(page)[1] == text


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("<title> A &amp;\n b </title><h1>H</h1>", "A & b"),
        ("<h1>The <em>first</em></h1><h1>second</h1>", "The first"),
        ("<title></title><h1>H</h1>", "H"),
        ("<svg><title>icon</title></svg><title>page</title>", "page"),
        ("<title>one</title><title>two</title>", "one"),
        ("<p>none", ""),
    ],
)
def test_the_title_of_a_page(page: str, title: str) -> None:
    assert html_text(page)[0] == title


def test_the_title_is_no_part_of_the_text_and_a_heading_is() -> None:
    assert html_text("<title>T</title><h1>H</h1><p>x") == ("T", "H\n\nx", (Heading(0, 1, 1),))


@given(st.lists(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1), min_size=1))
def test_escaped_words_come_back(words: list[str]) -> None:
    assert html_text("<p>" + " ".join(f"<i>{escape(word)}</i>" for word in words)) == ("", " ".join(words), ())


HEADED = {
    "<h1>A</h1><p>x<h2>B <em>b</em></h2>y<h6>C": [(1, "A"), (2, "B b"), (6, "C")],
    "<h2>never closed<p>x<h3>C<div>c</div></h3>": [(2, "never closed"), (3, "C\nc")],
    "<h2> <a href=x>#</a> A<br>B </h2>x": [(2, "# A\nB")],
    "<h2></h2><h3> </h3><h4>&nbsp;</h4>x": [],
    "<nav><h2>Menu</h2></nav><h2>A</h2>x<footer><h2>Links</h2></footer>": [(2, "A")],
    "<h1>out</h1><main>a<h2>in</h2>b</main><h3>out</h3>": [(2, "in")],
    "<p>text</p> &nbsp; <h2>A</h2>": [(2, "A")],
    "<table><tr><td>a<td><h3>B</h3></table>": [(3, "B")],
    "<pre>code <h2>no</h2></pre><h2 hidden>no</h2>": [],
    "<nav><h2>all of it</h2></nav>": [(2, "all of it")],
}


@pytest.mark.parametrize(("page", "headings"), HEADED.items(), ids=map(repr, HEADED))
def test_headings_are_told_beside_the_text(page: str, headings: list[tuple[int, str]]) -> None:
    read = html_text(page)
    assert [(level, read.text[start:end]) for start, end, level in read.headings] == headings


TAG_NAMES = "p div nav main article pre title h1 h2 h3 script li td svg footer header b textarea select"
TAGS = st.sampled_from(TAG_NAMES.split())
MARKUP = st.lists(
    st.builds("<{}>".format, TAGS)
    | st.builds("</{}>".format, TAGS)
    | st.sampled_from(["<!--", "-->", "<", ">", "<a b='", '"', "&amp;", "&", "<br>", " ", "\n", "</", "<p hidden>"])
    | st.text(max_size=5),
    max_size=40,
).map("".join)


@given(MARKUP)
def test_any_markup_gives_clean_text(page: str) -> None:
    title, text, headings = html_text(page)
    assert (title, text, headings) == html_text(page)
    assert all(text[start:end].strip() and text[:start].endswith(("\n", "")[not start]) for start, end, _ in headings)
    assert all(a.end < b.start for a, b in pairwise(headings))
    assert text == text.strip()
    assert "\n" not in title
    if not re.search("<pre", page, re.IGNORECASE):
        assert not re.search(r"\n{3,}|  | \n|\n ", re.sub(r"&\w+", "", text)) or "&" in page


# Each takes a quadratic parser hours at this size; the suite's time limit is the assertion.
@pytest.mark.parametrize(
    "unit",
    [
        "<!--",
        "<a ",
        "<a b='",
        "<a b='>' ",
        "</a",
        "<title>",
        "<script>",
        "<nav>",
        "<h2>x",
        "<h2><br>x",
        "<p hidden>",
        "&#",
        "<",
        "<!",
        "<pre>",
        "</p>",
        "= '",
    ],
)
def test_time_is_linear_in_the_page(unit: str) -> None:
    html_text(unit * 60_000)
    html_text(unit * 60_000 + ">")
