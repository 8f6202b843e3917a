"""Tables drawn as text, the way the centre writes them on its wall."""

from __future__ import annotations


def table(text: str) -> list[dict[str, str]]:
    """Return the rows of a table drawn with `|`, each as column → cell.

    >>> table('''
    ... | a | b |
    ... | 1 | - |
    ... ''')
    [{'a': '1', 'b': '-'}]
    """
    lines = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in text.strip().splitlines()
        if line.strip()
    ]
    head, *rows = lines
    assert all(len(row) == len(head) for row in rows), "a row has more or fewer cells than the head"
    return [dict(zip(head, row, strict=True)) for row in rows]
