"""simple-salesforce and aiosalesforce, unmodified but for the host, against the served Salesforce org.

The clients insist on https and on Salesforce's host names; a transport below them sends everything to the sandbox.
"""

import asyncio
import csv
import datetime
import io
import json
import os
import pathlib
import sys
import urllib.parse

import aiosalesforce.exceptions
import httpx
import jwt
import requests
from aiosalesforce import Salesforce as AsyncSalesforce
from aiosalesforce.auth import ClientCredentialsFlow, JwtBearerFlow
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce, format_soql
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceGeneralError,
    SalesforceMalformedRequest,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support import CHECKS, check, main  # noqa: E402

READY = json.loads(os.environ["FIDELITY_SANDBOX"])["salesforce"]
BASE = READY["instance_url"]
VERSION = "62.0"


class ToSandbox(HTTPAdapter):
    """Sends whatever was meant for Salesforce's hosts to the sandbox, over plain http."""

    def send(self, request, **options):
        parts = urllib.parse.urlsplit(request.url)
        request.url = BASE + urllib.parse.urlunsplit(("", "", parts.path, parts.query, ""))
        return super().send(request, **options)


class AsyncToSandbox(httpx.AsyncHTTPTransport):
    async def handle_async_request(self, request):
        request.url = httpx.URL(BASE + request.url.raw_path.decode())
        return await super().handle_async_request(request)


def session():
    made = requests.Session()
    made.mount("https://", ToSandbox())
    return made


def control(path, body=None):
    answer = requests.request("GET" if body is None else "POST", f"{BASE}/_sandbox/{path}", json=body, timeout=60)
    assert answer.status_code == 200, (path, answer.status_code, answer.text)
    return answer.json()


def settings(**changes):
    return control("salesforce", changes)


def fault(match, kind, times=1):
    control("faults", [{"match": match, "kind": kind, "times": times}])


def refused(kind, call, *arguments, **named):
    """The error the client raises, its status and decoded body."""
    try:
        call(*arguments, **named)
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


sf = Salesforce(instance_url=BASE, session_id=READY["access_token"], session=session(), version=VERSION)


def a_user():
    return sf.query("SELECT Id FROM User WHERE IsActive = true AND UserType = 'Standard' ORDER BY Id DESC")["records"][0]["Id"]


def a_lead(last_name, **fields):
    return sf.Lead.create({"LastName": last_name, "Company": "Kestrel Optics", **fields})["id"]


def a_task(**fields):
    return sf.Task.create({"Subject": "Reply", "ActivityDate": "2026-03-03", **fields})["id"]


# -- logging in --------------------------------------------------------------------------------------------------


@check
def client_credentials_log_in_by_basic_authentication():
    client = Salesforce(
        consumer_key=READY["client_id"], consumer_secret=READY["client_secret"], domain="brightdesk.my",
        session=session(), version=VERSION,
    )
    assert client.auth_type == "client-credentials"
    assert client.query("SELECT COUNT() FROM User")["totalSize"] > 0


@check
def a_signed_assertion_logs_in_and_a_wrong_audience_does_not():
    # The library takes `exp` from the wall clock, the sandbox judges it by the simulated date.
    key = pathlib.Path(READY["jwt_key_file"]).read_text(encoding="ascii")
    now = datetime.datetime.fromisoformat(control("now")["now"])
    claims = {"iss": READY["client_id"], "sub": READY["username"], "aud": "https://login.salesforce.com",
              "exp": int((now + datetime.timedelta(minutes=3)).timestamp())}

    def ask(claims):
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
                "assertion": jwt.encode(claims, key, algorithm="RS256")}
        return requests.post(f"{BASE}/services/oauth2/token", data=form, timeout=60)

    answer = ask(claims).json()
    assert answer["instance_url"] == BASE and "refresh_token" not in answer and "expires_in" not in answer
    wrong = ask({**claims, "aud": "https://example.com"})
    assert wrong.status_code == 400
    assert wrong.json() == {"error": "invalid_grant", "error_description": "Audience validation failed"}


@check
def the_client_logs_in_with_its_own_assertion():
    client = Salesforce(
        username=READY["username"], consumer_key=READY["client_id"], privatekey_file=READY["jwt_key_file"],
        session=session(), version=VERSION,
    )
    assert client.auth_type == "jwt-bearer"
    assert client.query("SELECT Id FROM Organization")["totalSize"] == 1


@check
def a_wrong_secret_is_refused():
    error = refused(
        SalesforceAuthenticationFailed, Salesforce, consumer_key=READY["client_id"], consumer_secret="wrong",
        domain="brightdesk.my", session=session(),
    )
    assert "invalid client credentials" in str(error)


@check
def an_invalid_session_is_an_expired_session():
    stranger = Salesforce(instance_url=BASE, session_id="00D!nobody", session=session(), version=VERSION)
    error = refused(SalesforceExpiredSession, stranger.query, "SELECT Id FROM Lead")
    assert error.status == 401
    assert error.content == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]


@check
def the_oauth_resources_answer():
    info = sf.oauth2("userinfo")
    assert info["preferred_username"] == READY["username"]
    assert info["organization_id"].startswith("00D")


# -- queries -----------------------------------------------------------------------------------------------------


@check
def a_query_answers_records_with_attributes():
    lead = a_lead("Attributes", Email="attributes@example.com")
    answer = sf.query(format_soql("SELECT Id, Name, CreatedDate, Owner.Name FROM Lead WHERE Email = {}", "attributes@example.com"))
    record = answer["records"][0]
    assert (answer["totalSize"], answer["done"]) == (1, True)
    assert record["Id"] == lead and len(lead) == 18 and lead.startswith("00Q")
    assert record["attributes"] == {"type": "Lead", "url": f"/services/data/v{VERSION}/sobjects/Lead/{lead}"}
    assert record["CreatedDate"].endswith(".000+0000")
    assert record["Owner"]["Name"] == "Integration User"
    assert "attributes" in record["Owner"]


@check
def nothing_found_is_an_empty_list():
    answer = sf.query("SELECT Id FROM Lead WHERE Email = 'nobody@example.com'")
    assert dict(answer) == {"totalSize": 0, "done": True, "records": []}


@check
def paging_goes_by_locator():
    for first in range(0, 2200, 200):
        records = [
            {"attributes": {"type": "Account"}, "Name": f"Paged {number:05}"} for number in range(first, first + 200)
        ]
        done = sf.restful("composite/sobjects", method="POST", json={"allOrNone": True, "records": records})
        assert all(row["success"] for row in done)
    first = sf.query("SELECT Id, Name FROM Account WHERE Name LIKE 'Paged %' ORDER BY Name")
    assert (first["totalSize"], first["done"], len(first["records"])) == (2200, False, 2000)
    assert first["nextRecordsUrl"].startswith(f"/services/data/v{VERSION}/query/")
    rest = sf.query_more(first["nextRecordsUrl"], identifier_is_url=True)
    assert (rest["done"], len(rest["records"]), rest["records"][-1]["Name"]) == (True, 200, "Paged 02199")
    assert "nextRecordsUrl" not in rest
    error = refused(SalesforceMalformedRequest, sf.query_more, first["nextRecordsUrl"], True)
    assert error.content[0]["errorCode"] == "INVALID_QUERY_LOCATOR"
    names = [record["Name"] for record in sf.query_all_iter("SELECT Name FROM Account WHERE Name LIKE 'Paged %'")]
    assert len(names) == len(set(names)) == 2200


@check
def the_wished_page_size_holds():
    sf.headers["Sforce-Query-Options"] = "batchSize=200"
    page = sf.query("SELECT Id FROM Account WHERE Name LIKE 'Paged %'")
    del sf.headers["Sforce-Query-Options"]
    assert len(page["records"]) == 200 and not page["done"]


@check
def deleted_records_come_with_query_all_only():
    lead = a_lead("Deleted")
    sf.Lead.delete(lead)
    text = f"SELECT Id, IsDeleted FROM Lead WHERE Id = '{lead}'"
    assert sf.query(text)["totalSize"] == 0
    assert sf.query_all(text, include_deleted=True)["records"][0]["IsDeleted"] is True


@check
def aggregates_and_children_answer():
    lead = a_lead("Children")
    a_task(WhoId=lead)
    counted = sf.query(f"SELECT Status, COUNT(Id) total FROM Task WHERE WhoId = '{lead}' GROUP BY Status")
    assert counted["records"][0]["attributes"] == {"type": "AggregateResult"}
    assert (counted["records"][0]["Status"], counted["records"][0]["total"]) == ("Not Started", 1)
    nested = sf.query(f"SELECT Id, (SELECT Subject FROM Tasks) FROM Lead WHERE Id = '{lead}'")
    assert nested["records"][0]["Tasks"]["records"][0]["Subject"] == "Reply"


@check
def mistakes_in_a_query_have_the_vendors_names():
    for text, code, part in [
        ("SELECT Id, Nothing FROM Lead", "INVALID_FIELD", "No such column 'Nothing' on entity 'Lead'"),
        ("SELECT Id FROM Nothing", "INVALID_TYPE", "sObject type 'Nothing' is not supported"),
        ("SELECT Id FORM Lead", "MALFORMED_QUERY", "unexpected token"),
        ("SELECT Id FROM Task WHERE Description LIKE 'x%'", "INVALID_FIELD", "can not be filtered"),
        ("SELECT Id FROM Task WHERE SystemModstamp > '2026-01-01'", "INVALID_FIELD", "must be of type dateTime"),
    ]:
        error = refused(SalesforceMalformedRequest, sf.query, text)
        assert error.content[0]["errorCode"] == code, (text, error.content)
        assert part in error.content[0]["message"], (text, error.content)
    assert "ERROR at Row:1:Column:12" in refused(
        SalesforceMalformedRequest, sf.query, "SELECT Id, Nothing FROM Lead").content[0]["message"]


# -- describe ----------------------------------------------------------------------------------------------------


@check
def describe_tells_fields_and_types():
    kinds = {kind["name"]: kind for kind in sf.describe()["sobjects"]}
    assert kinds["Task"]["keyPrefix"] == "00T" and "TaskRelation" not in kinds
    fields = {field["name"]: field for field in sf.Task.describe()["fields"]}
    key = fields["FollowupKey__c"]
    assert key["externalId"] and key["unique"] and key["idLookup"] and key["custom"]
    assert fields["WhoId"]["referenceTo"] == ["Contact", "Lead"] and fields["WhoId"]["relationshipName"] == "Who"
    assert fields["IsClosed"]["createable"] is False
    assert not fields["Description"]["filterable"]
    assert [value["value"] for value in fields["Status"]["picklistValues"]][0] == "Not Started"
    assert sf.Task.metadata()["objectDescribe"]["name"] == "Task"


@check
def a_hidden_field_vanishes():
    settings(hidden_fields=["Task.Type"])
    try:
        for kind in (sf.Task, sf.Event):
            assert "Type" not in [field["name"] for field in kind.describe()["fields"]]
        assert refused(SalesforceMalformedRequest, sf.query, "SELECT Type FROM Task").content[0]["errorCode"] == "INVALID_FIELD"
        error = refused(SalesforceMalformedRequest, sf.Task.create, {"Subject": "x", "Type": "Call"})
        assert error.content[0]["message"] == "No such column 'Type' on sobject of type Task"
    finally:
        settings(hidden_fields=[])


@check
def limits_and_usage_are_told():
    limits = sf.limits()
    assert limits["DailyApiRequests"]["Max"] == 110_000
    usage = sf.api_usage["api-usage"]
    assert (usage.total, usage.used > 0) == (110_000, True)
    settings(limit_info_per_app=True)
    sf.query("SELECT Id FROM Organization")
    assert sf.api_usage["per-app-api-usage"].name == "followup-app"
    settings(limit_info_per_app=False)


# -- rows --------------------------------------------------------------------------------------------------------


@check
def rows_are_created_read_changed_and_deleted():
    made = sf.Task.create({"Subject": "Call back", "Priority": "High"})
    assert made["success"] is True and made["errors"] == []
    task = sf.Task.get(made["id"])
    assert (task["Status"], task["IsClosed"], task["IsHighPriority"], task["WhoId"]) == ("Not Started", False, True, None)
    assert sf.Task.update(made["id"], {"Status": "Completed"}) == 204
    done = sf.Task.get(made["id"])
    assert done["IsClosed"] is True and done["CompletedDateTime"].endswith("+0000")
    assert sf.Task.update(made["id"], {"Status": "In Progress"}) == 204
    assert sf.Task.get(made["id"])["CompletedDateTime"] is None
    assert sf.Task.delete(made["id"]) == 204
    error = refused(SalesforceResourceNotFound, sf.Task.delete, made["id"])
    assert error.content == [{"message": "entity is deleted", "errorCode": "ENTITY_IS_DELETED", "fields": []}]
    assert refused(SalesforceResourceNotFound, sf.Task.get, made["id"]).content[0]["errorCode"] == "NOT_FOUND"


@check
def external_id_routes_create_change_and_find():
    key = "FollowupKey__c/fu-python-1"
    assert refused(SalesforceResourceNotFound, sf.Task.get_by_custom_id, "FollowupKey__c", "fu-python-1").status == 404
    assert sf.Task.upsert(key, {"Subject": "First"}) == 201
    assert sf.Task.upsert(key, {"Subject": "Second"}) == 200
    task = sf.Task.get_by_custom_id("FollowupKey__c", "FU-PYTHON-1")
    assert (task["Subject"], task["FollowupKey__c"]) == ("Second", "fu-python-1")
    error = refused(SalesforceMalformedRequest, sf.Task.create, {"Subject": "Third", "FollowupKey__c": "fu-python-1"})
    assert error.content[0]["errorCode"] == "DUPLICATE_VALUE"
    assert task["Id"][:15] in error.content[0]["message"]
    assert refused(SalesforceResourceNotFound, sf.Task.upsert, "Subject/Second", {"Priority": "Low"}).status == 404
    only = "FollowupKey__c/fu-python-2?updateOnly=true"
    assert refused(SalesforceResourceNotFound, sf.Task.upsert, only, {"Subject": "x"}).status == 404


@check
def refused_values_are_named():
    lead, contact_free = a_lead("Refused"), "003000000000001AAA"
    inactive = sf.query("SELECT Id FROM User WHERE IsActive = false")["records"][0]["Id"]
    account = sf.Account.create({"Name": "Refused"})["id"]
    for fields, code in [
        ({"Status": "Later"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"Subject": "x" * 256}, "STRING_TOO_LONG"),
        ({"WhoId": account}, "FIELD_INTEGRITY_EXCEPTION"),
        ({"WhoId": lead, "WhatId": account}, "FIELD_INTEGRITY_EXCEPTION"),
        ({"WhoId": contact_free}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"WhoId": "nonsense"}, "MALFORMED_ID"),
        ({"OwnerId": inactive}, "INACTIVE_OWNER_OR_USER"),
        ({"IsClosed": True}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"Nothing": 1}, "INVALID_FIELD"),
        ({"ActivityDate": "soon"}, "JSON_PARSER_ERROR"),
    ]:
        error = refused(SalesforceMalformedRequest, sf.Task.create, fields)
        assert error.content[0]["errorCode"] == code, (fields, error.content)
    error = refused(SalesforceMalformedRequest, sf.Lead.create, {"FirstName": "Nobody"})
    assert error.content == [{
        "message": "Required fields are missing: [LastName, Company]", "errorCode": "REQUIRED_FIELD_MISSING",
        "fields": ["LastName", "Company"],
    }]


@check
def a_validation_rule_speaks_its_own_words():
    settings(validation_rules=[{
        "object": "Task", "field": "ActivityDate", "refuses": "blank", "message": "Every task needs a due date",
    }])
    error = refused(SalesforceMalformedRequest, sf.Task.create, {"Subject": "No date"})
    settings(validation_rules=[])
    assert error.content == [{
        "message": "Every task needs a due date", "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "fields": ["ActivityDate"],
    }]


@check
def deletions_and_changes_are_listed_by_time():
    lead, kept = a_lead("Window"), a_lead("Kept")
    sf.Lead.delete(lead)
    start = datetime.datetime.fromisoformat(control("now")["now"]) - datetime.timedelta(minutes=5)
    control("advance", {"by": "10m"})
    end = start + datetime.timedelta(minutes=14)
    deleted = sf.Lead.deleted(start, end)
    assert lead in [record["id"] for record in deleted["deletedRecords"]]
    assert deleted["latestDateCovered"].endswith("+0000")
    assert kept in sf.Lead.updated(start, end)["ids"]
    early = start - datetime.timedelta(days=16)
    error = refused(SalesforceMalformedRequest, sf.Lead.deleted, early, end)
    assert error.content[0]["errorCode"] == "INVALID_REPLICATION_DATE"


# -- many at once ------------------------------------------------------------------------------------------------


@check
def a_collection_has_an_outcome_for_each_record():
    records = [
        {"attributes": {"type": "Task"}, "Subject": "Good"},
        {"attributes": {"type": "Task"}, "Subject": "Bad", "Status": "Later"},
    ]
    rows = sf.restful("composite/sobjects", method="POST", json={"records": records})
    assert rows[0]["success"] and rows[0]["errors"] == [] and not rows[1]["success"]
    assert rows[1]["errors"][0]["statusCode"] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    assert rows[1]["errors"][0]["fields"] == ["Status"]
    rows = sf.restful("composite/sobjects", method="POST", json={"allOrNone": True, "records": records})
    assert [row["success"] for row in rows] == [False, False]
    assert rows[0]["errors"][0]["statusCode"] == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert refused(SalesforceResourceNotFound, sf.Task.get, rows[0]["id"]).status == 404


@check
def a_collection_upserts_by_external_id():
    records = [{"attributes": {"type": "Task"}, "FollowupKey__c": f"fu-many-{at}", "Subject": "Many"} for at in range(3)]
    path = "composite/sobjects/Task/FollowupKey__c"
    first = sf.restful(path, method="PATCH", json={"records": records})
    assert [row["created"] for row in first] == [True, True, True]
    again = sf.restful(path, method="PATCH", json={"records": records + records[:1]})
    assert [row["success"] for row in again] == [False, True, True, False]
    assert [row["created"] for row in again[1:3]] == [False, False]


@check
def a_composite_uses_earlier_results():
    parts = [
        {"method": "POST", "url": f"/services/data/v{VERSION}/sobjects/Account", "referenceId": "account",
         "body": {"Name": "Composite"}},
        {"method": "POST", "url": f"/services/data/v{VERSION}/sobjects/Contact", "referenceId": "contact",
         "body": {"LastName": "Composite", "AccountId": "@{account.id}"}},
        {"method": "GET", "url": f"/services/data/v{VERSION}/query?q=SELECT+Account.Name+FROM+Contact+WHERE+Id='@{{contact.id}}'",
         "referenceId": "found"},
        {"method": "GET", "url": f"/services/data/v{VERSION}/query?q=SELECT+Nothing+FROM+Contact", "referenceId": "wrong"},
    ]
    answers = sf.restful("composite", method="POST", json={"compositeRequest": parts})["compositeResponse"]
    assert [answer["httpStatusCode"] for answer in answers] == [201, 201, 200, 400]
    assert answers[2]["body"]["records"][0]["Account"]["Name"] == "Composite"
    assert answers[3]["body"][0]["errorCode"] == "INVALID_FIELD"
    assert [answer["referenceId"] for answer in answers] == ["account", "contact", "found", "wrong"]


@check
def a_batch_counts_each_part():
    before = control("stats")["quota"]["daily"]["used"]
    parts = [{"method": "GET", "url": f"v{VERSION}/limits"}, {"method": "GET", "url": f"v{VERSION}/sobjects/Nothing"}]
    answer = sf.restful("composite/batch", method="POST", json={"batchRequests": parts})
    assert answer["hasErrors"] is True
    assert [result["statusCode"] for result in answer["results"]] == [200, 404]
    assert control("stats")["quota"]["daily"]["used"] == before + 2


@check
def bulk_queries_come_in_pages_of_csv():
    pages = list(sf.bulk2.Account.query("SELECT Id, Name, Owner.Name FROM Account WHERE Name LIKE 'Paged %'", max_records=1000))
    rows = [row for page in pages for row in csv.DictReader(io.StringIO(page))]
    assert [len(list(csv.DictReader(io.StringIO(page)))) for page in pages] == [1000, 1000, 200]
    assert rows[0].keys() == {"Id", "Name", "Owner.Name"} and len({row["Id"] for row in rows}) == 2200


@check
def bulk_query_all_has_deleted_records():
    lead = a_lead("Bulk")
    sf.Lead.delete(lead)
    pages = sf.bulk2.Lead.query_all(f"SELECT Id, IsDeleted FROM Lead WHERE Id = '{lead}'")
    rows = [row for page in pages for row in csv.DictReader(io.StringIO(page))]
    assert rows == [{"Id": lead, "IsDeleted": "true"}]


# -- trouble -----------------------------------------------------------------------------------------------------


@check
def the_two_limits_have_one_code_and_two_messages():
    fault("GET /services/data", "throttle:daily")
    error = refused(SalesforceRefusedRequest, sf.query, "SELECT Id FROM Lead")
    assert error.content == [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]
    fault("GET /services/data", "throttle:concurrent")
    error = refused(SalesforceRefusedRequest, sf.query, "SELECT Id FROM Lead")
    assert error.content[0]["message"].startswith("ConcurrentRequests (Concurrent API Requests)")


@check
def a_long_transaction_locks_its_record():
    lead = a_lead("Locked")
    control("lock", {"id": lead, "for": "5m"})
    error = refused(SalesforceMalformedRequest, sf.Lead.update, lead, {"Title": "Buyer"})
    assert error.content[0]["errorCode"] == "UNABLE_TO_LOCK_ROW"
    error = refused(SalesforceMalformedRequest, sf.Task.create, {"Subject": "x", "ActivityDate": "2026-03-04", "WhoId": lead})
    assert error.content[0]["errorCode"] == "UNABLE_TO_LOCK_ROW" and lead in error.content[0]["message"]
    control("advance", {"by": "6m"})
    assert sf.Lead.update(lead, {"Title": "Buyer"}) == 204


@check
def a_locator_dies():
    first = sf.query("SELECT Id FROM Account WHERE Name LIKE 'Paged %'")
    fault("GET /services/data", "expire_page_token")
    error = refused(SalesforceMalformedRequest, sf.query_more, first["nextRecordsUrl"], True)
    assert error.content[0] == {"message": "invalid query locator", "errorCode": "INVALID_QUERY_LOCATOR"}
    first = sf.query("SELECT Id FROM Account WHERE Name LIKE 'Paged %'")
    control("advance", {"by": "49h"})
    error = refused(SalesforceMalformedRequest, sf.query_more, first["nextRecordsUrl"], True)
    assert error.content[0]["errorCode"] == "INVALID_QUERY_LOCATOR"


@check
def html_from_the_edge_is_no_json():
    fault("GET /services/data", "html:502")
    assert refused(SalesforceGeneralError, sf.query, "SELECT Id FROM Lead").status == 502
    error = refused(SalesforceGeneralError, sf.query, "SELECT Id FROM Lead WHERE Id IN ('" + "x" * 17_000 + "')")
    assert error.status == 414 and "Bad Message 414" in error.content


# -- aiosalesforce -----------------------------------------------------------------------------------------------


def run(play):
    """Runs `play(client)` with a client whose transport leads to the sandbox."""

    async def inner():
        async with httpx.AsyncClient(transport=AsyncToSandbox(), timeout=60) as http_client:
            auth = ClientCredentialsFlow(client_id=READY["client_id"], client_secret=READY["client_secret"])
            await play(AsyncSalesforce(http_client, "https://brightdesk.my.salesforce.com", auth=auth, version=VERSION))

    asyncio.run(inner())


@check
def the_async_client_queries_pages_and_limits():
    async def play(client):
        names = [record["Name"] async for record in client.query("SELECT Name FROM Account WHERE Name LIKE 'Paged %'")]
        assert len(set(names)) == 2200
        assert (await client.get_limits())["DailyApiRequests"]["Max"] == 110_000

    run(play)


@check
def the_async_client_handles_rows():
    async def play(client):
        task = await client.sobject.create("Task", {"Subject": "Async"})
        assert (await client.sobject.get("Task", task))["Subject"] == "Async"
        await client.sobject.update("Task", task, {"Status": "Completed"})
        assert (await client.sobject.get("Task", task, fields=["IsClosed"]))["IsClosed"] is True
        made = await client.sobject.upsert("Task", "fu-async-1", "FollowupKey__c", {"Subject": "Async"})
        again = await client.sobject.upsert("Task", "fu-async-1", "FollowupKey__c", {"Subject": "Again"})
        assert (made.created, again.created, made.id) == (True, False, again.id)
        await client.sobject.delete("Task", task)
        try:
            await client.sobject.get("Task", task)
            raise AssertionError("the task is still there")
        except aiosalesforce.exceptions.NotFoundError as error:
            assert error.response.status_code == 404

    run(play)


@check
def the_async_client_batches_and_composes():
    async def play(client):
        async with client.composite.batch() as batch:
            counted = batch.query("SELECT Id FROM Organization")
            wrong = batch.query("SELECT Nothing FROM Organization")
        assert len(counted.records) == 1 and wrong.is_success is False
        async with client.composite(all_or_none=True) as composite:
            account = composite.sobject.create("Account", {"Name": "Async"})
            composite.sobject.create("Contact", {"LastName": "Async", "AccountId": f"{account.reference.id}"})
        assert account.id.startswith("001")

    run(play)


@check
def the_async_client_logs_in_again_after_a_401():
    async def play(client):
        [_ async for _ in client.query("SELECT Id FROM Organization")]
        control("advance", {"by": "3h"})
        assert len([_ async for _ in client.query("SELECT Id FROM Organization")]) == 1

    run(play)


if __name__ == "__main__":
    assert CHECKS
    main("salesforce python")
