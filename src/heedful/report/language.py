"""The languages of the report: every text by its key, and translations of the sentences that other rooms write."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from heedful.errors import unknown

_FOLDER = files("heedful.report") / "languages"
_MINUS = re.compile(r"(?<![\w.])-(?=\d)")


@dataclass(frozen=True, kw_only=True)
class Language:
    """The texts of one language.

    `texts` are the report's own, by keys such as "scores.title". `told` are those for what other rooms found in
    structured form, `sentences` those for what they say in English; both are empty in English, where their own words
    stand. `fonts` go before the last font of a list, `locale` is what plotly's own buttons and dates are in.
    """

    code: str
    fonts: str
    texts: Mapping[str, str]
    told: Mapping[str, str] = field(default_factory=dict)
    sentences: tuple[tuple[re.Pattern[str], str], ...] = ()
    locale: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, key: str, /, **slots: Any) -> str:
        """Gives a text with its slots filled in; a `count` of one takes the text of one where there is such.

        >>> language("en")("units.minute", count=15), language("en")("units.minute", count=1)
        ('15 minutes', '1 minute')
        """
        return self._of(key, slots).format(**slots)

    def html(self, key: str, /, **slots: Any) -> Markup:
        """Gives a text that may hold HTML; what fills its slots is made safe.

        >>> language("en").html("parts.line", name="<i>", count=3)
        Markup('<b>&lt;i&gt;</b>, 3 rows')
        """
        return Markup(self._of(key, slots)).format(**slots)

    def named(self, group: str, word: str) -> str:
        """Gives the text of a word of a group; the word itself where there is none.

        >>> language("zh").named("dimensions", "channel"), language("zh").named("dimensions", "other_channel")
        ('通道', 'other_channel')
        """
        return self.texts.get(f"{group}.{word}", word)

    def sentence(self, text: str) -> str:
        """Translates an English sentence of another room, with true minus signs; one that is not known stays.

        >>> language("zh").sentence("The best model of the table is a baseline: ridge.")
        '表中最佳的模型是一个基线：ridge。'
        >>> language("en").sentence("skill -0.100")
        'skill −0.100'
        """
        for pattern, translated in self.sentences:
            if found := pattern.fullmatch(text):
                return signed(translated.format(**found.groupdict()))
        return signed(text)

    def _of(self, key: str, slots: Mapping[str, Any]) -> str:
        alone = f"{key}_one"
        return self.texts[alone if slots.get("count") == 1 and alone in self.texts else key]


def signed(text: str) -> str:
    """Writes the negative numbers of a text with true minus signs; hyphens stay.

    >>> signed("cnn-2 -1.2 % [-3.1, +0.8] on 2021-03-14")
    'cnn-2 −1.2 % [−3.1, +0.8] on 2021-03-14'
    """
    return _MINUS.sub("−", text)


def languages() -> list[str]:
    """Lists the languages that a report can be written in.

    >>> languages()
    ['en', 'zh']
    """
    return sorted(entry.name.removesuffix(".toml") for entry in _FOLDER.iterdir() if entry.name.endswith(".toml"))


@cache
def language(name: str) -> Language:
    """Reads a language by its code.

    Raises: UnknownName for a language that is not there.

    >>> language("zh")("scores.baseline")
    '基线'
    """
    if name not in languages():
        raise unknown("language", name, languages())
    read = tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    code, fonts, locale = read.pop("code"), read.pop("fonts"), read.pop("locale", {})
    sentences = tuple((_pattern(one["en"]), one[name]) for one in read.pop("sentences", ()))
    told = _flat(read.pop("told", {}))
    return Language(code=code, fonts=fonts, texts=_flat(read), told=told, sentences=sentences, locale=locale)


def _pattern(sentence: str) -> re.Pattern[str]:
    """Turns an English sentence with slots into what finds it."""
    parts = re.split(r"\{(\w+)\}", sentence)
    return re.compile("".join(f"(?P<{p}>.+)" if i % 2 else re.escape(p) for i, p in enumerate(parts)), re.DOTALL)


def _flat(table: Mapping[str, Any], before: str = "") -> dict[str, str]:
    """Joins the keys of nested tables by dots."""
    found: dict[str, str] = {}
    for key, value in table.items():
        found |= _flat(value, f"{before}{key}.") if isinstance(value, Mapping) else {f"{before}{key}": value}
    return found
