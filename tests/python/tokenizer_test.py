"""transformers' CLIPTokenizer and `longclip tokenize` give the same ids.

Only for texts on which transformers' own rules agree with CLIP's: it repairs no mojibake, keeps HTML entities, and
lower-cases a Greek final sigma otherwise. So: ASCII without `&`, and accents that are already composed.
"""

import json

import pytest
from conftest import SOURCE, data_folder, report, run
from transformers import CLIPTokenizer


@pytest.fixture(scope="module")
def assert_same_ids(exported, tmp_path_factory):
    tokenizer = CLIPTokenizer.from_pretrained(exported("hf"))
    path = tmp_path_factory.mktemp("texts") / "texts.jsonl"

    def check(texts):
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        ours = [json.loads(line) for line in run("tokenize", path, "--json").stdout.splitlines()]
        theirs = tokenizer(texts, truncation=True)["input_ids"]
        assert len(ours) == len(texts)
        for row, ids, text in zip(ours, theirs, texts, strict=True):
            assert row["ids"] == ids, text
        report(f"{len(texts)} texts, {sum(row['truncated'] for row in ours)} of them cut, same ids")

    return check


def test_words_numbers_signs_and_accents_have_the_same_ids(assert_same_ids, captions):
    signs = [
        "",
        " Two   spaces,\ta tab and A CAPITAL ",
        "it's, we'll, they've; 'quoted' \"words\" (and brackets) [42] {x} <y>",
        "1234567890 3.14159 10,000 50% $5 #7 @home a_b a-b a/b a\\b a*b a+b=c ~ ^ | ` ?!...",
        "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis zzzzqqqq",
        "Crème brûlée, Ångström, naïve señor, Übergröße, Łódź, Dvořák",
        "привет мир, 你好世界, こんにちは, שלום, مرحبا",
        "😀 🚀 👍 ★ → ½ ² € £",
    ]
    assert_same_ids(signs + captions)


def test_real_long_captions_have_the_same_ids(assert_same_ids):
    path = (data_folder() or SOURCE) / "text" / "long_captions.jsonl"
    if not path.exists():
        pytest.skip("needs text/long_captions.jsonl (LONGCLIP_DATA_DIR), which is not here")
    texts = [json.loads(line)["text"] for line in path.read_text().splitlines()[::4]]
    clean = [text for text in texts if text.isascii() and "&" not in text]
    assert len(clean) > len(texts) / 2
    assert_same_ids(clean)
