"""What the fidelity suites share: the served sandbox, a runner, and the comparison of answers with the client's models.

A check is a function marked with `@check`; its name is the claim. `main()` runs them in order and ends with the line
`N passed, M failed`.
"""

import datetime
import json
import os
import re
import sys
import traceback
import urllib.error
import urllib.parse
import urllib.request

CHECKS = []


def check(function):
    """Marks a check; they run in the order they are written."""
    CHECKS.append(function)
    return function


def main(suite):
    """Runs every check and exits with 1 if one failed."""
    passed, failed = 0, 0
    for function in CHECKS:
        name = function.__name__.replace("_", " ")
        try:
            function()
            passed += 1
            print(f"ok      {suite}: {name}")
        except Exception:  # a check may fail in any way, and the others still run
            failed += 1
            print(f"FAILED  {suite}: {name}\n{traceback.format_exc()}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


class Sandbox:
    """The served sandbox of this suite and its control paths."""

    def __init__(self):
        ready = json.loads(os.environ["FIDELITY_SANDBOX"])
        hubspot = ready["hubspot"]
        self.base_url = hubspot["base_url"]
        self.access_token = hubspot["access_token"]
        self.client_id = hubspot["client_id"]
        self.client_secret = hubspot["client_secret"]
        self.refresh_token = hubspot["refresh_token"]

    def send(self, method, path, body=None, token=None, form=None):
        """One plain request: (status, JSON body or text, headers)."""
        headers, data = {}, None
        if body is not None:
            headers["content-type"], data = "application/json", json.dumps(body).encode()
        if form is not None:
            headers["content-type"] = "application/x-www-form-urlencoded"
            data = urllib.parse.urlencode(form).encode()
        if token:
            headers["authorization"] = f"Bearer {token}"
        request = urllib.request.Request(self.base_url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, text, got = answer.status, answer.read().decode(), answer.headers
        except urllib.error.HTTPError as error:
            status, text, got = error.code, error.read().decode(), error.headers
        try:
            return status, json.loads(text) if text else None, got
        except ValueError:
            return status, text, got

    def control(self, path, body):
        status, answer, _ = self.send("POST", f"/_sandbox/{path}", body)
        assert status == 200, (path, status, answer)
        return answer

    def advance(self, by):
        """Moves the simulated date; search sees what was written before."""
        return self.control("advance", {"by": by})["now"]

    def now(self):
        return datetime.datetime.fromisoformat(self.send("GET", "/_sandbox/now")[1]["now"])

    def fault(self, match, kind, times=1):
        self.control("faults", [{"match": match, "kind": kind, "times": times}])

    def no_faults(self):
        self.control("faults", [])


# Where the client's models and the vendor's documents disagree: (model, field) and what an answer may hold instead.
TYPE_EXCEPTIONS = {
    # Documented examples show a number, the specification says string.
    ("MultiAssociatedObjectWithLabel", "toObjectId"): int,
    ("LabelsBetweenObjectPair", "fromObjectId"): int,
    ("LabelsBetweenObjectPair", "toObjectId"): int,
}

# Fields of answers that the documents name and the client's models do not have.
FIELD_EXCEPTIONS = {
    # The token answer's extras, which a strict client ignores.
    ("TokenResponseIF", "hub_id"),
    ("TokenResponseIF", "scopes"),
    ("TokenResponseIF", "token_use"),
    ("TokenResponseIF", "user_id"),
}

JSON_TYPES = {"str": str, "int": int, "float": (int, float), "bool": bool, "object": object, "datetime": str}
INSTANT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$")


def compare(model, raw, where="answer"):
    """Every field of the raw answer is one the client's model knows, in the type it says."""
    name = type(model).__name__
    known = {wire: field for field, wire in model.attribute_map.items()}
    for wire, value in raw.items():
        if wire not in known:
            assert (name, wire) in FIELD_EXCEPTIONS, f"{where}: {name} has no field {wire}: {value!r}"
            continue
        compare_value(name, wire, model.openapi_types[known[wire]], getattr(model, known[wire]), value, f"{where}.{wire}")


def compare_value(name, wire, kind, parsed, value, where):
    if value is None:
        return
    if kind.startswith("list["):
        assert isinstance(value, list) and len(parsed) == len(value), f"{where}: not a list of {len(value)}"
        for at, (one, raw) in enumerate(zip(parsed, value)):
            compare_value(name, wire, kind[5:-1], one, raw, f"{where}[{at}]")
    elif kind.startswith("dict["):
        inner = kind[kind.index(",") + 1 : -1].strip()
        assert isinstance(value, dict), f"{where}: not an object"
        for key, raw in value.items():
            compare_value(name, wire, inner, parsed[key], raw, f"{where}.{key}")
    elif kind in JSON_TYPES:
        allowed = TYPE_EXCEPTIONS.get((name, wire), JSON_TYPES[kind])
        is_flag = isinstance(value, bool) and kind not in ("bool", "object")
        assert isinstance(value, allowed) and not is_flag, f"{where}: {value!r} is not {kind}"
        if kind == "datetime":
            assert INSTANT.match(value), f"{where}: {value!r} is not an ISO-8601 instant in UTC"
    else:
        compare(parsed, value, where)


class Answered:
    """What the client made of an answer, its status and headers."""

    def __init__(self, model, status, headers):
        self.model, self.status, self.headers = model, status, headers


def call(method, *args, **kwargs):
    """Calls a method of the client's API and compares the answer on the wire with the model it returned."""
    api = method.__self__
    model = method(*args, **kwargs)
    last = api.api_client.last_response
    text = last.data.decode() if isinstance(last.data, bytes) else last.data
    if text:
        raw = json.loads(text)
        assert model is not None, f"{method.__name__}: the client has no model for status {last.status}: {raw}"
        compare(model, raw, method.__name__)
    return Answered(model, last.status, last.getheaders())


def refused(status, method, *args, **kwargs):
    """The call fails with this status in the vendor's envelope; answers the error body."""
    try:
        method(*args, **kwargs)
    except Exception as error:
        got = getattr(error, "status", None)
        assert got in (status if isinstance(status, tuple) else (status,)), f"{method.__name__}: {error}"
        body = json.loads(error.body)
        assert isinstance(body.get("message"), str) and body["message"], body
        return body
    raise AssertionError(f"{method.__name__}: went through, expected {status}")


def is_uuid(text):
    return re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text or "") is not None
