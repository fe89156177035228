"""CLIP's own tokenizer (OpenAI's file, as open_clip carries it, with ftfy) and `longclip tokenize` give the same ids for every text."""

import json

import pytest
from conftest import data_folder, report, run

open_clip_tokenizer = pytest.importorskip("open_clip.tokenizer")

CONTEXT = 248
END = 49407
MISREAD = ["latin-1", "windows-1252", "windows-1251", "macroman", "cp437", "iso-8859-2", "sloppy-windows-1252"]


def texts_of(name):
    path = (data_folder() or pytest.skip("needs the texts of LONGCLIP_DATA_DIR, which are not here")) / "text" / name
    if path.suffix == ".jsonl":
        return [json.loads(line)["text"] for line in path.read_text("utf-8").split("\n")[:-1]]
    parsed = json.loads(path.read_text("utf-8"))
    return [test["input"] for test in parsed["tests"]] if isinstance(parsed, dict) else [t if isinstance(t, str) else t["original"] for t in parsed]


def misread(text, encoding):
    """The text as a program shows it that takes its UTF-8 for another encoding; twice is what two such programs make."""
    return text.encode("utf-8").decode(encoding, "replace")


@pytest.fixture(scope="module")
def assert_same_ids(tmp_path_factory):
    tokenizer = open_clip_tokenizer.SimpleTokenizer(context_length=CONTEXT, clean="lower")
    path = tmp_path_factory.mktemp("texts") / "texts.jsonl"

    def check(texts):
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        ours = [json.loads(line)["ids"] for line in run("tokenize", path, "--json").stdout.split("\n")[:-1]]
        assert len(ours) == len(texts)
        for text, ids in zip(texts, ours, strict=True):
            theirs = tokenizer(text)[0].tolist()
            assert ids == theirs[: theirs.index(END) + 1], text
        report(f"{len(texts)} texts, same ids")

    return check


@pytest.mark.parametrize("name", ["blns.json", "ftfy/known-failures.json", "ftfy/language-names.json", "ftfy/synthetic.json", "ftfy/negative.json",
                                  "ftfy/in-the-wild.json", "html5lib/entities.test", "html5lib/namedEntities.test", "html5lib/numericEntities.test"])
def test_hostile_texts_have_the_same_ids(assert_same_ids, name):
    assert_same_ids(texts_of(name))


@pytest.mark.parametrize("name", ["multilingual_short.jsonl", "long_captions.jsonl"])
def test_real_captions_have_the_same_ids(assert_same_ids, name):
    assert_same_ids(texts_of(name)[::5])


@pytest.mark.parametrize("encoding", MISREAD)
def test_mojibake_has_the_same_ids(assert_same_ids, encoding):
    once = [misread(text, encoding) for text in texts_of("multilingual_short.jsonl")[::40]]
    assert_same_ids(once + [misread(text, encoding) for text in once[::5]])
