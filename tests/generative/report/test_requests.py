"""Laws of the compiler over random sets of requests."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from yipan.report.dictionary.definitions import Definition
from yipan.report.forms.compiler import Compiled, How, compile_forms, cost_of
from yipan.report.forms.hypergraph import closure
from yipan.report.requests.fields import Field, Form, Spec

NAMES = [f"e{i:02d}" for i in range(12)]


@st.composite
def dictionaries(draw: st.DrawFn) -> dict[str, Definition]:
    """Elements from every source, with formulas that may overlap, conflict and go in circles."""
    found = {}
    for name in NAMES:
        kind = draw(
            st.sampled_from(["daily", "daily", "daily", "weekly", "person", "external", "reject"])
        )
        formula = ""
        if draw(st.booleans()) and kind != "reject":
            parts = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
            signs = draw(st.lists(st.sampled_from("+-"), min_size=3, max_size=3))
            formula = parts[0] + "".join(
                f"{sign}{part}" for sign, part in zip(signs, parts[1:], strict=False)
            )
        asked = kind in ("daily", "weekly")
        found[name] = Definition(
            id=name,
            label_zh=name,
            label_en=name,
            concept=name,
            measure="stock",
            time_basis="instant",
            source="" if asked else kind,
            ask_period=kind if asked else "",
            formula="" if name in formula else formula,
        )
    return found


@st.composite
def requests(draw: st.DrawFn) -> tuple[dict[str, Definition], list[Form]]:
    """A dictionary and some departments' forms over it, a few fields off the known meaning."""
    dictionary = draw(dictionaries())
    forms = []
    for i in range(draw(st.integers(1, 4))):
        fields = []
        for j in range(draw(st.integers(1, 6))):
            name = draw(st.sampled_from([*NAMES, "unheard_of"]))
            population = draw(st.sampled_from(["all", "all", "all", "students"]))
            definition = draw(st.sampled_from(["", "", "", "otherwise"]))
            cutoff = draw(st.sampled_from(["", "18:00", "08:00"]))
            spec = Spec(name, population, "stock", "instant", "", cutoff, definition)
            fields.append(Field(f"F{i}.{j}", "x", "x", spec))
        forms.append(Form(f"F{i}", "d", "d", "t", "t", "daily", "", "", "", tuple(fields)))
    return dictionary, forms


def cost(compiled: Compiled) -> int:
    return sum(cost_of(e) for e in compiled.asked)


@given(requests())
@settings(max_examples=150, deadline=None)
def test_never_more_is_asked_than_the_union_and_every_met_field_follows(
    case: tuple[dict[str, Definition], list[Form]],
) -> None:
    dictionary, forms = case
    compiled = compile_forms(forms, dictionary)
    requested = {
        o.element.id for o in compiled.outcomes if o.element is not None and o.how is not How.RULING
    }
    union = [dictionary[n] for n in requested if dictionary[n].askable]
    unasked = [n for n in requested if not dictionary[n].askable]
    if all(n in compiled.solution.by or dictionary[n].source for n in unasked):
        # Asking the union itself meets all of it, unless something derived needs more.
        reached, _by = closure(
            [*(e.id for e in union), *(n for n, e in dictionary.items() if e.from_register or e.source == "external")],
            compiled.solution.by.values(),
        )  # fmt: skip
        if requested - {n for n in requested if dictionary[n].source == "reject"} <= reached:
            assert cost(compiled) <= sum(cost_of(e) for e in union)
    given_free = [n for n, e in dictionary.items() if e.from_register or e.source == "external"]
    known, _by = closure([*given_free, *compiled.solution.asked], compiled.solution.by.values())
    for o in compiled.outcomes:
        if o.met:
            assert o.element is not None
            assert o.element.id in known


@given(requests(), st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
def test_the_order_of_arrival_changes_nothing(
    case: tuple[dict[str, Definition], list[Form]], rng: object
) -> None:
    dictionary, forms = case
    first = compile_forms(forms, dictionary)
    mixed = [
        replace(f, fields=tuple(rng.sample(f.fields, len(f.fields))))  # type: ignore[attr-defined]
        for f in rng.sample(forms, len(forms))  # type: ignore[attr-defined]
    ]
    again = compile_forms(mixed, {n: dictionary[n] for n in rng.sample(NAMES, len(NAMES))})  # type: ignore[attr-defined]
    assert again.solution == first.solution
    assert again.counts() == first.counts()


@given(requests())
@settings(max_examples=80, deadline=None)
def test_asking_again_for_what_is_met_adds_nothing_and_withdrawing_never_adds(
    case: tuple[dict[str, Definition], list[Form]],
) -> None:
    dictionary, forms = case
    first = compile_forms(forms, dictionary)
    met = [o.field for o in first.outcomes if o.met]
    again = Form(
        "X", "d", "d", "t", "t", "daily", "", "", "", tuple(replace(f, id=f"X{f.id}") for f in met)
    )
    assert compile_forms([*forms, again], dictionary).solution.asked == first.solution.asked
    assert cost(compile_forms(forms[:-1], dictionary)) <= cost(first)


@given(requests())
@settings(max_examples=60, deadline=None)
def test_each_field_has_exactly_one_fate_and_the_figures_add_up(
    case: tuple[dict[str, Definition], list[Form]],
) -> None:
    dictionary, forms = case
    compiled = compile_forms(forms, dictionary)
    counts = compiled.counts()
    rejected = sum(o.how is How.REJECTED for o in compiled.outcomes)
    assert counts["met_without_ruling"] + counts["needs_ruling"] + rejected == counts["fields"]
    assert counts["asked_daily"] + counts["asked_weekly"] == len(compiled.solution.asked)
    assert counts["cutoff_differs"] <= counts["met_without_ruling"]
