"""docs/how-it-works.md in both languages: the server sends what the documents show, their Python programs print what they show, and both
have the same blocks."""

import re

import pytest
from exchanges import RULES, Fault, Player, blocks_of, output_of, programs_of
from support import SOURCE_DIR

ENGLISH = SOURCE_DIR / "docs" / "how-it-works.md"
KOREAN = SOURCE_DIR / "docs" / "how-it-works.ko.md"
BOTH = pytest.mark.parametrize("document", [ENGLISH, KOREAN], ids=["english", "korean"])


@BOTH
def test_the_server_sends_the_bytes_that_are_shown(start_chatd, tmp_path, document):
    player = Player(start_chatd, tmp_path)
    player.play(document.read_text())
    assert player.counts["http"] > 40 and player.counts["hex"] > 6, player.counts
    assert player.counts["frames"] > 10 and player.counts["stomp"] > 4, player.counts


@BOTH
def test_the_python_programs_print_what_is_shown(document):
    programs = list(programs_of(document.read_text()))
    assert len(programs) == 2
    for program, shown, _ in programs:
        assert output_of(program) == shown


@pytest.mark.parametrize(
    "shown, wrong",
    [
        ("S: HTTP/1.1 304 Not Modified", "S: HTTP/1.1 200 OK"),
        ("Content-Length: 94", "Content-Length: 95"),
        ("S: 81 05 48 65 6c 6c 6f              #", "S: 81 05 48 65 6c 6c 70              #"),
        ("S: 437[", "S: 438["),
        ("S: mood:cheerful", "S: mood:gloomy"),
        ("S: a4\\r\\n", "S: a5\\r\\n"),
    ],
)
def test_a_wrong_byte_is_found(start_chatd, tmp_path, shown, wrong):
    text = ENGLISH.read_text()
    assert shown in text
    with pytest.raises(Fault):
        Player(start_chatd, tmp_path).play(text.replace(shown, wrong, 1))


@BOTH
def test_the_document_names_the_rules(document):
    table = re.search(r"(?:^\|.*\n)+", document.read_text(), re.MULTILINE).group(0)
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(RULES)


def test_both_languages_have_the_same_blocks():
    english, korean = (
        [(block.kind, block.name, block.text) for block in blocks_of(path.read_text()) if block.kind != "chapter"]
        for path in (ENGLISH, KOREAN)
    )
    for number, (first, second) in enumerate(zip(english, korean)):
        assert first == second, f"block {number + 1}"
    assert len(english) == len(korean)


def test_both_languages_have_the_same_parts():
    def parts(path):
        text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
        return {
            "headings": re.findall(r"^#+ ", text, re.MULTILINE),
            "rows": len(re.findall(r"^\|", text, re.MULTILINE)),
            "links": sorted(set(re.findall(r"\]\((?!how-it-works)([^)#]+)", text))),
        }

    assert parts(ENGLISH) == parts(KOREAN)
