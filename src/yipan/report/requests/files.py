"""Forms and a dictionary written as one YAML file: read whole, every fault named with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import yaml
from django.utils.translation import gettext as _

from yipan.report.dictionary.conditions import ConditionWrong, circle, read_condition
from yipan.report.dictionary.definitions import (
    DECIMALS,
    MEASURES,
    MOST_DECIMALS,
    PERIODS,
    SOURCES,
    TIME_BASES,
    Definition,
)
from yipan.report.dictionary.formulas import FormulaWrong, read_formula
from yipan.report.dictionary.units import Conversion
from yipan.report.errors import FormsFileWrong, closest
from yipan.report.requests.fields import Field, Form, Spec, plain_cutoff

LARGEST = 32 * 1024 * 1024
SCALARS: Final = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?(?:[0-9]*\.[0-9]+|[0-9]+\.)(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
)
"""What is no text, by tag, pattern and first characters: 18:00 is no number of minutes, 010 no octal, `no` not false."""


def _plain_loader() -> Any:
    """Return a reader of YAML as 1.2 has it, in C where PyYAML was built so: fifty times as fast, and as safe."""
    loader: Any = type("Plain", (getattr(yaml, "CSafeLoader", yaml.SafeLoader),), {})
    loader.yaml_implicit_resolvers = {}
    for tag, pattern, first in SCALARS:
        loader.add_implicit_resolver(
            f"tag:yaml.org,2002:{tag}", re.compile(rf"^(?:{pattern})$"), first
        )
    return loader


LOADER: Final = _plain_loader()


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a file: where it stands (line, place in the layout) and what would be right."""

    place: str
    text: str
    where: str = ""  # file and line

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.place, self.text) if part)


@dataclass(frozen=True)
class FormsFile:
    """What a file of forms says."""

    title: str
    respondents: int
    dictionary: dict[str, Definition]
    forms: tuple[Form, ...]
    conversions: tuple[Conversion, ...]


def read_forms_file(path: Path) -> FormsFile:
    """Return the forms, dictionary and conversions of a file.

    Raises FormsFileWrong (R130) with every fault: what is missing, misspelt, said twice.
    """
    name = path.name
    try:
        if path.stat().st_size > LARGEST:
            limit = LARGEST // 1024 // 1024
            raise FormsFileWrong(name, [Fault(name, _("larger than %d MiB") % limit)])
        text = path.read_text(encoding="utf-8")
    except OSError as fault:
        raise FormsFileWrong(name, [Fault(name, fault.strerror or str(fault))]) from fault
    except UnicodeDecodeError as fault:
        said = _("byte %d is not UTF-8") % fault.start
        raise FormsFileWrong(name, [Fault(name, said)]) from fault
    return read_forms(text, name=name)


def read_forms(text: str, *, name: str) -> FormsFile:
    """Return what a text in the layout of forms says; see `read_forms_file`."""
    try:
        loaded = yaml.load(text, Loader=LOADER)
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        said = str(getattr(fault, "problem", "") or _("not YAML"))
        raise FormsFileWrong(name, [Fault(place, said)]) from fault
    reader = _Reader()
    whole = reader.mapping(loaded, "")
    dictionary = reader.dictionary(whole)
    reader.check_conditions(dictionary)
    forms = reader.forms(whole)
    conversions = reader.conversions(whole)
    if reader.faults:
        raise FormsFileWrong(name, _with_lines(reader.faults, text, name))
    meta = whole.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    return FormsFile(
        title=str(meta.get("title", "")),
        respondents=meta["respondents"] if isinstance(meta.get("respondents"), int) else 0,
        dictionary=dictionary,
        forms=tuple(forms),
        conversions=tuple(conversions),
    )


_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def _with_lines(faults: list[Fault], text: str, name: str) -> list[Fault]:
    """Return the faults with the line at which each stands, or its nearest surroundings do."""
    tree = yaml.compose(text, Loader=LOADER)
    return [replace(f, where=f"{name}:{_line_of(tree, f.place)}") for f in faults]


def _line_of(node: Any, place: str) -> int:
    line: int = node.start_mark.line + 1 if node is not None else 1
    for key, index in _STEP.findall(place):
        inner = None
        if isinstance(node, yaml.MappingNode):
            for name, value in node.value:
                if name.value == key:
                    inner, line = value, name.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and index and int(index) < len(node.value):
            inner = node.value[int(index)]
            line = inner.start_mark.line + 1
        if inner is None:
            break
        node = inner
    return line


class _Reader:
    """Reads the parts and gathers what is wrong with them."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def fault(self, place: str, text: str) -> None:
        self.faults.append(Fault(place or "/", text))

    # ---- pieces

    def mapping(self, value: Any, place: str) -> Mapping[str, Any]:
        if isinstance(value, dict):
            return value
        self.fault(place, _("must be a mapping of names to values"))
        return {}

    def items(
        self, whole: Mapping[str, Any], key: str, place: str = "", *, needed: bool
    ) -> Iterator[tuple[str, Any]]:
        value = whole.get(key)
        where = f"{place}.{key}" if place else key
        if value is None:
            if needed:
                near = closest(key, [str(k) for k in whole if k != key])
                self.fault(where, _("is missing") + (f" (≈ {near}?)" if near else ""))
            return
        if not isinstance(value, list):
            self.fault(where, _("must be a list"))
            return
        for i, item in enumerate(value):
            yield f"{where}[{i}]", item

    def text(self, of: Mapping[str, Any], key: str, place: str, *, needed: bool = False) -> str:
        value = of.get(key)
        if value is None or value == "":
            if needed:
                near = closest(key, [str(k) for k in of if k != key])
                self.fault(f"{place}.{key}", _("is missing") + (f" (≈ {near}?)" if near else ""))
            return ""
        if isinstance(value, dict | list):
            self.fault(f"{place}.{key}", _("must be a text"))
            return ""
        return str(value)

    def clock(self, of: Mapping[str, Any], key: str, place: str) -> str:
        """Return a time of day, such as 18:00 or 24:00 (T-1)."""
        said = self.text(of, key, place)
        plain = plain_cutoff(said)
        if plain is None:
            text = _("“%(value)s” is no time of day, such as 18:00 or 24:00 (T-1)")
            self.fault(f"{place}.{key}", text % {"value": said[:40]})
        return plain or ""

    def choice(
        self, of: Mapping[str, Any], key: str, place: str, known: tuple[str, ...], *, needed: bool
    ) -> str:
        value = self.text(of, key, place, needed=needed)
        if value and value not in known:
            words = ", ".join(k for k in known if k)
            near = closest(value, known)
            self.fault(
                f"{place}.{key}",
                _("“%(value)s” is not one of: %(words)s") % {"value": value[:40], "words": words}
                + (f" (≈ {near}?)" if near else ""),
            )
        return value

    def words(self, of: Mapping[str, Any], key: str, place: str) -> tuple[str, str]:
        """Return (zh, en); one language is enough for a person to read it."""
        value = of.get(key)
        if isinstance(value, str) and value:
            return value, value
        pair = self.mapping(value, f"{place}.{key}") if value is not None else {}
        zh = self.text(pair, "zh", f"{place}.{key}")
        en = self.text(pair, "en", f"{place}.{key}")
        if value is None or (isinstance(value, dict) and not (zh or en)):
            self.fault(f"{place}.{key}", _("is missing: give zh, en or both"))
        return zh or en, en or zh

    # ---- parts

    def dictionary(self, whole: Mapping[str, Any]) -> dict[str, Definition]:
        found: dict[str, Definition] = {}
        where: dict[str, str] = {}
        for place, item in self.items(whole, "dictionary", needed=True):
            row = self.mapping(item, place)
            name = self.text(row, "id", place, needed=True)
            if name in found:
                self.fault(place, _("the id “%(id)s” is at %(first)s already")
                           % {"id": name, "first": where[name]})  # fmt: skip
                continue
            where[name] = place
            found[name] = self.element(row, name, place)
        return found

    def element(self, row: Mapping[str, Any], name: str, place: str) -> Definition:
        source = self.choice(row, "source", place, SOURCES, needed=False)
        period = self.choice(row, "ask_period", place, PERIODS, needed=False)
        formula = self.text(row, "formula", place)
        if not source and not period and not formula:
            self.fault(place, _("needs a source, an ask_period or a formula"))
        if source == "derived" and not formula:
            self.fault(f"{place}.formula", _("is missing: a derived element is computed"))
        if formula:
            try:
                read_formula(formula)
            except FormulaWrong as wrong:
                self.fault(f"{place}.formula", str(wrong))
        sensitivity = row.get("sensitivity", 0)
        if not isinstance(sensitivity, int) or not 0 <= sensitivity <= 3:
            self.fault(f"{place}.sensitivity", _("must be 0, 1, 2 or 3"))
            sensitivity = 3
        measure = self.choice(row, "measure", place, MEASURES, needed=True)
        zh, en = self.text(row, "zh", place), self.text(row, "en", place)
        definition = row.get("definition")
        said = definition if isinstance(definition, dict) else {"zh": definition, "en": definition}
        return Definition(
            id=name,
            label_zh=zh or en or name,
            label_en=en or zh or name,
            concept=self.text(row, "concept", place) or name,
            measure=measure,
            time_basis=self.choice(row, "time_basis", place, TIME_BASES, needed=True),
            population=self.text(row, "population", place) or "all",
            unit=self.text(row, "unit", place),
            source=source,
            ask_period=period,
            formula=formula,
            system=self.text(row, "system", place),
            level=self.text(row, "level", place),
            owner=self.text(row, "owner", place),
            freshness=self.text(row, "freshness", place),
            sensitivity=sensitivity,
            legal_basis=self.text(row, "legal_basis", place),
            definition_zh=str(said.get("zh") or ""),
            definition_en=str(said.get("en") or ""),
            relevant=self.condition(row, place),
            decimals=self.decimals(row, place, measure),
        )

    def condition(self, row: Mapping[str, Any], place: str) -> str:
        text = self.text(row, "relevant", place)
        if text:
            try:
                read_condition(text)
            except ConditionWrong as wrong:
                self.fault(f"{place}.relevant", str(wrong))
                return ""
        return text

    def decimals(self, row: Mapping[str, Any], place: str, measure: str) -> int:
        places = row.get("decimals")
        if places is None:
            return DECIMALS.get(measure, 0)
        if (
            isinstance(places, bool)
            or not isinstance(places, int)
            or not 0 <= places <= MOST_DECIMALS
        ):
            self.fault(
                f"{place}.decimals", _("must be a whole number from 0 to %d") % MOST_DECIMALS
            )
            return 0
        return places

    def check_conditions(self, dictionary: Mapping[str, Definition]) -> None:
        """Refuse a condition that names no element, one in words, or goes in a circle."""
        rows = {name: f"dictionary[{i}].relevant" for i, name in enumerate(dictionary)}
        for name, element in dictionary.items():
            if not element.relevant:
                continue
            inputs = read_condition(element.relevant).inputs
            for other in sorted(inputs):
                if other not in dictionary:
                    near = closest(other, list(dictionary))
                    said = _("names “%s”, which is no element of the dictionary") % other
                    self.fault(rows[name], said + (f" (≈ {near}?)" if near else ""))
                elif dictionary[other].measure in ("text", "list", "attr", "date"):
                    self.fault(
                        rows[name],
                        _("compares “%s”, which is not answered with a number") % other,
                    )
        round_ = circle({n: e.relevant for n, e in dictionary.items()})
        if round_:
            self.fault(rows[round_[0]], _("goes in a circle: %s") % " → ".join(round_))

    def forms(self, whole: Mapping[str, Any]) -> list[Form]:
        found: list[Form] = []
        seen: dict[str, str] = {}
        codes: dict[str, str] = {}
        for place, item in self.items(whole, "forms", needed=True):
            row = self.mapping(item, place)
            code = self.text(row, "code", place, needed=True)
            if code and codes.setdefault(code, place) != place:
                self.fault(place, _("the code “%(id)s” is at %(first)s already")
                           % {"id": code, "first": codes[code]})  # fmt: skip
            department = self.words(row, "department", place)
            title = self.words(row, "title", place)
            fields = []
            for inner, x in self.items(row, "fields", place, needed=True):
                field = self.field(self.mapping(x, inner), inner, row)
                if field.id and seen.setdefault(field.id, inner) != inner:
                    self.fault(inner, _("the id “%(id)s” is at %(first)s already")
                               % {"id": field.id, "first": seen[field.id]})  # fmt: skip
                fields.append(field)
            found.append(
                Form(
                    code=code,
                    department_zh=department[0],
                    department_en=department[1],
                    title_zh=title[0],
                    title_en=title[1],
                    frequency=self.text(row, "frequency", place) or "daily",
                    cutoff=self.clock(row, "data_cutoff", place),
                    deadline=self.clock(row, "deadline", place),
                    level=self.text(row, "respondent_level", place),
                    fields=tuple(fields),
                )
            )
        return found

    def field(self, row: Mapping[str, Any], place: str, form: Mapping[str, Any]) -> Field:
        name = self.text(row, "id", place, needed=True)
        zh, en = self.words(row, "label", place)
        if row.get("spec") is None:
            self.fault(f"{place}.spec", _("is missing: what the requester confirmed"))
            return Field(name, zh, en, Spec("", "", "", ""))
        spec = self.mapping(row["spec"], f"{place}.spec")
        inner = f"{place}.spec"
        return Field(
            id=name,
            label_zh=zh,
            label_en=en,
            spec=Spec(
                concept=self.text(spec, "concept", inner, needed=True),
                population=self.text(spec, "population", inner) or "all",
                measure=self.choice(spec, "measure", inner, MEASURES, needed=True),
                time_basis=self.choice(spec, "time_basis", inner, TIME_BASES, needed=True),
                unit=self.text(spec, "unit", inner),
                cutoff=self.clock(spec, "cutoff", inner),
                definition=self.text(spec, "definition", inner),
                level=self.text(form, "respondent_level", inner),
            ),
        )

    def conversions(self, whole: Mapping[str, Any]) -> list[Conversion]:
        found = []
        for place, item in self.items(whole, "conversions", needed=False):
            row = self.mapping(item, place)
            factor = row.get("factor")
            if isinstance(factor, bool) or not isinstance(factor, int | float) or not factor > 0:
                self.fault(f"{place}.factor", _("must be a number above 0"))
                continue
            found.append(
                Conversion(
                    self.text(row, "from", place, needed=True),
                    self.text(row, "to", place, needed=True),
                    float(factor),
                    self.text(row, "note", place),
                )
            )
        return found
