"""The protocol's own messages (OpenRosa 1.0 form discovery, form submission, metadata)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from xml.sax.saxutils import escape

from yipan.report.errors import Missing, NotATable
from yipan.report.exchange.page import PageForm
from yipan.report.exchange.xml import local, read_xml

HEADERS = {"X-OpenRosa-Version": "1.0"}
LIST = "http://openrosa.org/xforms/xformsList"
MANIFEST = "http://openrosa.org/xforms/xformsManifest"
RESPONSE = "http://openrosa.org/http/response"


def form_list(form: PageForm, *, body: str, form_url: str, manifest_url: str) -> str:
    """Return the list of forms: the one page, its hash and where it is."""
    digest = hashlib.md5(
        body.encode(), usedforsecurity=False
    ).hexdigest()  # the protocol asks for MD5
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<xforms xmlns="{LIST}"><xform><formID>{escape(form.id)}</formID>'
        f"<name>{escape(form.title_en)}</name><version>{escape(form.version)}</version>"
        f"<hash>md5:{digest}</hash><downloadUrl>{escape(form_url)}</downloadUrl>"
        f"<manifestUrl>{escape(manifest_url)}</manifestUrl></xform></xforms>"
    )


def manifest() -> str:
    """Return the manifest: the page has no media."""
    return f'<?xml version="1.0" encoding="UTF-8"?><manifest xmlns="{MANIFEST}"/>'


def response(text: str, *, nature: str = "submit_success") -> str:
    """Return the server's word to the one who sent."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<OpenRosaResponse xmlns="{RESPONSE}"><message nature="{nature}">{escape(text)}</message>'
        "</OpenRosaResponse>"
    )


@dataclass(frozen=True)
class Instance:
    """One filled-in form as it came."""

    form: str
    key: str  # the instance id: made by the phone, the same for every retry
    unit: str
    day: str
    answers: dict[str, str]


def read_instance(body: bytes) -> Instance:
    """Return a filled-in form; raises R114, R115 and Missing (R118) without an instance id."""
    root = read_xml(body, name="xml_submission_file")
    key = next(
        ((e.text or "").strip() for e in root.iter() if local(e.tag) == "instanceID"), ""
    ).removeprefix("uuid:")
    if not key:
        raise Missing(label="instanceID")
    answers = {
        local(e.tag): (e.text or "").strip() for e in root.iter() if len(e) == 0 and e is not root
    }
    answers.pop("instanceID", None)
    form = root.get("id", "")
    if not form:
        raise NotATable(name="xml_submission_file", why="it has no form id")
    return Instance(form, key[:56], answers.pop("unit", ""), answers.pop("day", ""), answers)
