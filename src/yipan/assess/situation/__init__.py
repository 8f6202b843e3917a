"""The picture as known at one moment: counts by county and city, the province, Rt, the nowcast.

`picture` reads what was known, `figures` turns it into the JSON below, `transmission` estimates Rt,
`onset` the cases expected but not yet reported, `words` says it in sentences.

`Assessment.province` (a count that nobody reported is null, never 0):

    day                   last data day known (ISO); the counts below are of its 24:00
    basis                 "bulletin" (the province's own series), "cities" or "counties" (their sum,
                          where nothing above them was published)
    as_of                 last day the series has a total for; earlier than `day` where it is late
    confirmed, cured, deaths     totals; the province's series is authoritative for cured and deaths
    confirmed_new, cured_new, deaths_new     of `day` alone; null where the day is not published
    confirmed_7d, confirmed_7d_before, confirmed_14d     new in 7 days, in the 7 before, in 14
    active, active_before        confirmed − cured − deaths, on `day` and the day before
    days_without_new      whole days up to `day` without a new case
    peak                  {"day", "n"}: the day with most new cases by report day, null without any
    unallocated           {"confirmed", "cured", "deaths"}: province less the sum of its cities, never scaled
    rt                    {"median", "q05", "q25", "q75", "q95", "local_cases", "day", "biased_up"}, or
                          {"note": "too_few_cases" | "no_serial_interval" | "no_data"}; `biased_up`:
                          imports counted as local for want of a line list
    not_yet_reported      {"median", "q05", "q95", "days"}: cases with onset in the last `days` days
                          that are expected and not reported yet; or {"note": "no_line_list" | …}
    tiers                 {tier: {"units", "people"}}, all five tiers named
    reported              {"heard", "owing"}: counties that reported `day`, counties that owe it
    silent                codes of counties that owe `day` and were not heard from
    assumptions_later     names of assumptions published after the moment (a replay says so)

`Assessment.series` (every list as long as `dates`, null where not known):

    dates                 ISO days, from the first of the incident to `day`
    confirmed_new, confirmed     of the province, by data day
    onset                 reported so far, by day of onset; null as a whole without a line list
    expected              [{"lo", "mid", "hi"} | null]: in all by day of onset, reported included (90 %)
    rt                    {"dates", "median", "lo50", "hi50", "lo90", "hi90"}: window that ends on the day,
                          null where it holds fewer than 11 local cases
    incomplete_from       first day of onset still incomplete
    cities                {code: {"confirmed_new", "rt": {…}}}
"""
