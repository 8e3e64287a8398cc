// The vendor's Node client, unmodified but for the base URL, drives the served sandbox.
//
// FIDELITY_SANDBOX and FIDELITY_LIMITED hold the ready lines of two sandboxes (the second enforces rate limits),
// FIDELITY_NODE the folder the client is installed in.

import assert from 'node:assert/strict'
import { subscribe } from 'node:diagnostics_channel'
import { createRequire } from 'node:module'
import { after, before, describe, test } from 'node:test'
import { join } from 'node:path'

const load = createRequire(join(process.env.FIDELITY_NODE, 'package.json'))
const { AssociationTypes, Client, SEARCH_LIMITER_OPTIONS } = load('@hubspot/api-client')

const sandbox = JSON.parse(process.env.FIDELITY_SANDBOX).hubspot
const limited = JSON.parse(process.env.FIDELITY_LIMITED).hubspot

// Status and headers of the client's last answer, as Node's own http module announces them.
const last = {}
subscribe('http.client.response.finish', ({ response }) => {
  last.status = response.statusCode
  last.headers = response.headers
})
const client = (more = {}, of = sandbox) =>
  new Client({ accessToken: of.access_token, basePath: of.base_url, ...more })
const hub = client()

const control = async (path, body, of = sandbox) => {
  const answer = await fetch(`${of.base_url}/_sandbox/${path}`, { method: 'POST', body: JSON.stringify(body) })
  assert.equal(answer.status, 200, await answer.clone().text())
  return answer.json()
}
const advance = (by) => control('advance', { by })
const fault = (match, kind, times = 1) => control('faults', [{ match, kind, times }])
const requests = async (of = sandbox) => (await (await fetch(`${of.base_url}/_sandbox/stats`)).json()).requests

// The call fails with this status in the vendor's envelope; answers the error body.
const refused = async (status, promise) => {
  const error = await promise.then(
    (value) => assert.fail(`went through, expected ${status}: ${JSON.stringify(value)}`),
    (error) => error,
  )
  assert.equal(error.code, status, error.message)
  return error.body
}
const isInstant = (date) => date instanceof Date && !Number.isNaN(date.getTime())

const due = '2026-03-04T14:00:00Z'
const headers = JSON.stringify({ from: { email: 'rep@example.com' }, to: [{ email: 'ana@example.org' }] })
// Per object type: properties of a create, and the property a change sets with its new value.
const kinds = {
  contacts: [{ firstname: 'Ana' }, 'lastname', 'Sousa'],
  companies: [{ name: 'Harbour Works' }, 'name', 'Harbour Works Ltd'],
  deals: [{ dealname: 'Crane', dealstage: 'qualifiedtobuy', pipeline: 'default' }, 'amount', '1500.5'],
  calls: [
    { hs_timestamp: due, hs_call_direction: 'OUTBOUND', hs_call_status: 'COMPLETED' },
    'hs_call_disposition',
    'b2cf5968-551e-4856-9783-52b3da59a7d0',
  ],
  emails: [
    { hs_timestamp: due, hs_email_direction: 'EMAIL', hs_email_status: 'SENT', hs_email_headers: headers },
    'hs_email_subject',
    'Your crane',
  ],
  meetings: [{ hs_timestamp: due, hs_meeting_title: 'Demo' }, 'hs_meeting_outcome', 'COMPLETED'],
  notes: [{ hs_timestamp: due, hs_note_body: 'Met at the fair' }, 'hs_note_body', 'Met twice'],
  communications: [
    { hs_timestamp: due, hs_communication_channel_type: 'WHATS_APP', hs_communication_logged_from: 'CRM' },
    'hs_communication_body',
    'On my way',
  ],
  tasks: [
    { hs_timestamp: due, hs_task_subject: 'Reply to Ana', hs_task_status: 'NOT_STARTED' },
    'hs_task_status',
    'COMPLETED',
  ],
}
const isRecord = (kind) => ['contacts', 'companies', 'deals'].includes(kind)
const api = (kind, of = hub) => (isRecord(kind) ? of.crm[kind] : of.crm.objects[kind])
const make = async (kind, properties = kinds[kind][0], linked = []) => {
  const associations = linked.map(([id, associationTypeId]) => ({
    to: { id },
    types: [{ associationCategory: 'HUBSPOT_DEFINED', associationTypeId }],
  }))
  const made = await api(kind).basicApi.create({ properties, associations })
  assert.equal(last.status, 201)
  return made
}
const search = (kind, groups = [], more = {}, of = hub) =>
  api(kind, of).searchApi.doSearch({
    filterGroups: groups.map((filters) => ({ filters })),
    sorts: [],
    properties: [],
    limit: 100,
    ...more,
  })
const uniqueProperty = async (kind, name) => {
  const groups = await hub.crm.properties.groupsApi.getAll(kind)
  return hub.crm.properties.coreApi.create(kind, {
    name,
    label: 'Key',
    type: 'string',
    fieldType: 'text',
    groupName: groups.results[0].name,
    hasUniqueValue: true,
  })
}

describe('tokens', () => {
  const grant = (refreshToken, clientId = sandbox.client_id) =>
    new Client({ basePath: sandbox.base_url }).oauth.tokensApi.create(
      'refresh_token', undefined, undefined, clientId, sandbox.client_secret, refreshToken,
    )

  test('a refreshed token opens the account and ends after half an hour', async () => {
    const token = await grant(sandbox.refresh_token)
    assert.equal(token.expiresIn, 1800)
    assert.equal(token.tokenType, 'bearer')
    assert.ok(token.refreshToken)
    const mine = client({ accessToken: token.accessToken })
    await mine.crm.contacts.basicApi.getPage(1)
    assert.ok(last.headers['x-hubspot-ratelimit-max'] && !last.headers['x-hubspot-ratelimit-daily'])
    mine.setAccessToken((await grant(sandbox.refresh_token)).accessToken)
    await mine.crm.contacts.basicApi.getPage(1)
    await advance('31m')
    await refused(401, mine.crm.contacts.basicApi.getPage(1))
  })

  test('the legacy look-ups show whose token it is', async () => {
    const oauth = new Client({ basePath: sandbox.base_url }).oauth
    const token = await grant(sandbox.refresh_token)
    const access = await oauth.accessTokensApi.get(token.accessToken)
    const refresh = await oauth.refreshTokensApi.get(token.refreshToken)
    assert.equal(access.hubId, refresh.hubId)
    assert.ok(access.scopes.includes('crm.objects.owners.read'))
    assert.ok(access.expiresIn > 0 && access.expiresIn <= 1800)
  })

  test('wrong grants are refused', async () => {
    const revoked = await refused(400, grant('eu1-gone'))
    assert.equal(revoked.message, 'missing or invalid refresh token')
    await refused(400, grant(sandbox.refresh_token, '00000000-0000-4000-8000-000000000000'))
  })

  test('a foreign bearer is a 401 with its category', async () => {
    const nobody = client({ accessToken: 'pat-eu1-00000000-0000-4000-8000-000000000000' })
    const body = await refused(401, nobody.crm.contacts.basicApi.getPage())
    assert.equal(body.category, 'INVALID_AUTHENTICATION')
    assert.match(body.message, /^Authentication credentials not found/)
  })
})

describe('account', () => {
  test('owners are listed page by page, found by address, and archived ones apart', async () => {
    const owners = hub.crm.owners.ownersApi
    const { results } = await owners.getPage(undefined, undefined, 500)
    assert.ok(results.length >= 2 && results.every((owner) => !owner.archived && isInstant(owner.createdAt)))
    const first = await owners.getPage(undefined, undefined, 1)
    const second = await owners.getPage(undefined, first.paging.next.after, 1)
    assert.deepEqual([first, second].map((page) => page.results[0].id), results.slice(0, 2).map((owner) => owner.id))
    const one = await owners.getPage(results[1].email)
    assert.deepEqual(one.results.map((owner) => owner.id), [results[1].id])
    const gone = (await owners.getPage(undefined, undefined, 100, true)).results
    assert.ok(gone.length > 0 && gone.every((owner) => owner.archived && owner.userId === null), JSON.stringify(gone))
    assert.ok(gone[0].userIdIncludingInactive > 0)
    const person = results.find((owner) => owner.type === 'PERSON')
    assert.equal((await owners.getById(person.userId, 'userId')).id, person.id)
    await refused(404, owners.getById(999_999_999))
  })

  test('properties are listed, a unique one is made once', async () => {
    const core = hub.crm.properties.coreApi
    const { results } = await core.getAll('tasks')
    const status = results.find((property) => property.name === 'hs_task_status')
    assert.deepEqual(status.options.map((option) => option.value),
      ['NOT_STARTED', 'IN_PROGRESS', 'WAITING', 'COMPLETED', 'DEFERRED'])
    const made = await uniqueProperty('tasks', 'node_key')
    assert.equal(last.status, 201)
    assert.equal(made.hasUniqueValue, true)
    assert.equal((await core.getByName('tasks', 'node_key')).name, 'node_key')
    const error = await refused(409, uniqueProperty('tasks', 'node_key'))
    assert.ok(error.message)
    assert.equal((await core.update('tasks', 'node_key', { label: 'Renamed' })).label, 'Renamed')
    await core.archive('tasks', 'node_key')
    assert.equal(last.status, 204)
    await refused(404, core.getByName('tasks', 'node_key'))
  })

  test('the deal pipeline and its stages are as old as the epoch', async () => {
    const { results } = await hub.crm.pipelines.pipelinesApi.getAll('deals')
    assert.equal(results.length, 1)
    assert.equal(results[0].id, 'default')
    assert.equal(results[0].createdAt.getTime(), 0)
    const won = await hub.crm.pipelines.pipelineStagesApi.getById('deals', 'default', 'closedwon')
    assert.deepEqual(won.metadata, { isClosed: 'true', probability: '1.0' })
    assert.deepEqual((await hub.crm.pipelines.pipelineStagesApi.getAll('deals', 'default')).results, results[0].stages)
  })
})

for (const [kind, [properties, name, value]] of Object.entries(kinds)) {
  describe(kind, () => {
    test('one is created, read, changed and archived', async () => {
      const basic = api(kind).basicApi
      const made = await make(kind)
      assert.match(made.id, /^\d+$/)
      assert.ok(isInstant(made.createdAt) && isInstant(made.updatedAt) && made.archived === false)
      await advance('1m')
      const changed = await basic.update(made.id, { properties: { [name]: value } })
      assert.equal(changed.properties[name], value)
      assert.ok(changed.updatedAt > made.updatedAt)
      const read = await basic.getById(made.id, [name, 'no_such_property'], [name])
      assert.equal(read.properties[name], value)
      assert.ok(!('no_such_property' in read.properties))
      assert.equal(read.propertiesWithHistory[name][0].value, value)
      assert.ok(isInstant(read.propertiesWithHistory[name][0].timestamp))
      await basic.archive(made.id)
      assert.equal(last.status, 204)
      await refused(404, basic.getById(made.id))
      const inBin = basic.getById(made.id, undefined, undefined, undefined, true)
      if (kind === 'emails') await refused(404, inBin)
      else assert.ok(isInstant((await inBin).archivedAt))
    })

    test('many are created, read with the missing named, changed and archived', async () => {
      const batch = api(kind).batchApi
      const input = { properties, associations: [] }
      const made = await batch.create({ inputs: [input, input] })
      assert.equal(last.status, 201)
      const ids = made.results.map((record) => record.id)
      const read = (more) =>
        batch.read({ inputs: [...ids, ...more].map((id) => ({ id })), properties: [name], propertiesWithHistory: [] })
      assert.deepEqual(new Set((await read([])).results.map((record) => record.id)), new Set(ids))
      assert.equal(last.status, 200)
      const part = await read(['999999999'])
      assert.equal(last.status, 207)
      assert.equal(part.numErrors, 1)
      assert.equal(part.errors[0].category, 'OBJECT_NOT_FOUND')
      assert.deepEqual(part.errors[0].context.ids, ['999999999'])
      const changed = await batch.update({ inputs: ids.map((id) => ({ id, properties: { [name]: value } })) })
      assert.deepEqual(changed.results.map((record) => record.properties[name]), [value, value])
      await batch.archive({ inputs: ids.map((id) => ({ id })) })
      assert.equal(last.status, 204)
      assert.deepEqual((await read([])).results, [])
    })

    test('they are upserted by a unique property', async () => {
      await uniqueProperty(kind, 'node_upsert')
      const upsert = async (extra) => {
        const input = { idProperty: 'node_upsert', id: 'k-1', properties: { ...properties, ...extra } }
        const done = await api(kind).batchApi.upsert({ inputs: [input] })
        assert.equal(last.status, 200)
        return done.results[0]
      }
      const first = await upsert({})
      const second = await upsert({ [name]: value })
      assert.deepEqual([first._new, second._new], [true, false], JSON.stringify(first))
      assert.equal(first.id, second.id)
      assert.equal(second.properties[name], value)
      const read = await api(kind).basicApi.getById('k-1', ['node_upsert'], undefined, undefined, false, 'node_upsert')
      assert.equal(read.id, first.id)
    })
  })
}

describe('lists and searches', () => {
  const ids = []
  let contact
  before(async () => {
    contact = (await make('contacts', { email: 'grace@example.org' })).id
    for (const amount of [100, 200, 300, 400, undefined]) {
      const deal = { dealname: `Lathe ${amount}`, dealstage: 'contractsent', pipeline: 'default' }
      if (amount) deal.amount = String(amount)
      ids.push((await make('deals', deal, amount === 400 ? [[contact, AssociationTypes.dealToContact]] : [])).id)
    }
    await advance('1m')
  })

  test('getAll pages through every record once', async () => {
    const companies = []
    for (let at = 0; at < 3; at += 1) {
      const inputs = Array.from({ length: 70 }, (_, n) => ({ properties: { name: `Co ${at}-${n}` }, associations: [] }))
      companies.push(...(await hub.crm.companies.batchApi.create({ inputs })).results.map((one) => one.id))
    }
    const start = await requests()
    const all = (await hub.crm.companies.getAll()).map((one) => one.id)
    assert.equal((await requests()) - start, Math.ceil(all.length / 100), 'one request for a hundred records')
    assert.equal(new Set(all).size, all.length)
    assert.ok(companies.every((id) => all.includes(id)))
    const gone = companies[0]
    await hub.crm.companies.basicApi.archive(gone)
    const archived = await hub.crm.companies.getAll(undefined, undefined, undefined, undefined, undefined, true)
    assert.ok(archived.some((one) => one.id === gone) && archived.every((one) => one.archived))
  })

  test('each search operator finds its records', async () => {
    const lathe = { propertyName: 'dealname', operator: 'CONTAINS_TOKEN', value: 'lathe*' }
    const cases = [
      ['EQ', { value: '200' }, [1]],
      ['NEQ', { value: '200' }, [0, 2, 3]],
      ['LT', { value: '200' }, [0]],
      ['LTE', { value: '200' }, [0, 1]],
      ['GT', { value: '300' }, [3]],
      ['GTE', { value: '300' }, [2, 3]],
      ['BETWEEN', { value: '200', highValue: '300' }, [1, 2]],
      ['IN', { values: ['100', '400'] }, [0, 3]],
      ['NOT_IN', { values: ['100', '400'] }, [1, 2]],
      ['HAS_PROPERTY', {}, [0, 1, 2, 3]],
      ['NOT_HAS_PROPERTY', {}, [4]],
      ['CONTAINS_TOKEN', { propertyName: 'dealname', value: '300' }, [2]],
      ['NOT_CONTAINS_TOKEN', { propertyName: 'dealname', value: '300' }, [0, 1, 3, 4]],
      ['EQ', { propertyName: 'associations.contact', value: contact }, [3]],
    ]
    for (const [operator, more, expected] of cases) {
      const page = await search('deals', [[lathe, { propertyName: 'amount', operator, ...more }]])
      assert.deepEqual(page.results.map((one) => one.id).sort(), expected.map((at) => ids[at]).sort(), operator)
      assert.equal(page.total, expected.length)
    }
  })

  test('search pages by offset in the order asked for', async () => {
    const lathe = [[{ propertyName: 'dealname', operator: 'CONTAINS_TOKEN', value: 'lathe*' }]]
    const found = []
    let offset
    do {
      const more = { limit: 2, after: offset, sorts: ['-amount'], properties: ['amount'] }
      const page = await search('deals', lathe, more)
      assert.equal(page.total, 5)
      found.push(...page.results.map((one) => one.id))
      offset = page.paging?.next?.after
    } while (offset)
    assert.deepEqual(found, [ids[3], ids[2], ids[1], ids[0], ids[4]])
    assert.ok(!Object.keys(last.headers).some((name) => name.startsWith('x-hubspot-ratelimit')))
    await refused(400, search('deals', [], { after: '9900', limit: 200 }))
  })
})

describe('associations', () => {
  const v4 = hub.crm.associations.v4

  test('they are created, read and archived in batches', async () => {
    const contact = (await make('contacts', { email: 'node-v4@example.org' })).id
    const lonely = (await make('contacts', { email: 'node-v4b@example.org' })).id
    const task = (await make('tasks')).id
    const types = [{ associationCategory: 'HUBSPOT_DEFINED', associationTypeId: AssociationTypes.taskToContact }]
    const made = await v4.batchApi.create('tasks', 'contacts', {
      inputs: [{ types, _from: { id: task }, to: { id: contact } }],
    })
    assert.equal(last.status, 201)
    assert.equal(made.results.length, 1)
    const read = await v4.batchApi.getPage('contacts', 'tasks', { inputs: [{ id: contact }, { id: lonely }] })
    assert.equal(last.status, 207)
    assert.equal(read.errors[0].subCategory, 'crm.associations.NO_ASSOCIATIONS_FOUND')
    assert.equal(read.results[0]._from.id, contact)
    assert.deepEqual(read.results[0].to.map((one) => String(one.toObjectId)), [task])
    assert.equal(read.results[0].to[0].associationTypes[0].typeId, AssociationTypes.contactToTask)
    await v4.batchApi.archive('contacts', 'tasks', { inputs: [{ _from: { id: contact }, to: [{ id: task }] }] })
    assert.equal(last.status, 204)
    assert.deepEqual((await v4.basicApi.getPage('contacts', contact, 'tasks')).results, [])
    await refused(400, v4.batchApi.create('contacts', 'tasks', {
      inputs: [{ types, _from: { id: contact }, to: { id: task } }],
    }))
  })

  test('the default needs no type, a label sets the whole set', async () => {
    const contact = (await make('contacts', { email: 'node-label@example.org' })).id
    const company = (await make('companies')).id
    const plain = await v4.basicApi.createDefault('contacts', contact, 'companies', company)
    assert.equal(plain.results[0].associationSpec.associationTypeId, 279)
    const ends = { _from: { id: contact }, to: { id: company } }
    const many = await v4.batchApi.createDefault('contacts', 'companies', { inputs: [ends] })
    assert.equal(last.status, 200)
    assert.equal(many.status, 'COMPLETE')
    const made = await v4.schema.definitionsApi.create('contacts', 'companies', {
      label: 'Works for', name: 'works_for', inverseLabel: 'Employs',
    })
    assert.ok(made.results.every((one) => one.category === 'USER_DEFINED'))
    const own = (await v4.schema.definitionsApi.getAll('contacts', 'companies')).results
      .find((one) => one.label === 'Works for')
    const done = await v4.basicApi.create('contacts', contact, 'companies', company, [
      { associationCategory: 'USER_DEFINED', associationTypeId: own.typeId },
      { associationCategory: 'HUBSPOT_DEFINED', associationTypeId: AssociationTypes.primaryContactToCompany },
    ])
    assert.equal(last.status, 201)
    assert.deepEqual(done.labels.sort(), ['Primary', 'Works for'])
    const back = await v4.basicApi.getPage('companies', company, 'contacts')
    assert.ok(back.results[0].associationTypes.some((one) => one.label === 'Employs'))
    await v4.basicApi.archive('contacts', contact, 'companies', company)
    assert.deepEqual((await v4.basicApi.getPage('contacts', contact, 'companies')).results, [])
  })
})

describe('errors', () => {
  test('a second contact with an address is a conflict that names the first', async () => {
    const first = await make('contacts', { email: 'node-twice@example.org' })
    const body = await refused(409, make('contacts', { email: 'node-twice@example.org' }))
    assert.equal(body.category, 'CONFLICT')
    assert.equal(body.message, `Contact already exists. Existing ID: ${first.id}`)
    assert.match(body.correlationId, /^[0-9a-f-]{36}$/)
  })

  test('refused values are named inside the message', async () => {
    const body = await refused(400, make('tasks', { ...kinds.tasks[0], hs_task_status: 'LATER' }))
    assert.equal(body.category, 'VALIDATION_ERROR')
    const [inner] = JSON.parse(body.message.slice(body.message.indexOf('[')))
    assert.equal(inner.error, 'INVALID_OPTION')
    assert.equal(inner.name, 'hs_task_status')
    assert.deepEqual(body.errors[0].context.propertyName, ['hs_task_status'])
  })

  test('a merge leaves a survivor with a new id', async () => {
    const kept = (await make('contacts', { email: 'node-kept@example.org' })).id
    const lost = (await make('contacts', { email: 'node-lost@example.org' })).id
    const merged = await hub.crm.contacts.basicApi.merge({ primaryObjectId: kept, objectIdToMerge: lost })
    assert.ok(![kept, lost].includes(merged.id))
    const read = await hub.crm.contacts.basicApi.getById(merged.id, ['hs_merged_object_ids'])
    assert.deepEqual(read.properties.hs_merged_object_ids.split(';').sort(), [kept, lost].sort())
  })

  test('a scope taken away is a 403 that names it', async () => {
    await fault('GET /crm/v3/objects/deals', 'forbid')
    const body = await refused(403, hub.crm.deals.basicApi.getPage())
    assert.equal(body.category, 'MISSING_SCOPES')
    assert.deepEqual(body.errors[0].context.requiredGranularScopes, ['crm.objects.deals.read'])
  })

  test('the daily limit is not retried', async () => {
    const patient = client({ numberOfApiCallRetries: 3 })
    await fault('GET /crm/v3/objects/contacts', 'throttle:daily')
    const start = await requests()
    const body = await refused(429, patient.crm.contacts.basicApi.getPage())
    assert.equal(body.message, 'You have reached your daily limit.')
    assert.equal((await requests()) - start, 1)
  })

  test("the client's own retry gets past server errors", async () => {
    const patient = client({ numberOfApiCallRetries: 3 })
    await fault('GET /crm/v3/owners', 'status:503', 2)
    assert.ok((await patient.crm.owners.ownersApi.getPage()).results.length > 0)
  })
})

describe('limits, enforced', () => {
  // Wall time: the sixth search of a second and the hundred-and-first call of ten seconds are refused.
  test("the client's own retry waits a second for a search", async () => {
    const patient = client({ numberOfApiCallRetries: 4 }, limited)
    const started = Date.now()
    const pages = await Promise.all(Array.from({ length: 7 }, () => search('contacts', [], {}, patient)))
    assert.equal(pages.length, 7)
    assert.ok(Date.now() - started >= 1000, 'at least one search had to wait')
    assert.ok((await (await fetch(`${limited.base_url}/_sandbox/stats`)).json()).throttled >= 2)
  })

  test("the burst is refused in its own shape, and the client's own retry waits ten seconds", async () => {
    const hasty = client({}, limited)
    const bodies = []
    for (let at = 0; at < 105; at += 1) {
      await hasty.crm.contacts.basicApi.getPage(1).catch((error) => bodies.push([error.code, error.body.message]))
    }
    assert.ok(bodies.length >= 5, `${bodies.length} refused`)
    assert.deepEqual(bodies[0], [429, 'You have reached your ten_secondly_rolling limit.'])
    await search('contacts', [], {}, hasty)
    const started = Date.now()
    const patient = client({ numberOfApiCallRetries: 2 }, limited)
    await patient.crm.contacts.basicApi.getPage(1)
    assert.ok(Date.now() - started >= 10_000)
    assert.ok(Number(last.headers['x-hubspot-ratelimit-remaining']) >= 90)
  })

  test("the client's own limiter keeps searches within the limit", async () => {
    const calm = client({ limiterOptions: SEARCH_LIMITER_OPTIONS }, limited)
    for (let at = 0; at < 6; at += 1) await search('contacts', [], {}, calm)
  })
})

after(() => control('faults', []))
