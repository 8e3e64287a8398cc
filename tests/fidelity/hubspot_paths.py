"""The dated and the legacy paths, against the table `hubspot-paths.toml`: statuses, fields, properties, type ids.

The official clients speak the legacy paths only, so the dated ones are held to the documents by this table.
"""

import datetime
import json
import pathlib
import re
import tomllib

from support import CHECKS, Sandbox, main

SANDBOX = Sandbox()
TABLE = tomllib.loads(pathlib.Path(__file__).with_name("hubspot-paths.toml").read_text())
INSTANT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$")
DUE = "2026-03-04T14:00:00Z"

SCENE = {
    "contacts": {"firstname": "Ana"},
    "companies": {"name": "Harbour Works"},
    "deals": {"dealname": "Crane", "pipeline": "default", "dealstage": "qualifiedtobuy"},
    "calls": {"hs_timestamp": DUE, "hs_call_direction": "OUTBOUND"},
    "emails": {"hs_timestamp": DUE, "hs_email_direction": "EMAIL"},
    "meetings": {"hs_timestamp": DUE, "hs_meeting_title": "Demo"},
    "notes": {"hs_timestamp": DUE, "hs_note_body": "Met"},
    "communications": {
        "hs_timestamp": DUE, "hs_communication_channel_type": "SMS", "hs_communication_logged_from": "CRM",
    },
    "tasks": {"hs_timestamp": DUE, "hs_task_subject": "Reply"},
}


def send(method, path, body=None):
    status, answer, _ = SANDBOX.send(method, path, body, token=SANDBOX.access_token)
    assert status < 300, (method, path, status, answer)
    return answer


def make(kind, properties, linked=()):
    associations = [
        {"to": {"id": to}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}]}
        for to, type_id in linked
    ]
    body = {"properties": properties, "associations": associations}
    return send("POST", f"/crm/objects/2026-09/{kind}", body)


class Family:
    """One path family and a scene of its own: two records of each type and an archived one."""

    def __init__(self, name, version):
        self.name, self.version = name, version
        began = SANDBOX.now()
        ones = {kind: make(kind, properties)["id"] for kind, properties in SCENE.items()}
        contact = ones["contacts"]
        for kind, properties in SCENE.items():
            make(kind, properties)
            send("DELETE", f"/crm/objects/2026-09/{kind}/{make(kind, properties)['id']}")
        ones["leads"] = [make("leads", {"hs_lead_name": "Ana"}, [(contact, 578)])["id"] for _ in range(2)][0]
        task = make("tasks", SCENE["tasks"], [(contact, 204)])
        owners = send("GET", "/crm/owners/2026-09")["results"]
        owner = next(owner for owner in owners if owner["type"] == "PERSON")
        SANDBOX.advance("1m")
        tag = re.sub(r"\W", "_", name)
        self.ones = ones
        self.values = {
            "ver": version, "contact": contact, "deal": ones["deals"], "task": task["id"],
            "lonely_task": ones["tasks"], "owner": owner["id"], "owner_email": owner["email"],
            "key": f"key_{tag}", "group": send("GET", "/crm/properties/2026-09/tasks/groups")["results"][0]["name"],
            "kept": make("contacts", {"email": f"kept-{tag}@example.org"})["id"],
            "lost": make("contacts", {"email": f"lost-{tag}@example.org"})["id"],
            "from_ms": str(millis(began)), "to_ms": str(millis(SANDBOX.now())),
            "task_ms": str(millis(datetime.datetime.fromisoformat(task["updatedAt"]))),
            "client_id": SANDBOX.client_id, "client_secret": SANDBOX.client_secret,
            "refresh_token": SANDBOX.refresh_token,
        }

    def fill(self, text, kind=None):
        values = self.values | ({"T": kind, "one": self.ones.get(kind, "")} if kind else {})
        return re.sub(r"\{([A-Za-z_]+)\}", lambda name: values[name.group(1)], text)


def millis(at):
    return round(at.timestamp() * 1000)


def compare(shape, value, where):
    """`value` has the fields of the shape, each of its type, and no other."""
    if shape == "any":
        return
    if shape.startswith("["):
        assert isinstance(value, list), f"{where}: {value!r} is no array"
        for at, one in enumerate(value):
            compare(shape[1:-1], one, f"{where}[{at}]")
        return
    if shape not in TABLE["shape"]:
        compare_plain(shape, value, where)
        return
    assert isinstance(value, dict), f"{where}: {value!r} is no {shape}"
    fields = TABLE["shape"][shape]
    known = {name.rstrip("?") for name in fields}
    assert set(value) <= known, f"{where}: {shape} has no field {sorted(set(value) - known)}"
    for name, kind in fields.items():
        if name.rstrip("?") in value:
            compare(kind, value[name.rstrip("?")], f"{where}.{name.rstrip('?')}")
        else:
            assert name.endswith("?"), f"{where}: {shape} without {name}"


def compare_plain(kind, value, where):
    if kind.endswith("?"):
        if value is None:
            return
        kind = kind[:-1]
    is_text = isinstance(value, str)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    tests = {
        "text": lambda: is_text,
        "number": lambda: is_number,
        "flag": lambda: isinstance(value, bool),
        "instant": lambda: is_text and INSTANT.match(value),
        "id": lambda: is_text or is_number,
        "values": lambda: isinstance(value, dict) and all(one is None or isinstance(one, str) for one in value.values()),
        "texts": lambda: isinstance(value, dict) and all(isinstance(one, str) for one in value.values()),
        "words": lambda: isinstance(value, list) and all(isinstance(one, str) for one in value),
    }
    assert tests[kind](), f"{where}: {value!r} is not {kind}"


def look(answer, path):
    """The value at a dotted path as text; empty where there is none."""
    for step in path.split("."):
        if isinstance(answer, list):
            answer = answer[int(step)] if int(step) < len(answer) else None
        else:
            answer = answer.get(step) if isinstance(answer, dict) else None
    if answer is None:
        return ""
    return answer if isinstance(answer, str) else json.dumps(answer)


def run(family, request, kind):
    path = family.fill(request["legacy" if family.name == "legacy" else "path"], kind)
    body = json.loads(family.fill(request["body"], kind)) if "body" in request else None
    form = dict(part.split("=", 1) for part in family.fill(request["form"]).split("&")) if "form" in request else None
    token = SANDBOX.access_token if request.get("bearer", True) and not form else None
    status, answer, headers = SANDBOX.send(request["method"], path, body, token=token, form=form)
    expected = request["status"]
    expected = expected[family.name] if isinstance(expected, dict) else expected
    assert status == expected, f"{request['method']} {path}: {status}, expected {expected}: {answer}"
    if request["answer"] == "nothing":
        assert answer is None, f"{path}: {answer!r}"
    else:
        compare(request["answer"], answer, path)
    for at, wanted in request.get("expect", {}).items():
        at, wanted, found = family.fill(at), family.fill(wanted, kind), look(answer, family.fill(at))
        assert (found != "") if wanted == "*" else (found == wanted), f"{path}: {at} is {found!r}, expected {wanted!r}"
    is_search = path.endswith("/search")
    if token:
        rate = [name for name in headers if name.lower().startswith("x-hubspot-ratelimit-")]
        assert bool(rate) != is_search, f"{path}: rate headers {rate}"
    assert headers["X-HubSpot-Correlation-Id"], path


def properties(family):
    for kind, wanted in TABLE["properties"].items():
        base = "/crm/v3/properties/" if family.name == "legacy" else f"/crm/properties/{family.version}/"
        found = {one["name"]: one for one in send("GET", base + kind)["results"]}
        for name, said in wanted.items():
            wire_type, *options = said.split()
            assert name in found, f"{kind} without {name}"
            assert wire_type in (found[name]["type"], "any"), f"{kind}.{name} is {found[name]['type']}"
            if options:
                values = {one["value"] for one in found[name]["options"]}
                assert values == set(options), f"{kind}.{name}: {sorted(values ^ set(options))}"


def associations(family):
    for ends, ids in TABLE["associations"].items():
        for (one, other), type_id in zip((ends.split(), reversed(ends.split())), ids):
            base = "/crm/v4/associations" if family.name == "legacy" else f"/crm/associations/{family.version}"
            types = send("GET", f"{base}/{one}/{other}/labels")["results"]
            plain = [kind["typeId"] for kind in types if kind["label"] is None]
            assert plain == [type_id], f"{one} to {other}: {types}"


def register(claim, function, *args):
    def check():
        function(*args)

    check.__name__ = claim
    CHECKS.append(check)


for name, version in TABLE["families"].items():
    family = Family(name, version)
    for request in TABLE["request"]:
        for kind in request.get("types", [None]):
            claim = f"{name}: {request['name']}" + (f", {kind}" if kind else "")
            register(claim, run, family, request, kind)
    register(f"{name}: properties and their types", properties, family)
    register(f"{name}: association type ids", associations, family)

if __name__ == "__main__":
    main("paths")
