// The official Node SDK of Zoho CRM (v8), unmodified but for the host, against the served Zoho org.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'

const folder = `${process.env.FIDELITY_NODE}/node_modules/@zohocrm/nodejs-sdk-8.0`
const sdk = await import(pathToFileURL(`${folder}/lib/index.js`).href)
const { Record, Coql, RelatedRecords, EmailRelatedRecords, Users, Org, Fields, Modules, ConvertLead } = sdk

const ready = JSON.parse(process.env.FIDELITY_SANDBOX).zoho
const base = ready.api_url
const place = `${mkdtempSync(join(tmpdir(), 'followupd-fidelity-'))}/`
mkdirSync(join(place, 'resources'))

async function control(path, body) {
  const options = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
  const answer = await fetch(`${base}/_sandbox/${path}`, options)
  const shown = await answer.json()
  assert.equal(answer.status, 200, `${path}: ${JSON.stringify(shown)}`)
  return shown
}

const fault = (match, kind, times = 1) => control('faults', [{ match, kind, times }])

async function params(...pairs) {
  const made = new sdk.ParameterMap()
  for (const [name, value] of pairs) await made.add(name, value)
  return made
}

async function headers(...pairs) {
  const made = new sdk.HeaderMap()
  for (const [name, value] of pairs) await made.add(name, value)
  return made
}

function row(values) {
  const made = new Record.Record()
  for (const [name, value] of Object.entries(values)) made.addKeyValue(name, value)
  return made
}

function of(id) {
  const made = new Record.Record()
  made.setId(id)
  return made
}

function bodyOf(rows) {
  const body = new Record.BodyWrapper()
  body.setData(rows)
  body.setTrigger([])
  return body
}

const operations = (module) => new Record.RecordOperations(module)

/** The outcomes of a write. */
function written(answer, status) {
  assert.equal(answer.getStatusCode(), status, JSON.stringify(answer.getObject()))
  assert.ok(answer.getObject() instanceof Record.ActionWrapper)
  return answer.getObject().getData()
}

const code = (outcome) => outcome.getCode().getValue()

/** The SDK understood a refusal of the whole call. */
function refused(answer, status, wanted) {
  assert.equal(answer.getStatusCode(), status, JSON.stringify(answer.getObject()))
  const error = answer.getObject()
  assert.equal(error.constructor.name, 'APIException')
  assert.equal(code(error), wanted)
  assert.equal(error.getStatus().getValue(), 'error')
  return error
}

async function create(module, values) {
  const [outcome] = written(await operations(module).createRecords(bodyOf([row(values)])), 201)
  assert.equal(code(outcome), 'SUCCESS')
  return BigInt(outcome.getDetails().get('id'))
}

const aLead = (name, values = {}) => create('Leads', { Last_Name: name, Company: 'Kestrel Optics', ...values })
const aTask = (lead, values = {}) => create('Tasks', { Subject: 'Reply', What_Id: of(lead), $se_module: 'Leads', ...values })

async function get(module, id) {
  const answer = await operations(module).getRecord(id)
  assert.equal(answer.getStatusCode(), 200)
  return answer.getObject().getData()[0]
}

before(async () => {
  const token = new sdk.OAuthBuilder().clientId(ready.client_id).clientSecret(ready.client_secret)
    .refreshToken(ready.refresh_token).build()
  const logger = new sdk.LogBuilder().level(sdk.Levels.ERROR).filePath(join(place, 'log')).build()
  await (await new sdk.InitializeBuilder())
    .environment(new sdk.Environment(base, `${ready.accounts_url}/oauth/v2/token`, base))
    .token(token)
    .store(new sdk.FileStore(join(place, 'tokens')))
    .SDKConfig(new sdk.SDKConfigBuilder().autoRefreshFields(true).pickListValidation(false).build())
    .resourcePath(place)
    .logger(logger)
    .initialize()
})

describe('logging in', () => {
  test('one refresh token makes one access token', async () => {
    for (let turn = 0; turn < 3; turn += 1) {
      const answer = await new Org.OrgOperations().getOrganization()
      assert.equal(answer.getStatusCode(), 200)
      assert.equal(answer.getObject().getOrg()[0].getLicenseDetails().getUsersLicensePurchased(), 20)
    }
    const stats = await control('stats')
    assert.equal(stats.by_endpoint['POST /oauth/v2/token'], 1)
  })
})

describe('reading', () => {
  test('an empty module is 204', async () => {
    const answer = await operations('Deals').getRecords(await params([Record.GetRecordsParam.FIELDS, 'Deal_Name,Stage']))
    assert.equal(answer.getStatusCode(), 204)
  })

  test('a list is walked by tokens', async () => {
    for (let number = 0; number < 5; number += 1) await aLead(`Page ${number}`, { Email: `page${number}@example.com` })
    const seen = []
    let token = null
    do {
      const wanted = [
        [Record.GetRecordsParam.FIELDS, 'Last_Name,Email,Owner,Created_Time,Modified_Time,Converted__s'],
        [Record.GetRecordsParam.SORT_BY, 'Modified_Time'], [Record.GetRecordsParam.SORT_ORDER, 'asc'],
        [Record.GetRecordsParam.PER_PAGE, 2],
      ]
      if (token) wanted.push([Record.GetRecordsParam.PAGE_TOKEN, token])
      const answer = await operations('Leads').getRecords(await params(...wanted))
      assert.equal(answer.getStatusCode(), 200, JSON.stringify(answer.getObject()))
      for (const one of answer.getObject().getData()) {
        assert.ok(one.getCreatedTime() instanceof Date)
        assert.ok(one.getKeyValue('Owner').getEmail())
        seen.push(String(one.getId()))
      }
      const info = answer.getObject().getInfo()
      token = info.getNextPageToken()
      assert.equal(info.getMoreRecords(), Boolean(token))
    } while (token)
    assert.equal(new Set(seen).size, 5)
  })

  test('nothing newer is 304', async () => {
    const answer = await operations('Leads').getRecords(
      await params([Record.GetRecordsParam.FIELDS, 'Last_Name']),
      await headers([Record.GetRecordsHeader.IF_MODIFIED_SINCE, new Date('2026-06-01T10:00:00Z')]),
    )
    assert.equal(answer.getStatusCode(), 304)
  })

  test('one record has its types', async () => {
    const lead = await aLead('Types', { Annual_Revenue: 1234.5, Email_Opt_Out: true })
    const shown = await get('Leads', lead)
    assert.equal(BigInt(shown.getId()), lead)
    assert.equal(shown.getKeyValue('Annual_Revenue'), 1234.5)
    assert.equal(shown.getKeyValue('Email_Opt_Out'), true)
    assert.equal(shown.getKeyValue('Lead_Status').getValue(), 'Not Contacted')
  })

  test('COQL answers records, 204, and the place of an error', async () => {
    const lead = await aLead('Query', { Email: 'query@example.com' })
    const ask = async (text) => {
      const body = new Coql.BodyWrapper()
      body.setSelectQuery(text)
      return new Coql.CoqlOperations().getRecords(body)
    }
    const found = await ask("select Last_Name, Owner from Leads where Email = 'query@example.com'")
    assert.deepEqual(found.getObject().getData().map((one) => BigInt(one.getId())), [lead])
    assert.equal(found.getObject().getInfo().getCount(), 1)
    assert.equal((await ask("select id from Leads where Email = 'nobody@example.com'")).getStatusCode(), 204)
    refused(await ask('select id Leads where id is not null'), 400, 'SYNTAX_ERROR')
  })

  test('related lists, deletions, users, fields and modules are readable', async () => {
    const lead = await aLead('Related')
    const task = await aTask(lead)
    const related = await new RelatedRecords.RelatedRecordsOperations('Tasks', 'Leads').getRelatedRecords(
      lead, await params([RelatedRecords.GetRelatedRecordsParam.FIELDS, 'Subject,Status']),
    )
    assert.deepEqual(related.getObject().getData().map((one) => BigInt(one.getId())), [task])
    written(await operations('Leads').deleteRecord(lead), 200)
    const deleted = await operations('Leads').getDeletedRecords(await params([Record.GetDeletedRecordsParam.TYPE, 'all']))
    assert.equal(BigInt(deleted.getObject().getData()[0].getId()), lead)
    assert.ok(deleted.getObject().getData()[0].getDeletedTime() instanceof Date)
    const users = await new Users.UsersOperations().getUsers(await params([Users.GetUsersParam.TYPE, 'ActiveUsers']))
    assert.ok(users.getObject().getUsers().length > 5)
    const fields = await new Fields.FieldsOperations().getFields(await params([Fields.GetFieldsParam.MODULE, 'Tasks']))
    const key = fields.getObject().getFields().find((field) => field.getAPIName() === 'Followupd_Key')
    assert.equal(key.getExternal().getType(), 'org')
    const modules = await new Modules.ModulesOperations().getModules()
    assert.ok(modules.getObject().getModules().some((module) => module.getAPIName() === 'Tasks'))
  })

  test('mails come ten at a time', async () => {
    const lead = await aLead('Mail', { Email: 'mail@example.com' })
    const users = await new Users.UsersOperations().getUsers(await params([Users.GetUsersParam.TYPE, 'ActiveUsers']))
    const to = users.getObject().getUsers().find((user) => user.getFirstName() !== 'Integration').getEmail()
    for (let number = 0; number < 11; number += 1) await control('mail', { from: 'mail@example.com', to })
    const mails = new EmailRelatedRecords.EmailRelatedRecordsOperations(lead, 'Leads')
    const answer = await mails.getEmailsRelatedRecords()
    assert.equal(answer.getStatusCode(), 200)
    assert.equal(answer.getObject().getEmails().length, 10)
    assert.equal(answer.getObject().getEmails()[0].getSent(), false)
    const index = answer.getObject().getInfo().getNextIndex()
    const rest = await mails.getEmailsRelatedRecords(
      await params([EmailRelatedRecords.GetEmailsRelatedRecordsParam.INDEX, index]),
    )
    assert.equal(rest.getObject().getEmails().length, 1)
  })
})

describe('writing', () => {
  test('a task with a reminder is written and read', async () => {
    const lead = await aLead('Reminder')
    const alarm = new Record.RemindAt()
    alarm.setAlarm('FREQ=NONE;ACTION=POPUP;TRIGGER=DATE-TIME:2026-03-04T09:00:00+01:00')
    const task = await aTask(lead, { Due_Date: new Date('2026-03-04'), Remind_At: alarm, Priority: new sdk.Choice('High') })
    const shown = await get('Tasks', task)
    assert.match(shown.getKeyValue('Remind_At').getAlarm(), /2026-03-04T09:00:00\+01:00$/)
    assert.equal(BigInt(shown.getKeyValue('What_Id').getId()), lead)
  })

  test('every record of a batch has its outcome', async () => {
    const rows = [{ Subject: 'One', Followupd_Key: 'fd-batch' }, { Followupd_Key: 'fd-none' }, { Subject: 'Two', Followupd_Key: 'fd-batch' }]
    const outcomes = written(await operations('Tasks').createRecords(bodyOf(rows.map(row))), 207)
    assert.deepEqual(outcomes.map(code), ['SUCCESS', 'MANDATORY_NOT_FOUND', 'DUPLICATE_DATA'])
    assert.equal(outcomes[2].getDetails().get('api_name'), 'Followupd_Key')
  })

  test('a batch that is all bad answers 400 or 202', async () => {
    for (const status of [202, 400]) {
      await control('zoho', { all_refused_status: status })
      const outcomes = written(await operations('Tasks').createRecords(bodyOf([row({ Description: 'x' })])), status)
      assert.equal(code(outcomes[0]), 'MANDATORY_NOT_FOUND')
    }
  })

  test('a change is made, and one to nothing refused', async () => {
    const task = await aTask(await aLead('Change'))
    const done = bodyOf([row({ Status: new sdk.Choice('Completed') })])
    written(await operations('Tasks').updateRecord(task, done), 200)
    assert.ok((await get('Tasks', task)).getKeyValue('Closed_Time') instanceof Date)
    written(await operations('Tasks').deleteRecord(task), 200)
    const outcomes = written(await operations('Tasks').updateRecord(task, bodyOf([row({ Subject: 'x' })])), 400)
    assert.equal(code(outcomes[0]), 'INVALID_DATA')
  })

  test('a lead is converted', async () => {
    const lead = await aLead('Convert', { Email: 'convert@example.com' })
    const body = new ConvertLead.BodyWrapper()
    body.setData([new ConvertLead.LeadConverter()])
    const answer = await new ConvertLead.ConvertLeadOperations(lead).convertLead(body)
    assert.equal(answer.getStatusCode(), 200)
    assert.equal(code(answer.getObject().getData()[0]), 'SUCCESS')
    assert.equal((await get('Leads', lead)).getKeyValue('Converted__s'), true)
  })
})

describe('trouble', () => {
  const list = async (...more) => operations('Leads').getRecords(await params([Record.GetRecordsParam.FIELDS, 'Last_Name'], ...more))

  test('refusals of the whole call are understood', async () => {
    for (const [kind, status, wanted] of [
      ['throttle', 429, 'TOO_MANY_REQUESTS'], ['error:INVALID_TOKEN', 401, 'INVALID_TOKEN'],
      ['forbid', 401, 'OAUTH_SCOPE_MISMATCH'], ['error:NO_PERMISSION', 403, 'NO_PERMISSION'],
      ['status:500', 500, 'INTERNAL_ERROR'],
    ]) {
      // The client repeats what was throttled by itself: the trouble must last.
      await fault('GET /crm/v8/Leads', kind, 0)
      refused(await list(), status, wanted)
    }
    await control('faults', [])
  })

  test('limits of paging are understood', async () => {
    refused(await list([Record.GetRecordsParam.PAGE, 11]), 400, 'DISCRETE_PAGINATION_LIMIT_EXCEEDED')
    refused(await operations('Leads').getRecords(), 400, 'REQUIRED_PARAM_MISSING')
    const first = await list([Record.GetRecordsParam.PER_PAGE, 1])
    const token = first.getObject().getInfo().getNextPageToken()
    await fault('GET /crm/v8/Leads', 'expire_page_token')
    refused(await list([Record.GetRecordsParam.PER_PAGE, 1], [Record.GetRecordsParam.PAGE_TOKEN, token]), 400, 'EXPIRED_VALUE')
  })
})
