"""The official Python SDK of Zoho CRM (v8), unmodified but for the host, against the served Zoho org."""

import datetime
import json
import os
import pathlib
import sys
import tempfile

import requests
from zohocrmsdk.src.com.zoho.api.authenticator import OAuthToken
from zohocrmsdk.src.com.zoho.api.authenticator.store import FileStore
from zohocrmsdk.src.com.zoho.api.logger import Logger
from zohocrmsdk.src.com.zoho.crm.api import HeaderMap, Initializer, ParameterMap
from zohocrmsdk.src.com.zoho.crm.api import apis, convert_lead, coql, email_related_records, fields, layouts, modules
from zohocrmsdk.src.com.zoho.crm.api import notes, org, pipeline, record, related_lists, related_records, users
from zohocrmsdk.src.com.zoho.crm.api.dc import DataCenter
from zohocrmsdk.src.com.zoho.crm.api.exception import SDKException
from zohocrmsdk.src.com.zoho.crm.api.record import record_operations as records
from zohocrmsdk.src.com.zoho.crm.api.sdk_config import SDKConfig
from zohocrmsdk.src.com.zoho.crm.api.util import Choice

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support import check, main  # noqa: E402

READY = json.loads(os.environ["FIDELITY_SANDBOX"])["zoho"]
BASE = READY["api_url"]
Record = record.Record


def control(path, body=None):
    answer = requests.request("GET" if body is None else "POST", f"{BASE}/_sandbox/{path}", json=body, timeout=60)
    assert answer.status_code == 200, (path, answer.status_code, answer.text)
    return answer.json()


def settings(**changes):
    return control("zoho", changes)


def fault(match, kind, times=1):
    control("faults", [{"match": match, "kind": kind, "times": times}])


PLACE = tempfile.mkdtemp(prefix="followupd-fidelity-")


def log_in(**changes):
    """Initializes the SDK for the served org; only the host is another."""
    named = {"client_id": READY["client_id"], "client_secret": READY["client_secret"], "refresh_token": READY["refresh_token"]}
    named.update(changes)
    token = OAuthToken(**named)
    Initializer.initialize(
        environment=DataCenter.Environment(BASE, f"{READY['accounts_url']}/oauth/v2/token", BASE),
        token=token,
        store=FileStore(os.path.join(PLACE, f"tokens-{len(os.listdir(PLACE))}")),
        sdk_config=SDKConfig(auto_refresh_fields=True, pick_list_validation=False),
        resource_path=PLACE,
        logger=Logger.get_instance(Logger.Levels.ERROR, os.path.join(PLACE, "log")),
    )
    return token


def params(*pairs):
    made = ParameterMap()
    for name, value in pairs:
        made.add(name, value)
    return made


def headers(*pairs):
    made = HeaderMap()
    for name, value in pairs:
        made.add(name, value)
    return made


def refused(answer, status, code):
    """The SDK understood a refusal: answers it."""
    assert answer.get_status_code() == status, (answer.get_status_code(), answer.get_object())
    error = answer.get_object()
    assert type(error).__name__ == "APIException", error
    assert error.get_code().get_value() == code, (error.get_code().get_value(), error.get_message())
    assert error.get_status().get_value() == "error"
    return error


def written(answer, status=None):
    """The outcomes of a write, as the SDK shows them."""
    if status is not None:
        assert answer.get_status_code() == status, (answer.get_status_code(), vars(answer.get_object()))
    body = answer.get_object()
    assert type(body).__name__ == "ActionWrapper", (body, answer.get_status_code())
    return body.get_data()


def body_of(rows, **changes):
    body = record.BodyWrapper()
    body.set_data(rows)
    body.set_trigger(changes.get("trigger", []))
    return body


def row(**values):
    made = Record()
    for name, value in values.items():
        made.add_key_value(name.replace("__dollar__", "$"), value)
    return made


def create(module, **values):
    outcomes = written(records.RecordOperations(module).create_records(body_of([row(**values)])), 201)
    assert outcomes[0].get_code().get_value() == "SUCCESS", (outcomes[0].get_message(), outcomes[0].get_details())
    return outcomes[0].get_details()["id"]


def a_lead(name, **values):
    return int(create("Leads", Last_Name=name, Company="Kestrel Optics", **values))


def of(record_id):
    made = Record()
    made.set_id(record_id)
    return made


def a_task(lead, **values):
    return int(create("Tasks", Subject="Reply", What_Id=of(lead), __dollar__se_module="Leads", **values))


def get(module, record_id):
    answer = records.RecordOperations(module).get_record(record_id)
    assert answer.get_status_code() == 200, answer.get_status_code()
    return answer.get_object().get_data()[0]


# -- logging in --------------------------------------------------------------------------------------------------


@check
def a_refresh_token_is_enough():
    token = log_in()
    answer = org.OrgOperations().get_organization()
    assert answer.get_status_code() == 200
    mine = answer.get_object().get_org()[0]
    assert mine.get_license_details().get_users_license_purchased() == 20
    assert mine.get_time_zone() and mine.get_zgid()
    assert token is not None


@check
def an_access_token_is_kept_and_not_asked_for_again():
    before = control("stats")["by_endpoint"].get("POST /oauth/v2/token", 0)
    for _ in range(3):
        org.OrgOperations().get_organization()
    assert control("stats")["by_endpoint"].get("POST /oauth/v2/token", 0) == before


@check
def errors_of_the_token_endpoint_inside_200_are_seen():
    try:
        log_in(refresh_token="1000.dead")
    except SDKException as error:
        assert "invalid_code" in str(error), error
    else:
        raise AssertionError("a dead refresh token went through")
    log_in()
    assert org.OrgOperations().get_organization().get_status_code() == 200


# -- reading -----------------------------------------------------------------------------------------------------


@check
def an_empty_module_is_204():
    answer = records.RecordOperations("Deals").get_records(params((records.GetRecordsParam.fields, "Deal_Name,Stage")))
    assert (answer.get_status_code(), answer.get_object()) == (204, None)


@check
def a_list_without_fields_is_refused():
    answer = records.RecordOperations("Leads").get_records()
    error = refused(answer, 400, "REQUIRED_PARAM_MISSING")
    assert error.get_details()["param_name"] == "fields"


@check
def a_list_comes_with_types_and_paging():
    for number in range(5):
        a_lead(f"Page {number}", Email=f"page{number}@example.com")
    operations = records.RecordOperations("Leads")
    wanted = [
        (records.GetRecordsParam.fields, "Last_Name,Email,Owner,Created_Time,Modified_Time,Converted__s,Annual_Revenue"),
        (records.GetRecordsParam.sort_by, "Modified_Time"),
        (records.GetRecordsParam.sort_order, "asc"),
        (records.GetRecordsParam.per_page, 2),
        (records.GetRecordsParam.converted, "both"),
    ]
    seen, token = [], None
    while True:
        extra = [(records.GetRecordsParam.page_token, token)] if token else []
        answer = operations.get_records(params(*wanted, *extra))
        assert answer.get_status_code() == 200
        for one in answer.get_object().get_data():
            assert isinstance(one.get_id(), int)
            assert isinstance(one.get_created_time(), datetime.datetime) and one.get_created_time().tzinfo
            assert one.get_key_value("Owner").get_id() and one.get_key_value("Owner").get_email()
            assert one.get_key_value("Converted__s") is False
            seen.append(one.get_id())
        info = answer.get_object().get_info()
        assert info.get_per_page() == 2 and info.get_sort_by() == "Modified_Time" and info.get_sort_order() == "asc"
        token = info.get_next_page_token()
        assert info.get_more_records() is bool(token)
        if not token:
            break
        assert info.get_page_token_expiry()
    assert len(seen) == len(set(seen)) == 5


@check
def page_eleven_needs_a_token():
    answer = records.RecordOperations("Leads").get_records(
        params((records.GetRecordsParam.fields, "Last_Name"), (records.GetRecordsParam.page, 11))
    )
    assert refused(answer, 400, "DISCRETE_PAGINATION_LIMIT_EXCEEDED").get_details()["limit"] == 2000


@check
def nothing_newer_is_304():
    later = datetime.datetime(2026, 6, 1, 10, 0, 0, tzinfo=datetime.timezone.utc)
    answer = records.RecordOperations("Leads").get_records(
        params((records.GetRecordsParam.fields, "Last_Name")), headers((records.GetRecordsHeader.if_modified_since, later))
    )
    assert (answer.get_status_code(), answer.get_object()) == (304, None)


@check
def one_record_has_every_type_of_field():
    lead = a_lead("Types", Annual_Revenue=1234.5, Email_Opt_Out=True)
    shown = get("Leads", lead)
    assert shown.get_id() == lead
    assert shown.get_key_value("Annual_Revenue") == 1234.5
    assert shown.get_key_value("Email_Opt_Out") is True
    assert shown.get_key_value("Lead_Status").get_value() == "Not Contacted"
    assert shown.get_key_value("Full_Name") == "Types"
    assert shown.get_modified_by().get_name() == "Integration User"


@check
def a_record_that_is_not_there_is_refused():
    answer = records.RecordOperations("Leads").get_record(5725767999999999999)
    refused(answer, 400, "INVALID_DATA")


@check
def a_record_is_found_by_its_external_id():
    lead = a_lead("External")
    task = a_task(lead, Followupd_Key="fd-external")
    answer = records.RecordOperations("Tasks").get_record_using_external_id(
        "fd-external", None, headers((records.GetRecordUsingExternalIDHeader.x_external, "Tasks.Followupd_Key"))
    )
    assert answer.get_status_code() == 200
    assert answer.get_object().get_data()[0].get_id() == task


@check
def coql_answers_records():
    lead = a_lead("Query", Email="query@example.com")
    body = coql.BodyWrapper()
    body.set_select_query("select Last_Name, Owner, Modified_Time from Leads where Email = 'query@example.com' limit 5")
    answer = coql.CoqlOperations().get_records(body)
    assert answer.get_status_code() == 200
    found = answer.get_object()
    assert [one.get_id() for one in found.get_data()] == [lead]
    assert found.get_data()[0].get_key_value("Last_Name") == "Query"
    assert (found.get_info().get_count(), found.get_info().get_more_records()) == (1, False)


@check
def coql_names_the_place_of_an_error():
    body = coql.BodyWrapper()
    body.set_select_query("select Last_Name Leads where id is not null")
    answer = coql.CoqlOperations().get_records(body)
    error = refused(answer, 400, "SYNTAX_ERROR")
    details = error.get_details()
    line = details["line"] if isinstance(details, dict) else details.get_line()
    assert int(line) == 1, details


@check
def coql_finding_nothing_is_204():
    body = coql.BodyWrapper()
    body.set_select_query("select id from Leads where Email = 'nobody@example.com'")
    answer = coql.CoqlOperations().get_records(body)
    assert (answer.get_status_code(), answer.get_object()) == (204, None)


@check
def a_related_list_holds_tasks():
    lead = a_lead("Related")
    task = a_task(lead)
    answer = related_records.RelatedRecordsOperations("Tasks", "Leads").get_related_records(
        lead, params((related_records.GetRelatedRecordsParam.fields, "Subject,Status,What_Id"))
    )
    assert answer.get_status_code() == 200
    assert [one.get_id() for one in answer.get_object().get_data()] == [task]


@check
def mails_come_ten_at_a_time():
    lead = a_lead("Mail", Email="mail@example.com")
    answer = email_related_records.EmailRelatedRecordsOperations(lead, "Leads").get_emails_related_records()
    assert answer.get_status_code() == 204
    address = active_users()[0].get_email()
    for _ in range(11):
        control("mail", {"from": "mail@example.com", "to": address})
    operations = email_related_records.EmailRelatedRecordsOperations(lead, "Leads")
    answer = operations.get_emails_related_records()
    assert answer.get_status_code() == 200
    shown = answer.get_object()
    assert len(shown.get_emails()) == 10 and shown.get_info().get_more_records() is True
    first = shown.get_emails()[0]
    assert first.get_sent() is False and first.get_from().get_email() == "mail@example.com"
    assert isinstance(first.get_time(), datetime.datetime) and first.get_message_id()
    assert first.get_linked_record().get_id() == lead
    rest = operations.get_emails_related_records(
        params((email_related_records.GetEmailsRelatedRecordsParam.index, shown.get_info().get_next_index()))
    )
    assert len(rest.get_object().get_emails()) == 1
    one = operations.get_emails_related_record(first.get_message_id())
    assert one.get_object().get_emails()[0].get_thread_id()


@check
def deleted_records_are_listed():
    lead = a_lead("Deleted")
    outcomes = written(records.RecordOperations("Leads").delete_record(lead), 200)
    assert outcomes[0].get_code().get_value() == "SUCCESS"
    answer = records.RecordOperations("Leads").get_deleted_records(params((records.GetDeletedRecordsParam.type, "all")))
    assert answer.get_status_code() == 200
    entry = answer.get_object().get_data()[0]
    assert (entry.get_id(), entry.get_type(), entry.get_display_name()) == (lead, "recycle", "Deleted")
    assert isinstance(entry.get_deleted_time(), datetime.datetime) and entry.get_deleted_by().get_id()
    answer = records.RecordOperations("Leads").get_deleted_records(params((records.GetDeletedRecordsParam.type, "gone")))
    refused(answer, 400, "PATTERN_NOT_MATCHED")


def active_users():
    answer = users.UsersOperations().get_users(params((users.GetUsersParam.type, "ActiveUsers")))
    assert answer.get_status_code() == 200
    return [one for one in answer.get_object().get_users() if one.get_first_name() != "Integration"]


@check
def users_have_zone_profile_and_role():
    answer = users.UsersOperations().get_users(
        params((users.GetUsersParam.type, "AllUsers"), (users.GetUsersParam.per_page, 3))
    )
    shown = answer.get_object()
    assert len(shown.get_users()) == 3 and shown.get_info().get_more_records() is True
    own = shown.get_users()[0]
    assert own.get_profile().get_name() == "Administrator" and own.get_role().get_id()
    assert own.get_time_zone() is not None and isinstance(own.get_created_time(), datetime.datetime)
    one = users.UsersOperations().get_user(own.get_id())
    assert one.get_object().get_users()[0].get_email() == own.get_email()


@check
def fields_say_type_and_uniqueness():
    answer = fields.FieldsOperations().get_fields(params((fields.GetFieldsParam.module, "Tasks")))
    assert answer.get_status_code() == 200
    by_name = {field.get_api_name(): field for field in answer.get_object().get_fields()}
    key = by_name["Followupd_Key"]
    assert key.get_data_type() == "text" and key.get_length() == 255
    assert key.get_external().get_type() == "org"
    assert [value.get_actual_value() for value in by_name["Status"].get_pick_list_values()][3] == "Completed"
    answer = fields.FieldsOperations().get_fields(params((fields.GetFieldsParam.module, "Unicorns")))
    refused(answer, 400, "INVALID_MODULE")


@check
def modules_layouts_and_stages_are_readable():
    answer = modules.ModulesOperations().get_modules()
    names = [module.get_api_name() for module in answer.get_object().get_modules()]
    assert {"Leads", "Deals", "Tasks", "Events", "Calls", "Notes"} <= set(names)
    answer = layouts.LayoutsOperations().get_layouts(params((layouts.GetLayoutsParam.module, "Deals")))
    layout = answer.get_object().get_layouts()[0].get_id()
    answer = pipeline.PipelineOperations(layout).get_pipelines()
    maps = answer.get_object().get_pipeline()[0].get_maps()
    assert {stage.get_forecast_type() for stage in maps} == {"Open", "Closed Won", "Closed Lost"}
    answer = related_lists.RelatedListsOperations().get_related_lists(
        params((related_lists.GetRelatedListsParam.module, "Leads"))
    )
    assert "Emails" in [one.get_api_name() for one in answer.get_object().get_related_lists()]


@check
def costs_are_readable():
    answer = apis.APIsOperations().get_supported_api()
    assert answer.get_status_code() == 200
    paths = {api.get_path() for api in answer.get_object().get_apis()}
    assert "/crm/v8/coql" in paths


# -- writing -----------------------------------------------------------------------------------------------------


@check
def a_task_with_a_reminder_is_written_and_read():
    lead = a_lead("Reminder")
    alarm = record.RemindAt()
    alarm.set_alarm("FREQ=NONE;ACTION=POPUP;TRIGGER=DATE-TIME:2026-03-04T09:00:00+01:00")
    task = a_task(lead, Due_Date=datetime.date(2026, 3, 4), Remind_At=alarm, Priority=Choice("High"))
    shown = get("Tasks", task)
    assert shown.get_key_value("Due_Date") == datetime.date(2026, 3, 4)
    assert shown.get_key_value("What_Id").get_id() == lead
    assert shown.get_key_value("$se_module") == "Leads"
    assert shown.get_key_value("Remind_At").get_alarm().endswith("2026-03-04T09:00:00+01:00")


@check
def every_record_of_a_batch_has_its_outcome():
    rows = [row(Subject="One", Followupd_Key="fd-batch"), row(Followupd_Key="fd-none"), row(Subject="Two", Followupd_Key="fd-batch")]
    outcomes = written(records.RecordOperations("Tasks").create_records(body_of(rows)), 207)
    codes = [one.get_code().get_value() for one in outcomes]
    assert codes == ["SUCCESS", "MANDATORY_NOT_FOUND", "DUPLICATE_DATA"], codes
    assert type(outcomes[1]).__name__ == "APIException"
    assert outcomes[1].get_details()["json_path"] == "$.data[1].Subject"
    duplicate = outcomes[2].get_details()
    assert duplicate["api_name"] == "Followupd_Key" and duplicate["duplicate_record"]
    assert isinstance(outcomes[0].get_details()["Created_Time"], datetime.datetime)


@check
def a_batch_that_is_all_bad_answers_400_or_202():
    for status in (400, 202):
        settings(all_refused_status=status)
        outcomes = written(records.RecordOperations("Tasks").create_records(body_of([row(Priority=Choice("High"))])), status)
        assert outcomes[0].get_code().get_value() == "MANDATORY_NOT_FOUND"
    settings(all_refused_status=400)


@check
def a_change_is_made_and_one_to_nothing_is_refused():
    task = a_task(a_lead("Change"))
    operations = records.RecordOperations("Tasks")
    outcomes = written(operations.update_record(task, body_of([row(Status=Choice("Completed"))])), 200)
    assert outcomes[0].get_message().get_value() == "record updated"
    assert isinstance(get("Tasks", task).get_key_value("Closed_Time"), datetime.datetime)
    written(operations.delete_record(task), 200)
    outcomes = written(operations.update_record(task, body_of([row(Subject="x")])), 400)
    assert outcomes[0].get_code().get_value() == "INVALID_DATA"


@check
def tasks_take_no_upsert_and_leads_do():
    answer = records.RecordOperations("Tasks").upsert_records(body_of([row(Subject="x")]))
    refused(answer, 400, "NOT_SUPPORTED")
    lead = row(Last_Name="Upsert", Email="upsert@example.com")
    first = written(records.RecordOperations("Leads").upsert_records(body_of([lead])), 200)[0]
    second = written(records.RecordOperations("Leads").upsert_records(body_of([lead])), 200)[0]
    assert (first.get_action().get_value(), second.get_action().get_value()) == ("insert", "update")


@check
def a_lead_is_converted():
    lead = a_lead("Convert", Email="convert@example.com")
    body = convert_lead.BodyWrapper()
    body.set_data([convert_lead.LeadConverter()])
    answer = convert_lead.ConvertLeadOperations(lead).convert_lead(body)
    assert answer.get_status_code() == 200, (answer.get_status_code(), answer.get_object())
    made = answer.get_object().get_data()[0]
    assert made.get_code().get_value() == "SUCCESS"
    contact = made.get_details()["Contacts"].get_id()
    assert get("Contacts", contact).get_key_value("Email") == "convert@example.com"
    assert get("Leads", lead).get_key_value("Converted__s") is True


@check
def a_note_is_written_and_read():
    lead = a_lead("Note")
    module = modules.MinifiedModule()
    module.set_api_name("Leads")
    parent = notes.ParentId()
    parent.set_id(lead)
    parent.set_module(module)
    note = notes.Note()
    note.set_note_content("Called twice")
    note.set_parent_id(parent)
    body = notes.BodyWrapper()
    body.set_data([note])
    answer = notes.NotesOperations().create_notes(body)
    assert answer.get_status_code() == 201, (answer.get_status_code(), vars(answer.get_object()))
    answer = notes.NotesOperations().get_notes(params((notes.GetNotesParam.fields, "Note_Content,Parent_Id,Owner")))
    assert answer.get_object().get_data()[0].get_note_content() == "Called twice"


# -- trouble -----------------------------------------------------------------------------------------------------


@check
def refusals_of_the_whole_call_are_understood():
    for kind, status, code in [
        ("throttle", 429, "TOO_MANY_REQUESTS"),
        ("error:INVALID_TOKEN", 401, "INVALID_TOKEN"),
        ("forbid", 401, "OAUTH_SCOPE_MISMATCH"),
        ("error:NO_PERMISSION", 403, "NO_PERMISSION"),
        ("status:500", 500, "INTERNAL_ERROR"),
    ]:
        fault("GET /crm/v8/Leads", kind)
        answer = records.RecordOperations("Leads").get_records(params((records.GetRecordsParam.fields, "Last_Name")))
        refused(answer, status, code)


@check
def an_expired_page_token_is_understood():
    wanted = [(records.GetRecordsParam.fields, "Last_Name"), (records.GetRecordsParam.per_page, 1)]
    answer = records.RecordOperations("Leads").get_records(params(*wanted))
    token = answer.get_object().get_info().get_next_page_token()
    fault("GET /crm/v8/Leads", "expire_page_token")
    answer = records.RecordOperations("Leads").get_records(params(*wanted, (records.GetRecordsParam.page_token, token)))
    refused(answer, 400, "EXPIRED_VALUE")


if __name__ == "__main__":
    log_in()
    main("zoho-python")
