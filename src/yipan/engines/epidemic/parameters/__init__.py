"""Diseases as data: each figure with its unit, range and source; a course that names the figures."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import ArrayLike

from yipan.engines.checks import Floats
from yipan.engines.epidemic.course import Branch, Course, Delay, Redirect, Stage
from yipan.engines.errors import MalformedParameters
from yipan.kernel.errors import YipanError

OPERATORS: dict[type[ast.operator], Callable[[Floats, Floats], Floats]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}
REST = "rest"
HOME = "home"


@dataclass(frozen=True)
class Figure:
    """One number of a disease, or one by age, with what a reader needs to doubt it.

    `bands`: youngest year of each band; empty where the figure is one number. `low`, `high`: the range
    found in the literature. `steps`: of the Erlang distribution, where the figure is a duration.
    """

    name: str
    values: tuple[float, ...]
    bands: tuple[int, ...]
    unit: str
    low: float
    high: float
    source: str
    note: str = ""
    steps: int = 1

    def by_age(self, youngest: Sequence[int]) -> Floats:
        """Return the figure for age groups given by their youngest year, shape (age,)."""
        if not self.bands:
            return np.full(len(youngest), self.values[0])
        place = np.searchsorted(self.bands, youngest, side="right") - 1
        return np.array(self.values)[np.maximum(place, 0)]


@dataclass(frozen=True)
class Parameters:
    """A disease: its figures, and the course and redirects built on them."""

    disease: str
    names: Mapping[str, str]
    figures: Mapping[str, Figure]
    sources: Mapping[str, str]
    stages: Mapping[str, Mapping[str, Any]]
    turns: Mapping[str, Mapping[str, str]]

    def __getitem__(self, name: str) -> Figure:
        """Return a figure; raises MalformedParameters (E808) if the disease has none of that name."""
        if name not in self.figures:
            raise MalformedParameters(
                f"{self.disease} has no figure “{name}”.", where=f"{self.disease}.figures"
            )
        return self.figures[name]

    def value(self, name: str) -> float:
        """Return a figure that is one number; raises MalformedParameters (E808) if it is not."""
        figure = self[name]
        if figure.bands:
            raise MalformedParameters(
                f"{name} is given by age.", where=f"{self.disease}.figures.{name}"
            )
        return figure.values[0]

    def with_values(self, **changes: float) -> Parameters:
        """Return the same disease with other values of some one-number figures (sensitivity, fitting)."""
        figures = dict(self.figures)
        for name, value in changes.items():
            self.value(name)
            figures[name] = Figure(**{**vars(self[name]), "values": (float(value),)})
        return Parameters(**{**vars(self), "figures": figures})

    def scaled(self, factor: float, names: Sequence[str]) -> Parameters:
        """Return the same disease with those of some figures that it has multiplied, whole and by age."""
        figures = dict(self.figures)
        for name in names:
            if name in figures:
                values = tuple(factor * v for v in figures[name].values)
                figures[name] = Figure(**{**vars(figures[name]), "values": values})
        return Parameters(**{**vars(self), "figures": figures})

    def susceptibility(self, ages: Sequence[str]) -> Floats:
        """Return relative susceptibility by age, shape (age,); ones where the disease has no such figure."""
        if "susceptibility" not in self.figures:
            return np.ones(len(ages))
        return self["susceptibility"].by_age(youngest_years(ages))

    def course(self, ages: Sequence[str], settings: Sequence[str]) -> Course:
        """Return the course for these age groups ("0-4" … "75+") and settings.

        `away_from_home` becomes the presence in every setting but home. Shares by arithmetic are kept
        within [0, 1]. Raises MalformedParameters (E808), MalformedCourse (E811).
        """
        youngest = youngest_years(ages)
        return Course(tuple(self._stage(n, youngest, settings) for n in self.stages))

    def redirect(self, name: str, share: ArrayLike) -> Redirect:
        """Return the response `name` (detection, tracing) with its share by (day, place) or one number."""
        if name not in self.turns:
            raise MalformedParameters(
                f"{self.disease} has no redirect “{name}”.", where=f"{self.disease}.redirects"
            )
        turn = self.turns[name]
        return Redirect(turn["at"], turn["to"], np.asarray(share, dtype=np.float64))

    def _stage(self, name: str, youngest: Sequence[int], settings: Sequence[str]) -> Stage:
        said = self.stages[name]
        delay = None
        if "lasts" in said:
            figure = self[str(said["lasts"])]
            delay = Delay(self.value(figure.name), figure.steps)
        presence = {}
        if "away_from_home" in said:
            left = self._number(said["away_from_home"], youngest, name)
            presence = {s: left for s in settings if s != HOME}
        return Stage(
            name=name,
            delay=delay,
            branches=self._branches(name, said.get("next", {}), youngest),
            infectivity=self._number(said.get("infectivity", 0), youngest, name),
            presence=presence,
            counts=frozenset(said.get("counts", ())),
        )

    def _branches(
        self, name: str, said: Mapping[str, Any], youngest: Sequence[int]
    ) -> tuple[Branch, ...]:
        where = f"{self.disease}.course.{name}.next"
        shares = {
            to: np.clip(self._evaluate(share, youngest, where), 0.0, 1.0)
            for to, share in said.items()
            if share != REST
        }
        rests = [to for to, share in said.items() if share == REST]
        left = 1.0 - sum(shares.values(), np.zeros(len(youngest)))
        if said and (len(rests) != 1 or left.min() < -1e-9):
            raise MalformedParameters(
                f"Exactly one branch takes the rest, and the others sum to at most 1; found {dict(said)}.",
                where=where,
            )
        shares |= {to: np.maximum(left, 0.0) for to in rests}
        return tuple(Branch(to, tuple(shares[to].tolist())) for to in said)

    def _number(self, said: Any, youngest: Sequence[int], name: str) -> float:
        values = self._evaluate(said, youngest, f"{self.disease}.course.{name}")
        if values.size and np.ptp(values) > 0:
            raise MalformedParameters(
                f"{said} varies with age; here one number is needed.",
                where=f"{self.disease}.course.{name}",
            )
        return float(values[0])

    def _evaluate(self, said: Any, youngest: Sequence[int], where: str) -> Floats:
        """Return a number, a figure, or arithmetic on figures, by age; 0 / 0 is 0."""
        try:
            tree = ast.parse(str(said), mode="eval").body
        except SyntaxError as error:
            raise MalformedParameters(f"“{said}” is no arithmetic.", where=where) from error
        return self._walk(tree, youngest, where)

    def _walk(self, node: ast.expr, youngest: Sequence[int], where: str) -> Floats:
        if isinstance(node, ast.Name):
            return self[node.id].by_age(youngest)
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return np.full(len(youngest), float(node.value))
        if isinstance(node, ast.BinOp):
            left = self._walk(node.left, youngest, where)
            right = self._walk(node.right, youngest, where)
            if isinstance(node.op, ast.Div):
                return np.divide(left, right, out=np.zeros_like(left), where=right != 0)
            if type(node.op) in OPERATORS:
                return OPERATORS[type(node.op)](left, right)
        raise MalformedParameters(
            f"“{ast.unparse(node)}” is not a figure, a number, or + − × ÷ of them.", where=where
        )


def youngest_years(ages: Sequence[str]) -> tuple[int, ...]:
    """Return the youngest year of each age group named like "5-9" or "75+".

    >>> youngest_years(("0-4", "75+"))
    (0, 75)
    """
    try:
        return tuple(int(a.rstrip("+").split("-")[0]) for a in ages)
    except ValueError as error:
        raise MalformedParameters(
            f"Age groups are named by years, like 5-9 or 75+; found {list(ages)}.", where="ages"
        ) from error


def diseases() -> tuple[str, ...]:
    """Return the names of the parameter sets that ship."""
    here = files(__package__)
    return tuple(
        sorted(f.name.removesuffix(".yaml") for f in here.iterdir() if f.name.endswith(".yaml"))
    )


@lru_cache
def load_parameters(disease: str) -> Parameters:
    """Return a parameter set that ships, by its name; raises MalformedParameters (E808).

    >>> load_parameters("sars_cov_2_wild")["latent_days"].unit
    'days'
    """
    if disease not in diseases():
        raise MalformedParameters(
            f"There is no parameter set “{disease}”.",
            where="disease",
            remedy=f"There are {', '.join(diseases())}.",
        )
    text = (files(__package__) / f"{disease}.yaml").read_text(encoding="utf-8")
    return read_parameters(text, where=disease)


def load_parameter_file(path: Path) -> Parameters:
    """Return a parameter set of one's own from a YAML file in the same form."""
    return read_parameters(path.read_text(encoding="utf-8"), where=path.name)


def read_parameters(text: str, *, where: str) -> Parameters:
    """Return the parameter set a YAML text holds; raises MalformedParameters (E808)."""
    try:
        said = yaml.safe_load(text)
        sources = {str(k): str(v) for k, v in said["sources"].items()}
        figures = {n: _figure(n, f, sources, where) for n, f in said["figures"].items()}
        return Parameters(
            disease=str(said["disease"]),
            names=said["name"],
            figures=figures,
            sources=sources,
            stages=said["course"],
            turns=said.get("redirects") or {},
        )
    except YipanError:
        raise
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise MalformedParameters(
            f"The parameter set cannot be read: {error!r}.",
            where=where,
            remedy="It needs disease, name, sources, figures and course; see the sets that ship.",
        ) from error


def _figure(name: str, said: Mapping[str, Any], sources: Mapping[str, str], where: str) -> Figure:
    bands = said.get("by_age", {})
    values = tuple(float(v) for v in bands.values()) if bands else (float(said["value"]),)
    low, high = (float(v) for v in said["range"])
    source = str(said["source"])
    at = f"{where}.figures.{name}"
    if source not in sources:
        raise MalformedParameters(f"Its source “{source}” is not listed.", where=at)
    if not low <= min(values) <= max(values) <= high:
        raise MalformedParameters(
            f"Its value {min(values):g} … {max(values):g} is outside its range {low:g} … {high:g}.",
            where=at,
        )
    if list(bands) != sorted(bands):
        raise MalformedParameters("Its age bands are not in order.", where=at)
    return Figure(
        name=name,
        values=values,
        bands=tuple(int(b) for b in bands),
        unit=str(said["unit"]),
        low=low,
        high=high,
        source=source,
        note=str(said.get("note", "")),
        steps=int(said.get("steps", 1)),
    )
