"""Three invented forms of an invented country with a dictionary of its own, for compiling."""

from __future__ import annotations

from dataclasses import replace

from yipan.report.dictionary.definitions import Definition
from yipan.report.requests.fields import Field, Form, Spec


def element(name: str, measure: str = "stock", **more: object) -> Definition:
    """Return an element asked daily unless a source is given."""
    basis = "interval" if measure in ("flow", "need", "text") else "instant"
    given: dict[str, object] = {
        "ask_period": "" if "source" in more else "daily",
        "concept": name,
        **more,
    }
    return Definition(
        id=name,
        label_zh=f"元{name}",
        label_en=name.replace("_", " "),
        measure=measure,
        time_basis=basis,
        **given,  # type: ignore[arg-type]
    )


DICTIONARY = {
    e.id: e
    for e in (
        element("village", "attr", source="registry"),
        element("residents", source="registry", unit="person"),
        element("arrivals", "flow", source="person", unit="person"),
        element("arrivals_sea", "flow", source="person", unit="person"),
        element("arrivals_land", "flow", source="derived", formula="arrivals-arrivals_sea"),
        element("boats", source="place", unit="boat"),
        element("cases", "cum", source="external", system="lab"),
        element("flags", source="reject"),
        element("soap", unit="kg"),
        element(
            "soap_used", "flow", source="derived", formula="soap[t-1]+received-soap[t]", unit="kg"
        ),
        element("guards"),
        element("guards_night"),
        element("guards_day", formula="guards-guards_night"),
        element("worry", "text"),
        element("rice_days", ask_period="weekly"),
        element("rice_mystery", "rate", source="derived", formula="rice_days/nobody_knows"),
    )
}


def field(name: str, of: str, **changes: str) -> Field:
    """Return a field that asks for an element as it is, but for `changes` of its spec."""
    known = DICTIONARY[of]
    spec = Spec(
        concept=known.concept,
        population=known.population,
        measure=known.measure,
        time_basis=known.time_basis,
        unit=known.unit,
    )
    return Field(name, f"栏{name}", name, replace(spec, **changes))


def form(code: str, *fields: Field, frequency: str = "daily") -> Form:
    """Return a form with these fields."""
    return Form(
        code, f"部{code}", code, f"表{code}", code, frequency, "18:00", "20:00", "village", fields
    )


FORMS = (
    form(
        "HE",
        field("HE1", "village"),
        field("HE2", "arrivals", cutoff="08:00"),
        field("HE3", "cases"),
        field("HE4", "soap", cutoff="18:00"),
        field("HE5", "worry"),
    ),
    form(
        "TR",
        field("TR1", "village"),
        field("TR2", "guards", cutoff="16:00"),
        field("TR3", "guards_night"),
        field("TR4", "guards_day"),
        field("TR5", "arrivals_land"),
        field("TR6", "arrivals", population="sailors"),
        field("TR7", "flags"),
    ),
    form(
        "SU",
        field("SU1", "soap", unit="t", cutoff="12:00"),
        field("SU2", "soap_used", cutoff="12:00"),
        field("SU3", "soap", population="schools"),
        field("SU4", "guards", definition="those with a gun"),
        field("SU5", "rice_days"),
        field("SU6", "rice_mystery"),
        field("SU7", "soap", concept="salt"),
        field("SU8", "boats", unit="kg"),
    ),
)
