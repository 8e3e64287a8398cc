"""The vendor's Python client, unmodified but for the base URL, drives the served sandbox."""

import datetime
import importlib
import json

from hubspot import Client
from hubspot.crm.associations.v4 import models as links
from hubspot.crm.associations.v4.schema import models as labels
from hubspot.crm.association_type import AssociationType
from hubspot.crm.properties import models as schema
from urllib3.util.retry import Retry

from support import Sandbox, call, check, is_uuid, main, refused

SANDBOX = Sandbox()
CLIENT = Client.create(access_token=SANDBOX.access_token, host=SANDBOX.base_url)
DUE = "2026-03-04T14:00:00Z"
HEADERS = json.dumps({"from": {"email": "rep@example.com"}, "to": [{"email": "ana@example.org"}], "cc": [], "bcc": []})

# Per object type: module of the models, properties of a create, and the property a change sets with its new value.
KINDS = {
    "contacts": ("contacts", {"firstname": "Ana"}, ("lastname", "Sousa")),
    "companies": ("companies", {"name": "Harbour Works"}, ("name", "Harbour Works Ltd")),
    "deals": ("deals", {"dealname": "Crane", "dealstage": "qualifiedtobuy", "pipeline": "default"}, ("amount", "1500.5")),
    "calls": (
        "objects.calls",
        {"hs_timestamp": DUE, "hs_call_direction": "OUTBOUND", "hs_call_status": "COMPLETED"},
        ("hs_call_disposition", "f240bbac-87c9-4f6e-bf70-924b57d47db7"),
    ),
    "emails": (
        "objects.emails",
        {"hs_timestamp": DUE, "hs_email_direction": "EMAIL", "hs_email_status": "SENT", "hs_email_headers": HEADERS},
        ("hs_email_subject", "Your crane"),
    ),
    "meetings": (
        "objects.meetings",
        {"hs_timestamp": DUE, "hs_meeting_title": "Demo", "hs_meeting_outcome": "SCHEDULED"},
        ("hs_meeting_outcome", "NO_SHOW"),
    ),
    "notes": ("objects.notes", {"hs_timestamp": DUE, "hs_note_body": "Met at the fair"}, ("hs_note_body", "Met twice")),
    "communications": (
        "objects.communications",
        {"hs_timestamp": DUE, "hs_communication_channel_type": "SMS", "hs_communication_logged_from": "CRM"},
        ("hs_communication_body", "On my way"),
    ),
    "tasks": (
        "objects.tasks",
        {"hs_timestamp": DUE, "hs_task_subject": "Reply to Ana", "hs_task_status": "NOT_STARTED", "hs_task_type": "EMAIL"},
        ("hs_task_status", "COMPLETED"),
    ),
}


def api(kind, of=CLIENT):
    return getattr(of.crm if kind in ("contacts", "companies", "deals") else of.crm.objects, kind)


def models(kind):
    return importlib.import_module(f"hubspot.crm.{KINDS[kind][0]}")


def new(kind, properties=None, linked=()):
    """A record made through the client; `linked` holds (id, association type id)."""
    m = models(kind)
    given = [
        m.PublicAssociationsForObject(
            to=m.PublicObjectId(id=to),
            types=[m.AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=type_id)],
        )
        for to, type_id in linked
    ]
    properties = KINDS[kind][1] if properties is None else properties
    body = m.SimplePublicObjectInputForCreate(properties=properties, associations=given)
    made = call(api(kind).basic_api.create, body)
    assert made.status == 201, made.status
    return made.model


def search(kind, filters=None, **more):
    m = models(kind)
    groups = [[m.Filter(**filter) for filter in group] for group in filters or []]
    request = m.PublicObjectSearchRequest(
        filter_groups=[m.FilterGroup(filters=group) for group in groups],
        properties=more.pop("properties", []),
        limit=more.pop("limit", 100),
        after=more.pop("after", None),
        sorts=more.pop("sorts", []),
        **more,
    )
    return call(api(kind).search_api.do_search, request).model


def unique_property(kind, name):
    group = CLIENT.crm.properties.groups_api.get_all(kind).results[0].name
    body = schema.PropertyCreate(
        name=name, label="Key", type="string", field_type="text", group_name=group, has_unique_value=True
    )
    return call(CLIENT.crm.properties.core_api.create, kind, body)


@check
def a_refreshed_token_opens_the_account():
    oauth = Client.create(host=SANDBOX.base_url).oauth
    token = call(
        oauth.tokens_api.create,
        grant_type="refresh_token",
        client_id=SANDBOX.client_id,
        client_secret=SANDBOX.client_secret,
        refresh_token=SANDBOX.refresh_token,
    ).model
    assert token.expires_in == 1800 and token.token_type == "bearer", token
    assert token.access_token != SANDBOX.access_token and token.refresh_token, token
    mine = Client.create(access_token=token.access_token, host=SANDBOX.base_url)
    answer = call(mine.crm.contacts.basic_api.get_page, limit=1)
    assert "X-HubSpot-RateLimit-Max" in answer.headers and "X-HubSpot-RateLimit-Daily" not in answer.headers


@check
def a_static_token_is_told_its_daily_allowance():
    headers = call(CLIENT.crm.contacts.basic_api.get_page, limit=1).headers
    left, most = int(headers["X-HubSpot-RateLimit-Daily-Remaining"]), int(headers["X-HubSpot-RateLimit-Daily"])
    assert 0 < left < most, (left, most)
    assert headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"
    assert is_uuid(headers["X-HubSpot-Correlation-Id"])


@check
def what_the_tokens_stand_for_can_be_looked_up():
    oauth = Client.create(host=SANDBOX.base_url).oauth
    fields = {"client_id": SANDBOX.client_id, "client_secret": SANDBOX.client_secret}
    token = oauth.tokens_api.create(grant_type="refresh_token", refresh_token=SANDBOX.refresh_token, **fields)
    access = call(oauth.access_tokens_api.get, token.access_token).model
    assert access.token == token.access_token and access.token_type == "access", access
    assert "crm.objects.contacts.read" in access.scopes and 0 < access.expires_in <= 1800, access
    refresh = call(oauth.refresh_tokens_api.get, token.refresh_token).model
    assert refresh.hub_id == access.hub_id and refresh.client_id == SANDBOX.client_id, refresh
    assert refresh.token_type == "refresh", refresh
    missing = refused((400, 404), oauth.access_tokens_api.get, "C" + "x" * 40)
    assert missing["status"] == "error", missing


@check
def a_code_is_exchanged_once():
    oauth = Client.create(host=SANDBOX.base_url).oauth
    back = "http://127.0.0.1:1/back"
    query = f"client_id={SANDBOX.client_id}&redirect_uri={back}&scope=oauth&state=s1"
    location = _consent(f"/oauth/authorize?{query}")
    code = location.split("code=")[1].split("&")[0]
    fields = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": back,
        "client_id": SANDBOX.client_id, "client_secret": SANDBOX.client_secret,
    }
    assert call(oauth.tokens_api.create, **fields).model.refresh_token
    assert refused(400, oauth.tokens_api.create, **fields)["status"] == "BAD_AUTH_CODE"


def _consent(path):
    import http.client
    import urllib.parse

    url = urllib.parse.urlparse(SANDBOX.base_url + path)
    connection = http.client.HTTPConnection(url.netloc, timeout=30)
    connection.request("GET", f"{url.path}?{url.query}")
    answer = connection.getresponse()
    assert answer.status == 302 and "state=s1" in answer.getheader("location"), answer.status
    return answer.getheader("location")


@check
def wrong_grants_are_refused_by_name():
    oauth = Client.create(host=SANDBOX.base_url).oauth
    given = {"client_id": SANDBOX.client_id, "client_secret": SANDBOX.client_secret}
    body = refused(400, oauth.tokens_api.create, grant_type="refresh_token", refresh_token="eu1-gone", **given)
    assert body["error"] == "invalid_grant" and body["status"] == "BAD_REFRESH_TOKEN", body
    given["client_id"] = "00000000-0000-4000-8000-000000000000"
    body = refused(
        400, oauth.tokens_api.create, grant_type="refresh_token", refresh_token=SANDBOX.refresh_token, **given
    )
    assert body["error"] == "invalid_client" and body["status"] == "BAD_CLIENT_ID", body


@check
def owners_are_listed_page_by_page_and_found_by_address():
    owners = CLIENT.crm.owners.owners_api
    everybody = call(owners.get_page, limit=500).model.results
    assert len(everybody) >= 2 and all(not owner.archived and owner.type in ("PERSON", "QUEUE") for owner in everybody)
    first = call(owners.get_page, limit=1).model
    second = call(owners.get_page, limit=1, after=first.paging.next.after).model
    assert [first.results[0].id, second.results[0].id] == [everybody[0].id, everybody[1].id]
    one = call(owners.get_page, email=everybody[1].email).model.results
    assert [owner.id for owner in one] == [everybody[1].id]
    assert call(owners.get_page, email="nobody@example.net").model.results == []
    assert call(owners.get_by_id, int(everybody[0].id)).model.email == everybody[0].email


@check
def an_archived_owner_has_no_user_id_but_a_former_one():
    owners = CLIENT.crm.owners.owners_api
    gone = call(owners.get_page, archived=True).model.results
    assert gone and all(owner.archived for owner in gone), gone
    assert gone[0].user_id is None and gone[0].user_id_including_inactive, gone[0]
    active = {owner.id for owner in owners.get_page().results}
    assert gone[0].id not in active
    refused(404, owners.get_by_id, int(gone[0].id))
    assert call(owners.get_by_id, int(gone[0].id), archived=True).model.archived
    person = next(owner for owner in owners.get_page().results if owner.type == "PERSON")
    assert call(owners.get_by_id, person.user_id, id_property="userId").model.id == person.id
    assert person.teams, person


@check
def an_owner_is_set_by_owner_id_and_not_by_user_id():
    owner = next(owner for owner in CLIENT.crm.owners.owners_api.get_page().results if owner.type == "PERSON")
    made = new("tasks", KINDS["tasks"][1] | {"hubspot_owner_id": owner.id})
    assert made.properties["hubspot_owner_id"] == owner.id
    body = models("tasks").SimplePublicObjectInputForCreate(
        properties=KINDS["tasks"][1] | {"hubspot_owner_id": str(owner.user_id)}, associations=[]
    )
    error = refused(400, CLIENT.crm.objects.tasks.basic_api.create, body)
    assert "hubspot_owner_id" in error["message"], error


@check
def properties_are_listed_with_their_options():
    for kind in KINDS:
        found = {one.name: one for one in call(CLIENT.crm.properties.core_api.get_all, kind).model.results}
        modified = "lastmodifieddate" if kind == "contacts" else "hs_lastmodifieddate"
        assert found[modified].type == "datetime", kind
        assert found[modified].modification_metadata.read_only_value is True, kind
    status = call(CLIENT.crm.properties.core_api.get_by_name, "tasks", "hs_task_status").model
    assert [option.value for option in status.options] == ["NOT_STARTED", "IN_PROGRESS", "WAITING", "COMPLETED", "DEFERRED"]
    assert status.type == "enumeration" and status.hubspot_defined and not status.archived


@check
def a_unique_property_is_created_once():
    core = CLIENT.crm.properties.core_api
    assert refused(404, core.get_by_name, "tasks", "key_once")["category"] == "OBJECT_NOT_FOUND"
    made = unique_property("tasks", "key_once")
    assert made.status == 201 and made.model.has_unique_value is True and made.model.hubspot_defined is False
    assert call(core.get_by_name, "tasks", "key_once").model.has_unique_value is True
    body = schema.PropertyCreate(
        name="key_once", label="Key", type="string", field_type="text",
        group_name=made.model.group_name, has_unique_value=True,
    )
    assert refused(409, core.create, "tasks", body)["message"]
    body.name, body.group_name = "key_other", "no_such_group"
    assert refused(400, core.create, "tasks", body)["category"] == "VALIDATION_ERROR"
    assert call(core.archive, "tasks", "key_once").status == 204
    refused(404, core.get_by_name, "tasks", "key_once")


@check
def a_property_is_changed_but_its_uniqueness_stays():
    core = CLIENT.crm.properties.core_api
    unique_property("deals", "key_label")
    changed = call(core.update, "deals", "key_label", schema.PropertyUpdate(label="Other key", description="By us"))
    assert changed.status == 200 and changed.model.label == "Other key", changed.model
    assert changed.model.has_unique_value is True and changed.model.description == "By us"
    assert call(core.get_by_name, "deals", "key_label").model.label == "Other key"
    refused(404, core.update, "deals", "key_none", schema.PropertyUpdate(label="x"))


@check
def properties_are_created_read_and_archived_in_batches():
    batch = CLIENT.crm.properties.batch_api
    inputs = [
        schema.PropertyCreate(name=name, label=name, type="string", field_type="text", group_name="contactinformation")
        for name in ("batch_a", "batch_b")
    ]
    made = call(batch.create, "contacts", schema.BatchInputPropertyCreate(inputs=inputs))
    assert made.status == 201 and [one.name for one in made.model.results] == ["batch_a", "batch_b"]
    names = [schema.PropertyName(name=name) for name in ("batch_b", "email")]
    read = call(batch.read, "contacts", schema.BatchReadInputPropertyName(inputs=names, archived=False))
    assert read.status == 200 and {one.name for one in read.model.results} == {"batch_b", "email"}
    names = [schema.PropertyName(name=name) for name in ("batch_b", "batch_none")]
    read = call(batch.read, "contacts", schema.BatchReadInputPropertyName(inputs=names, archived=False))
    assert read.status == 207 and read.model.num_errors == 1, read.model
    names = [schema.PropertyName(name=name) for name in ("batch_a", "batch_b")]
    assert call(batch.archive, "contacts", schema.BatchInputPropertyName(inputs=names)).status == 204
    refused(404, CLIENT.crm.properties.core_api.get_by_name, "contacts", "batch_a")


@check
def groups_are_listed_and_made_once():
    groups = CLIENT.crm.properties.groups_api
    body = schema.PropertyGroupCreate(name="our_group", label="Ours", display_order=-1)
    assert call(groups.create, "tasks", body).status == 201
    assert "our_group" in {group.name for group in call(groups.get_all, "tasks").model.results}
    assert call(groups.get_by_name, "tasks", "our_group").model.label == "Ours"
    refused(409, groups.create, "tasks", body)


@check
def the_deal_pipeline_has_its_stages_in_order():
    pipelines = CLIENT.crm.pipelines
    (pipeline,) = call(pipelines.pipelines_api.get_all, "deals").model.results
    assert pipeline.id == "default" and pipeline.created_at.timestamp() == 0
    stages = {stage.id: stage for stage in pipeline.stages}
    assert list(stages)[0] == "appointmentscheduled" and stages["closedwon"].metadata["isClosed"] == "true"
    assert stages["qualifiedtobuy"].metadata == {"isClosed": "false", "probability": "0.4"}
    assert call(pipelines.pipelines_api.get_by_id, "deals", "default").model.label == pipeline.label
    listed = call(pipelines.pipeline_stages_api.get_all, "deals", "default").model.results
    assert [stage.id for stage in listed] == list(stages)
    assert call(pipelines.pipeline_stages_api.get_by_id, "deals", "default", "closedlost").model.label == "Closed Lost"
    refused(404, pipelines.pipelines_api.get_by_id, "deals", "no-such-pipeline")
    refused(404, pipelines.pipeline_stages_api.get_by_id, "deals", "default", "no-such-stage")


def record_life(kind):
    """Create, read, change and archive one record of a type."""
    basic, (_, properties, (name, value)) = api(kind).basic_api, KINDS[kind]
    made = new(kind)
    assert made.id.isdigit() and made.archived is False and made.properties["hs_object_id"] == made.id
    read = call(basic.get_by_id, made.id, properties=[*properties, "no_such_property", "hubspot_owner_id"]).model
    for key, given in properties.items():
        shown = read.properties[key]
        assert shown == given or key == "hs_timestamp" and shown == given.replace("Z", ".000Z"), (key, shown)
    assert "no_such_property" not in read.properties and read.properties.get("hubspot_owner_id") is None
    before = read.updated_at
    SANDBOX.advance("1m")
    changed = call(basic.update, made.id, models(kind).SimplePublicObjectInput(properties={name: value}))
    assert changed.status == 200 and changed.model.properties[name] == value, changed.model
    assert changed.model.updated_at > before and changed.model.created_at == made.created_at
    history = call(basic.get_by_id, made.id, properties_with_history=[name]).model.properties_with_history[name]
    assert history[0].value == value and history[0].timestamp > before, history
    assert call(basic.archive, made.id).status == 204
    refused(404, basic.get_by_id, made.id)
    if kind == "emails":
        refused(404, basic.get_by_id, made.id, archived=True)
    else:
        gone = call(basic.get_by_id, made.id, archived=True).model
        assert gone.archived is True and gone.archived_at >= changed.model.updated_at
        assert made.id in {one.id for one in CLIENT.crm.objects.get_all(kind, archived=True)}
    assert call(basic.archive, made.id).status == 204, "archiving again is harmless"


def batch_life(kind):
    """The same for many records at once, with what is missing as errors of a 207."""
    m, batch, (_, properties, (name, value)) = models(kind), api(kind).batch_api, KINDS[kind]
    inputs = [m.SimplePublicObjectBatchInputForCreate(properties=properties, associations=[]) for _ in range(2)]
    made = call(batch.create, m.BatchInputSimplePublicObjectBatchInputForCreate(inputs=inputs))
    assert made.status == 201 and made.model.status == "COMPLETE" and len(made.model.results) == 2
    ids = [one.id for one in made.model.results]
    read = call(batch.read, batch_of(m, ids, [name]))
    assert read.status == 200 and {one.id for one in read.model.results} == set(ids)
    read = call(batch.read, batch_of(m, [*ids, "999999999"], [name]))
    assert read.status == 207 and {one.id for one in read.model.results} == set(ids), read.status
    assert read.model.num_errors == 1 and read.model.errors[0].category == "OBJECT_NOT_FOUND"
    assert read.model.errors[0].context["ids"] == ["999999999"]
    changes = [m.SimplePublicObjectBatchInput(id=one, properties={name: value}) for one in ids]
    changed = call(batch.update, m.BatchInputSimplePublicObjectBatchInput(inputs=changes))
    assert changed.status == 200 and [one.properties[name] for one in changed.model.results] == [value, value]
    changes[1].id = "999999999"
    changed = call(batch.update, m.BatchInputSimplePublicObjectBatchInput(inputs=changes))
    assert changed.status == 207 and [one.id for one in changed.model.results] == ids[:1]
    gone = m.BatchInputSimplePublicObjectId(inputs=[m.SimplePublicObjectId(id=one) for one in ids])
    assert call(batch.archive, gone).status == 204
    left = call(batch.read, batch_of(m, ids, []))
    assert left.status == 207 and left.model.results == []


def batch_of(m, ids, properties, **more):
    inputs = [m.SimplePublicObjectId(id=one) for one in ids]
    return m.BatchReadInputSimplePublicObjectId(
        inputs=inputs, properties=properties, properties_with_history=[], **more
    )


def upserts(kind):
    """A first upsert creates, a second one changes; the record is then found by its key."""
    m, batch, (_, properties, (name, value)) = models(kind), api(kind).batch_api, KINDS[kind]
    assert unique_property(kind, "outside_key").status == 201
    for expected, extra in ((True, {}), (False, {name: value})):
        one = m.SimplePublicObjectBatchInputUpsert(
            id="k-1", id_property="outside_key", properties=properties | extra, object_write_trace_id="t-1"
        )
        done = call(batch.upsert, m.BatchInputSimplePublicObjectBatchInputUpsert(inputs=[one]))
        assert done.status == 200 and done.model.results[0].new is expected, done.model
        assert done.model.results[0].object_write_trace_id == "t-1"
    record = call(api(kind).basic_api.get_by_id, "k-1", id_property="outside_key", properties=["outside_key", name]).model
    assert record.id == done.model.results[0].id and record.properties[name] == value
    read = call(batch.read, batch_of(m, ["k-1", "k-2"], ["outside_key"], id_property="outside_key"))
    assert read.status == 207 and read.model.results[0].properties["outside_key"] == "k-1"
    twice = m.SimplePublicObjectInputForCreate(properties=properties | {"outside_key": "k-1"}, associations=[])
    taken = refused(400, api(kind).basic_api.create, twice)
    assert taken["category"] == "VALIDATION_ERROR" and "already has that value" in taken["message"], taken


def _per_kind():
    for kind in KINDS:
        for about, claim in (
            (record_life, "one_of_the_{}_is_created_read_changed_and_archived"),
            (batch_life, "{}_are_created_read_changed_and_archived_in_batches"),
            (upserts, "{}_are_upserted_by_a_unique_property"),
        ):
            def run(about=about, kind=kind):
                about(kind)

            run.__name__ = claim.format(kind)
            check(run)


_per_kind()


@check
def only_traced_batches_fail_in_part():
    m, batch = models("tasks"), CLIENT.crm.objects.tasks.batch_api
    good, bad = KINDS["tasks"][1], KINDS["tasks"][1] | {"hs_task_status": "LATER"}

    def inputs(traced):
        trace = (lambda at: f"w-{at}") if traced else (lambda at: None)
        given = [
            m.SimplePublicObjectBatchInputForCreate(properties=one, associations=[], object_write_trace_id=trace(at))
            for at, one in enumerate((good, bad))
        ]
        return m.BatchInputSimplePublicObjectBatchInputForCreate(inputs=given)

    body = refused(400, batch.create, inputs(False))
    assert body["category"] == "VALIDATION_ERROR" and '"error":"INVALID_OPTION"' in body["message"], body
    part = call(batch.create, inputs(True))
    assert part.status == 207 and [one.object_write_trace_id for one in part.model.results] == ["w-0"]
    assert part.model.errors[0].context["objectWriteTraceId"] == ["w-1"], part.model.errors


@check
def a_list_gives_every_record_once_in_order_of_id():
    made = [new("notes").id for _ in range(230)]
    listed = [one.id for one in CLIENT.crm.objects.get_all("notes")]
    assert len(set(listed)) == len(listed) and set(made) <= set(listed)
    assert [int(one) for one in listed] == sorted(int(one) for one in listed)
    page = call(api("notes").basic_api.get_page, limit=100).model
    assert len(page.results) == 100 and int(page.paging.next.after) > int(page.results[-1].id)
    refused(400, api("notes").basic_api.get_page, limit=101)
    refused(400, api("notes").basic_api.get_page, limit=51, properties_with_history=["hs_note_body"])


@check
def a_listed_record_shows_its_associations():
    company = new("companies").id
    contact = new("contacts", {"email": "linked@example.org"}, [(company, 279)]).id
    read = call(api("contacts").basic_api.get_by_id, contact, associations=["companies"]).model
    found = read.associations["companies"].results
    assert {one.id for one in found} == {company} and all(one.type.startswith("contact_to_company") for one in found)
    page = call(api("contacts").basic_api.get_page, limit=100, associations=["companies"]).model
    shown = next(one for one in page.results if one.id == contact)
    assert {one.id for one in shown.associations["companies"].results} == {company}


SCENE = {}


def scene():
    """Five deals with known amounts, and a contact one of them belongs to; made once, old enough for search."""
    if not SCENE:
        SCENE["contact"] = new("contacts", {"email": "search@example.org", "firstname": "Grace Lee"}).id
        for amount in (100, 200, 300, 400, None):
            properties = {"dealname": f"Pump {amount}", "dealstage": "contractsent", "pipeline": "default"}
            if amount:
                properties["amount"] = str(amount)
            linked = [(SCENE["contact"], 3)] if amount == 400 else []
            SCENE[amount] = new("deals", properties, linked).id
        SANDBOX.advance("1m")
    return SCENE


@check
def each_search_operator_finds_its_records():
    made = scene()
    pump = {"property_name": "dealname", "operator": "CONTAINS_TOKEN", "value": "pump*"}

    def found(**filter):
        page = search("deals", [[pump, filter]])
        assert page.total == len(page.results)
        return {amount for amount, id in made.items() if id in {one.id for one in page.results}}

    def amount(operator, **more):
        return found(property_name="amount", operator=operator, **more)

    assert amount("EQ", value="200") == {200}
    assert amount("NEQ", value="200") == {100, 300, 400}
    assert amount("LT", value="200") == {100}
    assert amount("LTE", value="200") == {100, 200}
    assert amount("GT", value="300") == {400}
    assert amount("GTE", value="300") == {300, 400}
    assert amount("BETWEEN", value="200", high_value="300") == {200, 300}
    assert amount("IN", values=["100", "400"]) == {100, 400}
    assert amount("NOT_IN", values=["100", "400"]) == {200, 300}
    assert amount("HAS_PROPERTY") == {100, 200, 300, 400}
    assert amount("NOT_HAS_PROPERTY") == {None}
    assert found(property_name="dealname", operator="NOT_CONTAINS_TOKEN", value="100") == {200, 300, 400, None}
    assert found(property_name="dealname", operator="IN", values=["pump 100"]) == {100}
    assert found(property_name="dealname", operator="IN", values=["Pump 100"]) == set()
    assert found(property_name="dealstage", operator="EQ", value="CONTRACTSENT") == set()
    assert found(property_name="associations.contact", operator="EQ", value=made["contact"]) == {400}


@check
def groups_are_alternatives_and_the_text_query_looks_everywhere():
    made = scene()
    either = search(
        "deals",
        [
            [{"property_name": "amount", "operator": "EQ", "value": "100"}],
            [{"property_name": "amount", "operator": "EQ", "value": "300"}],
        ],
    )
    assert {one.id for one in either.results} == {made[100], made[300]}
    assert [one.id for one in search("deals", query="pump 200").results] == [made[200]]


@check
def search_pages_by_offset_in_the_asked_order():
    made = scene()
    pump = [[{"property_name": "dealname", "operator": "CONTAINS_TOKEN", "value": "pump*"}]]
    asked = {"sorts": ["-amount"], "limit": 2, "properties": ["amount"]}
    first = search("deals", pump, **asked)
    assert first.total == 5 and first.paging.next.after == "2"
    second = search("deals", pump, after=first.paging.next.after, **asked)
    third = search("deals", pump, after=second.paging.next.after, **asked)
    assert third.paging is None
    order = [one.id for page in (first, second, third) for one in page.results]
    assert order[:4] == [made[400], made[300], made[200], made[100]] and order[4] == made[None]
    by_age = search("deals", pump, sorts=[{"propertyName": "createdate", "direction": "ASCENDING"}])
    assert [one.id for one in by_age.results] == [made[amount] for amount in (100, 200, 300, 400, None)]


@check
def search_refuses_what_is_too_much():
    many = [{"property_name": "amount", "operator": "GT", "value": "1"}]
    for groups in ([many] * 6, [many * 7], [many * 5] * 4):
        m = models("deals")
        request = m.PublicObjectSearchRequest(
            filter_groups=[m.FilterGroup(filters=[m.Filter(**one) for one in group]) for group in groups],
            properties=[], limit=10, sorts=[],
        )
        assert refused(400, api("deals").search_api.do_search, request)["category"] == "VALIDATION_ERROR"
    request = models("deals").PublicObjectSearchRequest(filter_groups=[], properties=[], limit=201, sorts=[])
    refused(400, api("deals").search_api.do_search, request)
    request.limit, request.after = 200, "9900"
    refused(400, api("deals").search_api.do_search, request)
    request.after, request.properties = "0", ["a_property_with_a_long_name"] * 120
    refused(400, api("deals").search_api.do_search, request)


@check
def search_lags_behind_a_write_and_sends_no_rate_headers():
    made = new("contacts", {"email": "lag@example.org"})
    mine = [[{"property_name": "email", "operator": "EQ", "value": "lag@example.org"}]]
    assert search("contacts", mine).total == 0
    SANDBOX.advance("3s")
    assert [one.id for one in search("contacts", mine).results] == [made.id]
    m = models("contacts")
    request = m.PublicObjectSearchRequest(filter_groups=[], properties=[], limit=1, sorts=[])
    headers = call(api("contacts").search_api.do_search, request).headers
    assert not [name for name in headers if name.lower().startswith("x-hubspot-ratelimit")], headers


@check
def contacts_have_a_modification_property_of_their_own():
    made = new("contacts", {"email": "cursor@example.org"})
    SANDBOX.advance("1m")
    at = int(made.updated_at.timestamp() * 1000)
    window = {"operator": "BETWEEN", "value": str(at - 1000), "high_value": str(at + 1000)}
    found = search("contacts", [[{"property_name": "lastmodifieddate"} | window]])
    assert made.id in {one.id for one in found.results}
    assert search("contacts", [[{"property_name": "hs_lastmodifieddate"} | window]]).total == 0


@check
def associations_are_created_read_and_archived_in_batches():
    batch = CLIENT.crm.associations.v4.batch_api
    contact, lonely = new("contacts", {"email": "v4@example.org"}).id, new("contacts", {"email": "v4b@example.org"}).id
    tasks = [new("tasks").id for _ in range(3)]
    spec = links.AssociationSpec("HUBSPOT_DEFINED", AssociationType.TASK_TO_CONTACT)
    inputs = [
        links.PublicAssociationMultiPost(types=[spec], _from=links.PublicObjectId(id=task), to=links.PublicObjectId(id=contact))
        for task in tasks
    ]
    made = call(batch.create, "tasks", "contacts", links.BatchInputPublicAssociationMultiPost(inputs=inputs))
    assert made.status == 201 and made.model.status == "COMPLETE" and len(made.model.results) == 3
    assert {str(one.from_object_id) for one in made.model.results} == set(tasks)
    assert made.model.results[0].from_object_type_id == "0-27" and made.model.results[0].to_object_type_id == "0-1"
    wanted = [links.PublicFetchAssociationsBatchRequest(id=one) for one in (contact, lonely)]
    read = call(batch.get_page, "contacts", "tasks", links.BatchInputPublicFetchAssociationsBatchRequest(inputs=wanted))
    assert read.status == 207 and read.model.num_errors == 1, read.model
    assert read.model.errors[0].sub_category == "crm.associations.NO_ASSOCIATIONS_FOUND"
    assert read.model.errors[0].context["fromObjectId"] == [lonely], read.model.errors
    (found,) = read.model.results
    assert found._from.id == contact and {one.to_object_id for one in found.to} == set(tasks)
    assert found.to[0].association_types[0].type_id == AssociationType.CONTACT_TO_TASK
    ends = [
        links.PublicAssociationMultiArchive(
            _from=links.PublicObjectId(id=contact), to=[links.PublicObjectId(id=task) for task in tasks[:2]]
        )
    ]
    gone = call(batch.archive, "contacts", "tasks", links.BatchInputPublicAssociationMultiArchive(inputs=ends))
    assert gone.status == 204
    left = call(batch.get_page, "contacts", "tasks", links.BatchInputPublicFetchAssociationsBatchRequest(inputs=wanted[:1]))
    assert left.status == 200 and [one.to_object_id for one in left.model.results[0].to] == tasks[2:]


@check
def a_wrong_direction_links_nothing():
    batch = CLIENT.crm.associations.v4.batch_api
    contact, task = new("contacts", {"email": "wrong@example.org"}).id, new("tasks").id
    spec = links.AssociationSpec("HUBSPOT_DEFINED", AssociationType.CONTACT_TO_TASK)
    ends = {"_from": links.PublicObjectId(id=task), "to": links.PublicObjectId(id=contact)}
    body = links.BatchInputPublicAssociationMultiPost(inputs=[links.PublicAssociationMultiPost(types=[spec], **ends)])
    assert refused(400, batch.create, "tasks", "contacts", body)["category"] == "VALIDATION_ERROR"
    assert CLIENT.crm.associations.v4.basic_api.get_page("tasks", task, "contacts").results == []
    m = models("tasks")
    link = m.PublicAssociationsForObject(
        to=m.PublicObjectId(id=contact),
        types=[m.AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=203)],
    )
    inline = m.SimplePublicObjectInputForCreate(properties=KINDS["tasks"][1], associations=[link])
    error = refused(400, api("tasks").basic_api.create, inline)
    assert "one or more associations are not valid" in error["message"], error


@check
def the_default_association_needs_no_type():
    v4 = CLIENT.crm.associations.v4
    contact, deals = new("contacts", {"email": "default@example.org"}).id, [new("deals").id for _ in range(3)]
    made = call(v4.basic_api.create_default, "deals", deals[0], "contacts", contact)
    assert made.status == 200 and made.model.status == "COMPLETE"
    assert {one.association_spec.association_type_id for one in made.model.results} == {3, 4}
    inputs = [
        links.PublicDefaultAssociationMultiPost(_from=links.PublicObjectId(id=deal), to=links.PublicObjectId(id=contact))
        for deal in deals[1:]
    ]
    body = links.BatchInputPublicDefaultAssociationMultiPost(inputs=inputs)
    made = call(v4.batch_api.create_default, "deals", "contacts", body)
    assert made.status == 200 and made.model.status == "COMPLETE", made.status
    assert {one._from.id for one in made.model.results} >= set(deals[1:]), made.model
    listed = call(v4.basic_api.get_page, "contacts", contact, "deals", limit=2).model
    rest = call(v4.basic_api.get_page, "contacts", contact, "deals", limit=2, after=listed.paging.next.after).model
    assert [one.to_object_id for one in [*listed.results, *rest.results]] == deals and rest.paging is None


@check
def a_labelled_association_sets_the_whole_label_set():
    v4 = CLIENT.crm.associations.v4
    definitions = v4.schema.definitions_api
    body = labels.PublicAssociationDefinitionCreateRequest(label="Reports to", name="reports", inverse_label="Manages")
    made = call(definitions.create, "contacts", "companies", body).model.results
    assert {one.label for one in made} == {"Reports to", "Manages"}, made
    assert all(one.category == "USER_DEFINED" for one in made)
    listed = {one.label: one for one in call(definitions.get_all, "contacts", "companies").model.results}
    assert "Reports to" in listed and listed["Primary"].type_id == 1 and listed[None].type_id == 279, listed
    back = {one.label for one in call(definitions.get_all, "companies", "contacts").model.results}
    assert "Manages" in back and "Reports to" not in back, back
    contact, company = new("contacts", {"email": "label@example.org"}).id, new("companies").id
    both = [links.AssociationSpec("USER_DEFINED", listed["Reports to"].type_id), links.AssociationSpec("HUBSPOT_DEFINED", 1)]
    done = call(v4.basic_api.create, "contacts", contact, "companies", company, both)
    assert done.status == 201 and set(done.model.labels) == {"Reports to", "Primary"}
    again = call(v4.basic_api.create, "contacts", contact, "companies", company, both[:1])
    assert again.model.labels == ["Reports to"], "labels left out are dropped"
    one = links.PublicAssociationMultiPost(
        types=both[:1], _from=links.PublicObjectId(id=contact), to=links.PublicObjectId(id=company)
    )
    many = links.BatchInputPublicAssociationMultiPost(inputs=[one])
    assert call(v4.batch_api.archive_labels, "contacts", "companies", many).status == 204
    (left,) = v4.basic_api.get_page("contacts", contact, "companies").results
    assert [kind.type_id for kind in left.association_types] == [279], left
    assert call(v4.basic_api.archive, "contacts", contact, "companies", company).status == 204
    assert v4.basic_api.get_page("contacts", contact, "companies").results == []


@check
def a_label_is_renamed_and_removed():
    definitions = CLIENT.crm.associations.v4.schema.definitions_api
    body = labels.PublicAssociationDefinitionCreateRequest(label="Advisor", name="advisor")
    call(definitions.create, "deals", "contacts", body)
    mine = next(one for one in definitions.get_all("deals", "contacts").results if one.label == "Advisor")
    change = labels.PublicAssociationDefinitionUpdateRequest(label="Counsel", association_type_id=mine.type_id)
    assert call(definitions.update, "deals", "contacts", change).status == 204
    assert "Counsel" in {one.label for one in definitions.get_all("deals", "contacts").results}
    assert call(definitions.remove, "deals", "contacts", mine.type_id).status == 204
    assert [one.label for one in definitions.get_all("deals", "contacts").results if one.label] == []


@check
def an_activity_takes_its_associations_at_creation():
    contact, deal = new("contacts", {"email": "inline@example.org"}).id, new("deals").id
    task = new("tasks", None, [(contact, 204), (deal, 216)]).id
    v4 = CLIENT.crm.associations.v4.basic_api
    for kind, end in (("contacts", contact), ("deals", deal)):
        assert [one.to_object_id for one in call(v4.get_page, "tasks", task, kind).model.results] == [end]


@check
def a_lead_needs_its_contact_and_goes_with_the_link():
    m, leads = importlib.import_module("hubspot.crm.objects.leads"), CLIENT.crm.objects.leads.basic_api
    contact = new("contacts", {"email": "lead@example.org"}).id
    primary = m.PublicAssociationsForObject(
        to=m.PublicObjectId(id=contact),
        types=[m.AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=578)],
    )
    alone = m.SimplePublicObjectInputForCreate(properties={"hs_lead_name": "Ana"}, associations=[])
    refused(400, leads.create, alone)
    linked = m.SimplePublicObjectInputForCreate(properties={"hs_lead_name": "Ana"}, associations=[primary])
    made = call(leads.create, linked)
    assert made.status == 201 and call(leads.get_by_id, made.model.id, properties=["hs_lead_name"]).model.id
    CLIENT.crm.associations.v4.basic_api.archive("leads", made.model.id, "contacts", contact)
    refused(404, leads.get_by_id, made.model.id)


@check
def a_merge_leaves_one_record_that_names_the_others():
    m, contacts = models("contacts"), CLIENT.crm.contacts.basic_api
    kept = new("contacts", {"email": "kept@example.org", "firstname": "Kim"}).id
    lost = new("contacts", {"email": "lost@example.org", "lastname": "Berg"}).id
    task = new("tasks", None, [(lost, 204)]).id
    merged = call(contacts.merge, m.PublicMergeInput(primary_object_id=kept, object_id_to_merge=lost))
    assert merged.status == 200 and merged.model.id not in (kept, lost), "the survivor has a new id"
    asked = ["hs_merged_object_ids", "hs_additional_emails", "email", "firstname", "lastname"]
    survivor = call(contacts.get_by_id, merged.model.id, properties=asked).model
    assert set(survivor.properties["hs_merged_object_ids"].split(";")) == {kept, lost}
    assert survivor.properties["email"] == "kept@example.org" and survivor.properties["lastname"] == "Berg"
    assert survivor.properties["hs_additional_emails"] == "lost@example.org"
    listed = {one.id for one in api("contacts").get_all()}
    assert merged.model.id in listed and not {kept, lost} & listed
    changed = call(contacts.update, lost, m.SimplePublicObjectInput(properties={"firstname": "Kay"}))
    assert changed.model.id == merged.model.id, "an old id still takes a single change"
    batch = call(
        CLIENT.crm.contacts.batch_api.update,
        m.BatchInputSimplePublicObjectBatchInput(inputs=[m.SimplePublicObjectBatchInput(id=lost, properties={})]),
    )
    assert batch.status == 207 and batch.model.results == [], "but not a batch change"
    found = CLIENT.crm.associations.v4.basic_api.get_page("contacts", merged.model.id, "tasks").results
    assert [one.to_object_id for one in found] == [task]


@check
def a_second_contact_with_an_address_is_a_conflict():
    made = new("contacts", {"email": "twice@example.org"})
    body = models("contacts").SimplePublicObjectInputForCreate(properties={"email": "Twice@example.org"}, associations=[])
    error = refused(409, CLIENT.crm.contacts.basic_api.create, body)
    assert error["category"] == "CONFLICT" and error["message"].endswith(f"Existing ID: {made.id}"), error
    assert is_uuid(error["correlationId"]), error


@check
def a_refused_value_is_named_inside_the_message():
    m = models("tasks")
    wrong = {"hs_task_status": "LATER", "no_such_property": "x", "hs_object_id": "7", "hs_task_reminders": "tomorrow"}
    body = m.SimplePublicObjectInputForCreate(properties=KINDS["tasks"][1] | wrong, associations=[])
    error = refused(400, CLIENT.crm.objects.tasks.basic_api.create, body)
    assert error["category"] == "VALIDATION_ERROR" and error["status"] == "error"
    start, text = error["message"].split(": ", 1)
    assert start == "Property values were not valid"
    inner = {one["name"]: one["error"] for one in json.loads(text)}
    assert inner == {
        "hs_task_status": "INVALID_OPTION", "no_such_property": "PROPERTY_DOESNT_EXIST",
        "hs_object_id": "READ_ONLY_VALUE", "hs_task_reminders": "INVALID_INTEGER",
    }, inner
    assert {one["context"]["propertyName"][0] for one in error["errors"]} == set(wrong)
    body = m.SimplePublicObjectInputForCreate(properties={"hs_task_subject": "no date"}, associations=[])
    assert "hs_timestamp" in json.dumps(refused(400, CLIENT.crm.objects.tasks.basic_api.create, body))
    body = models("contacts").SimplePublicObjectInputForCreate(properties={"email": "nobody"}, associations=[])
    assert "INVALID_EMAIL" in refused(400, CLIENT.crm.contacts.basic_api.create, body)["message"]


@check
def what_is_not_there_is_a_404():
    for kind in KINDS:
        error = refused(404, api(kind).basic_api.get_by_id, "999999999")
        assert error["category"] == "OBJECT_NOT_FOUND", error
    change = models("deals").SimplePublicObjectInput(properties={"amount": "1"})
    refused(404, CLIENT.crm.deals.basic_api.update, "999999999", change)


@check
def a_missing_or_foreign_bearer_is_a_401():
    for token in ("pat-eu1-00000000-0000-4000-8000-000000000000", None):
        nobody = Client.create(access_token=token, host=SANDBOX.base_url)
        error = refused(401, nobody.crm.contacts.basic_api.get_page)
        assert error["category"] == "INVALID_AUTHENTICATION", error
        assert error["message"].startswith("Authentication credentials not found"), error


@check
def an_access_token_ends_after_half_an_hour():
    fields = {"client_id": SANDBOX.client_id, "client_secret": SANDBOX.client_secret}
    token = Client.create(host=SANDBOX.base_url).oauth.tokens_api.create(
        grant_type="refresh_token", refresh_token=SANDBOX.refresh_token, **fields
    )
    mine = Client.create(access_token=token.access_token, host=SANDBOX.base_url)
    SANDBOX.advance("29m")
    mine.crm.contacts.basic_api.get_page(limit=1)
    SANDBOX.advance("2m")
    refused(401, mine.crm.contacts.basic_api.get_page, limit=1)


@check
def a_scope_taken_away_is_a_403_that_names_it():
    SANDBOX.fault("GET /crm/v3/objects/deals", "forbid")
    error = refused(403, CLIENT.crm.deals.basic_api.get_page)
    assert error["category"] == "MISSING_SCOPES", error
    assert error["errors"][0]["context"]["requiredGranularScopes"] == ["crm.objects.deals.read"], error
    call(CLIENT.crm.deals.basic_api.get_page)


@check
def each_429_has_its_own_shape():
    page = CLIENT.crm.contacts.basic_api.get_page
    for kind, message, policy in (
        ("daily", "You have reached your daily limit.", "DAILY"),
        ("burst", "You have reached your ten_secondly_rolling limit.", "TEN_SECONDLY_ROLLING"),
    ):
        SANDBOX.fault("GET /crm/v3/objects/contacts", f"throttle:{kind}")
        error = refused(429, page)
        assert (error["message"], error["policyName"], error["errorType"]) == (message, policy, "RATE_LIMIT"), error
    SANDBOX.fault("POST /crm/v3/objects/contacts/search", "throttle:search")
    request = models("contacts").PublicObjectSearchRequest(filter_groups=[], properties=[], limit=1, sorts=[])
    error = refused(429, CLIENT.crm.contacts.search_api.do_search, request)
    assert error["message"] == "You have reached your secondly limit." and error["category"] == "RATE_LIMITS"
    assert "policyName" not in error, error


@check
def a_moving_portal_says_for_how_long_and_a_locked_record_that_it_is():
    SANDBOX.fault("GET /crm/v3/objects/deals", "status:477")
    try:
        CLIENT.crm.deals.basic_api.get_page()
    except Exception as error:
        assert error.status == 477 and int(error.headers["Retry-After"]) > 0, error
    else:
        raise AssertionError("went through")
    deal = new("deals").id
    SANDBOX.fault("PATCH /crm/v3/objects/deals", "status:423")
    change = models("deals").SimplePublicObjectInput(properties={"amount": "7"})
    refused(423, CLIENT.crm.deals.basic_api.update, deal, change)
    assert call(CLIENT.crm.deals.basic_api.update, deal, change).model.properties["amount"] == "7"


@check
def a_lost_answer_may_hide_a_write():
    SANDBOX.fault("POST /crm/v3/objects/notes", "close_after_commit")
    body = models("notes").SimplePublicObjectInputForCreate(properties={"hs_timestamp": DUE}, associations=[])
    before = {one.id for one in CLIENT.crm.objects.get_all("notes")}
    # The client's transport does not repeat a POST that was sent.
    try:
        CLIENT.crm.objects.notes.basic_api.create(body)
    except Exception as error:
        assert getattr(error, "status", None) is None, error
    else:
        raise AssertionError("went through")
    assert len({one.id for one in CLIENT.crm.objects.get_all("notes")} - before) == 1


@check
def the_clients_own_retry_gets_past_a_short_outage():
    retry = Retry(total=3, backoff_factor=0.01, status_forcelist=(429, 502, 503, 504), allowed_methods=None)
    patient = Client.create(access_token=SANDBOX.access_token, host=SANDBOX.base_url, retry=retry)
    SANDBOX.fault("GET /crm/v3/owners", "status:503", 2)
    assert patient.crm.owners.owners_api.get_page().results
    SANDBOX.fault("GET /crm/v3/owners", "html:502", 2)
    assert patient.crm.owners.owners_api.get_page().results
    SANDBOX.fault("GET /crm/v3/owners", "close_before", 1)
    assert patient.crm.owners.owners_api.get_page().results


@check
def a_page_with_ten_thousand_characters_of_properties_is_too_long():
    try:
        CLIENT.crm.contacts.basic_api.get_page(properties=["a_property_with_a_long_name"] * 400)
    except Exception as error:
        assert error.status == 414 and "<html>" in error.body, error
    else:
        raise AssertionError("went through")


@check
def dates_follow_the_simulated_clock():
    before = SANDBOX.now()
    made = new("notes")
    assert abs(made.created_at - before) < datetime.timedelta(seconds=1), (made.created_at, before)


if __name__ == "__main__":
    main("python")
