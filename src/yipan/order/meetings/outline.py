"""Which paragraphs of a list are decisions: numbering of every usual kind, headings, what is beside them. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

_ZH_NUMBER = "[一二三四五六七八九十百]{1,4}"
STYLES: Final[Sequence[tuple[str, re.Pattern[str]]]] = tuple(
    (name, re.compile(rf"^\s*(?:{pattern})", re.I))
    for name, pattern in (
        ("zh-article", rf"第(?:{_ZH_NUMBER}|\d{{1,3}})[条项点](?:[、.．,，:：]\s*|\s+|(?=[^\d]))"),
        ("zh-ordinal", rf"第{_ZH_NUMBER}[,，、:：]\s*"),
        ("zh-bracket", rf"[（(]\s*{_ZH_NUMBER}\s*[）)]\s*[、.．]?\s*"),
        ("zh", rf"{_ZH_NUMBER}[、.．,，:：]\s*"),
        ("zh-is", "[一二三四五六七八九十]{1,2}是(?=[^否不])"),
        (
            "en-named",
            r"(?:decision|item|action|resolution|point|task|no\.?)\s*(?:#\s*)?\d{1,3}\s*[.:)、：-]?\s+",
        ),
        (
            "decimal",
            r"\d{1,2}(?:[.．]\d{1,2}){1,3}[.．)）、]?(?:\s+|(?=[^\d\s.．:：%年月日时点人个家万亿]))",
        ),
        ("digit-bracket", r"[（(]\s*\d{1,3}\s*[）)]\s*[、.．]?\s*"),
        ("digit", r"\d{1,3}\s*(?:[、．)）:：](?!\d\d\b)\s*|\.(?!\d)\s*)"),
        ("circle", r"(?:[①-⑳㉑-㉟⑴-⒇⒈-⒛❶-❿➀-➓])\s*[、.．]?\s*"),
        ("letter-bracket", r"[（(]\s*[a-z]\s*[）)]\s*"),
        ("roman", r"(?:x{0,2}(?:ix|iv|v?i{1,3}|v|x))[.)]\s+"),
        ("letter", r"[a-z][.)）、]\s+"),
        ("bullet-2", r"[◦▪▫○◇□]\s*"),
        ("bullet", r"[-–—*•·●◆■►➢✓]\s+|[•●◆■➢]\s*"),
    )
)
_HEADING = re.compile(r"^\s*#{1,6}\s*")
_MARKS = re.compile(r"\*\*|__|`")
_LABEL = re.compile(
    r"^\s*[（(]?\s*(?:牵头|责任|负责|承办|主办|落实|配合|协办|时限|期限|完成时|办结|截止|首批|备注|lead|owner|responsib|"
    r"action by|assigned|in charge|by|due|deadline|first list|support|from|note)[^:：]{0,14}[:：]",
    re.I,
)
_BESIDE = re.compile(
    r"^\s*(?:会议|指挥部)?(?:时间|地点|主持(?:人)?|主持召开|出席(?:人员|领导)?|列席(?:人员)?|参会(?:人员|单位)?|参加(?:人员|单位)?|"
    r"缺席|请假|记录(?:人)?|整理|审核|签发(?:人)?|核稿|抄送|抄报|主送|印发|分送|附件|报送|发送|议题|文号)\s*[:：]"
    r"|^\s*(?:present|attendance|attending|in attendance|apologies|chair(?:ed by|man|person)?|minutes(?: taken)?(?: by)?|"
    r"secretary|recorder|date|time|venue|place|location|distribution|copies? to|cc|annex(?:es)?|agenda|subject|ref(?:erence)?)"
    r"\s*[:：]"
    r"|^\s*(?:散会|会议结束|会议到此结束|特此(?:通知|纪要))"
    r"|^\s*the meeting (?:was )?(?:closed|opened|adjourned|began|started|ended)\b"
    r"|^\s*\d{4}年\d{1,2}月\d{1,2}日\s*(?:（?周.）?|上午|下午|晚)?\s*$"
    r"|^\s*\d{1,2}\s+[A-Z][a-z]+\s+\d{4}\s*$"
    r"|^\s*[-=_*—.·\s]{3,}$|^\s*(?:第\s*)?\d{1,3}\s*(?:页|/\s*\d{1,3})\s*$|^\s*page\s+\d+",
    re.I,
)
# Said, not decided: unless the same sentence also wants something done.
_SAID = re.compile(
    r"^\s*(?:会议|与会(?:人员|者)|大家|会上|指挥长|副指挥长|各(?:成员)?单位)[^，。：:]{0,8}?"
    r"(?:听取|传达|学习|指出|认为|分析|通报|肯定|回顾|总结|汇报|交流|讨论|审议)"
    r"|^\s*the (?:meeting|headquarters|group|committee|members?|chair\w*) "
    r"(?:heard|noted|thanked|received|discussed|was informed|recalled|welcomed|reviewed|considered|acknowledged)\b",
    re.I,
)
_WANTS = re.compile(
    r"要求|决定|必须|责成|应当|务必|抓紧|落实|decide|agreed|shall|must|require|instruct", re.I
)
_LEAD_IN = re.compile(
    r"^\s*(?:经研究|会议|指挥部)?[，,]?(?:会议|指挥部)?(?:研究)?(?:决定|要求|明确|议定|强调|同意|确定)(?:事项)?(?:如下)?[，,:：]\s*"
    r"|^\s*(?:the )?(?:meeting|headquarters|group|committee)?\s*(?:decided|agreed|resolved|requires|instructs)"
    r"(?: that| to)?(?: the following)?\s*[:,]?\s+",
    re.I,
)
_END = '。.！!？?；;）)”"'


@dataclass
class Item:
    """One decision: its own words, and the headings and openings that it stands under."""

    text: str
    under: tuple[str, ...] = ()

    @property
    def paragraph(self) -> str:
        """What the order keeps as its source: the words, after what they stand under."""
        return " › ".join([*self.under, self.text]) if self.under else self.text


@dataclass
class Outline:
    """The decisions of a list in their order, and the paragraphs that are none."""

    items: list[Item] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)


@dataclass
class _Node:
    text: str
    style: str
    children: list[_Node] = field(default_factory=list)


def outline(paragraphs: Sequence[str]) -> Outline:
    """Return the decisions among some paragraphs: numbered ones if any are, else every one.

    A numbered line that only opens others ("the following:", a heading without an end) is no decision:
    what stands below it is, and keeps it as what it stands under. Presence, dates, copies, and what was
    heard or noted are set beside. An unnumbered line below a numbered one goes on with it.
    """
    found = Outline()
    lines = [(_styled(_MARKS.sub("", p))) for p in paragraphs]
    numbered = any(style for style, _text in lines if style != "heading")
    if not numbered:
        for style, text in lines:
            _take_plain(found, style, text)
        return found
    roots: list[_Node] = []
    trail: list[_Node] = []
    heading = ""
    for style, text in lines:
        if style == "heading":
            heading = text
            trail = []
            continue
        if not style:
            _go_on(found, trail, text)
            continue
        depth = next((i for i, node in enumerate(trail) if node.style == style), len(trail))
        del trail[depth:]
        node = _Node(text, style)
        (trail[-1].children if trail else roots).append(node)
        trail.append(node)
    del heading  # a document's own heading says nothing of a matter
    for node in roots:
        _collect(found, node, ())
    return found


def _styled(line: str) -> tuple[str, str]:
    """Return (style, text) of a line; the style is empty where it has no number."""
    if _HEADING.match(line):
        bare = _HEADING.sub("", line).strip()
        return "heading", bare
    for name, pattern in STYLES:
        match = pattern.match(line)
        if match and line[match.end() :].strip():
            return name, line[match.end() :].strip()
    return "", line.strip()


def _take_plain(found: Outline, style: str, text: str) -> None:
    if style == "heading" or not text:
        return
    if _is_beside(text) or (
        text[-1] not in _END
        and len(text) < 40
        and text.endswith(("：", ":", "纪要", "事项", "决定"))
    ):
        found.beside.append(text)
    elif _LABEL.match(text) and found.items:
        found.items[-1].text = f"{found.items[-1].text} {text}"
    else:
        kept = _LEAD_IN.sub("", text).strip()
        if kept:
            found.items.append(Item(kept))


def _is_beside(text: str) -> bool:
    if _BESIDE.match(text):
        return True
    return bool(_SAID.match(text)) and not _WANTS.search(text)


def _go_on(found: Outline, trail: list[_Node], text: str) -> None:
    if not text:
        return
    if not trail or (_is_beside(text) and not _LABEL.match(text)):
        found.beside.append(text)
        return
    trail[-1].text = f"{trail[-1].text} {text}"


def _collect(found: Outline, node: _Node, under: tuple[str, ...]) -> None:
    if not node.children:
        if _is_beside(node.text):
            found.beside.append(node.text)
        else:
            found.items.append(Item(_LEAD_IN.sub("", node.text).strip() or node.text, under))
        return
    opens = node.text.rstrip()
    if opens.endswith(("：", ":")) or opens[-1:] not in _END:
        below = (*under, opens.rstrip("：: "))
    else:
        found.items.append(Item(opens, under))
        below = under
    for child in node.children:
        _collect(found, child, below)
