"""A closer look: Rt by day of onset, pooled over the counties, and how grave the disease is here.

It costs more than the counts and is made for assessments of now, or on demand. `Assessment.outlook`
is empty until then:

    made_at     when it was computed
    rt          {"dates", "median", "lo50", "hi50", "lo90", "hi90", "latest", "counties", "hyperparameters"};
                by day of onset, `latest` as `province.rt`, `counties` {code: {"median", "q05", "q95", …}}
                of those with enough local cases; or {"note"}: no_line_list, too_few_delays,
                too_uncertain, no_serial_interval
    severity    {"estimate", "low", "high", "naive", "deaths", "cases", "note"}: the delay-corrected share
                of cases that die, with a 95 % interval; or {"note"}: no_line_list, no_delay, no_deaths
    stays       {"fatality", "days_to_death", "days_to_cure": {"median", "low", "high"}, "note"}: from the
                province's totals, both ends competing; or {"note"}: not_published, do_not_agree,
                no_information
    importation {"days", "basis", "counties": {code: {"mean", "q05", "median", "q95", "chance", "takes_hold",
                "from": [{"code", "share"}], "to": [{"code", "mean"}], "leaving", "infected", "rt"}}, "seed"}: trips to the county expected of
                infected people (one who commutes counts every day) without any control, `chance` that at least one does, `takes_hold` that one starts a
                lasting chain, `leaving` expected departures, `to` those to each neighbour, `infected` the share of its
                people; or {"note"}: no_travel, no_delay, or the
                nowcast's
    forecast    {"origin", "dates", "q05", "q25", "median", "q75", "q95", "baseline": {"q05", "median", "q95"},
                "cities": {code: {"q05", "median", "q95"}}, "seed", "shape"}: new confirmed of the coming days by
                report day, daily quantiles (they do not add up over days), beside the persistence
                baseline; `shape` is "control" where the package's events say when travel and the response
                changed, else "flat"; or {"note"}: too_few_days, no_counts
"""
