// jsforce, unmodified but for the host it talks to, against the served Salesforce org.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { describe, test } from 'node:test'

const require = createRequire(`${process.env.FIDELITY_NODE}/package.json`)
const { Connection, OAuth2, Date: SfDate } = require('jsforce')

const ready = JSON.parse(process.env.FIDELITY_SANDBOX).salesforce
const base = ready.instance_url
const version = '62.0'

async function control(path, body) {
  const options = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
  const answer = await fetch(`${base}/_sandbox/${path}`, options)
  const shown = await answer.json()
  assert.equal(answer.status, 200, `${path}: ${JSON.stringify(shown)}`)
  return shown
}

const fault = (match, kind, times = 1) => control('faults', [{ match, kind, times }])

/** The error a call ends with; jsforce puts the vendor's code into `errorCode` and `name`. */
async function refused(code, promise) {
  const error = await promise.then((answer) => assert.fail(`not refused: ${JSON.stringify(answer)}`), (thrown) => thrown)
  assert.equal(error.errorCode ?? error.name, code, error.stack)
  return error
}

const conn = new Connection({ instanceUrl: base, accessToken: ready.access_token, version })

describe('logging in', () => {
  const oauth2 = (extra = {}) => new OAuth2({
    loginUrl: base, clientId: ready.client_id, clientSecret: ready.client_secret,
    redirectUri: 'http://127.0.0.1/callback', ...extra,
  })

  test('the web server flow with PKCE ends in a connection that refreshes itself', async () => {
    const flow = oauth2({ useVerifier: true })
    const page = await fetch(flow.getAuthorizationUrl({ scope: 'api refresh_token', state: 's1' }), { redirect: 'manual' })
    assert.equal(page.status, 302)
    const back = new URL(page.headers.get('location'))
    assert.equal(back.searchParams.get('state'), 's1')
    const mine = new Connection({ oauth2: flow, version })
    await mine.authorize({ grant_type: 'authorization_code', code: back.searchParams.get('code') })
    assert.equal(mine.instanceUrl, base)
    assert.match(mine.userInfo.organizationId, /^00D/)
    const [first, token] = [mine.refreshToken, mine.accessToken]
    const rotated = []
    mine.on('refresh', (access, answer) => rotated.push([access, answer.refresh_token]))
    await control('advance', { by: '3h' })
    assert.equal((await mine.query('SELECT Id FROM Organization')).totalSize, 1)
    assert.equal(rotated.length, 1)
    assert.notEqual(rotated[0][0], token)
    assert.ok(rotated[0][1] && rotated[0][1] !== first)
  })

  test('a wrong verifier is refused', async () => {
    const [flow, other] = [oauth2({ useVerifier: true }), oauth2({ useVerifier: true })]
    const page = await fetch(flow.getAuthorizationUrl({ scope: 'api' }), { redirect: 'manual' })
    const code = new URL(page.headers.get('location')).searchParams.get('code')
    const error = await other.requestToken(code).then(() => assert.fail('accepted'), (thrown) => thrown)
    assert.equal(error.name, 'invalid_request')
  })

  test('a refresh token used twice ends its whole approval', async () => {
    const flow = oauth2()
    const page = await fetch(flow.getAuthorizationUrl({ scope: 'api refresh_token' }), { redirect: 'manual' })
    const first = await flow.requestToken(new URL(page.headers.get('location')).searchParams.get('code'))
    const second = await flow.refreshToken(first.refresh_token)
    assert.ok(second.refresh_token !== first.refresh_token && !('expires_in' in second))
    assert.equal(typeof second.issued_at, 'string')
    const error = await flow.refreshToken(first.refresh_token).then(() => assert.fail('accepted'), (thrown) => thrown)
    assert.equal(error.name, 'invalid_grant')
    assert.equal(error.message, 'expired access/refresh token')
    await assert.rejects(flow.refreshToken(second.refresh_token), { name: 'invalid_grant' })
    const dead = new Connection({ instanceUrl: base, accessToken: second.access_token, version })
    await refused('INVALID_SESSION_ID', dead.query('SELECT Id FROM Lead'))
  })

  test('the identity is that of the integration user', async () => {
    const identity = await conn.identity()
    assert.equal(identity.username, ready.username)
    assert.match(identity.organization_id, /^00D/)
  })

  test('a revoked session is over', async () => {
    const flow = oauth2()
    const page = await fetch(flow.getAuthorizationUrl({ scope: 'api' }), { redirect: 'manual' })
    const token = await flow.requestToken(new URL(page.headers.get('location')).searchParams.get('code'))
    await flow.revokeToken(token.access_token)
    const dead = new Connection({ instanceUrl: base, accessToken: token.access_token, version })
    await refused('INVALID_SESSION_ID', dead.query('SELECT Id FROM Lead'))
  })
})

describe('queries', () => {
  test('two thousand and more come in pages', async () => {
    const records = Array.from({ length: 2050 }, (_, at) => ({ Name: `Node ${String(at).padStart(5, '0')}` }))
    const made = await conn.sobject('Account').create(records, { allowRecursive: true })
    assert.ok(made.every((row) => row.success))
    const first = await conn.query("SELECT Id, Name FROM Account WHERE Name LIKE 'Node %' ORDER BY Name, Id")
    assert.deepEqual([first.totalSize, first.done, first.records.length], [2050, false, 2000])
    const rest = await conn.queryMore(first.nextRecordsUrl)
    assert.deepEqual([rest.done, rest.records.length, rest.records.at(-1).Name], [true, 50, 'Node 02049'])
    await refused('INVALID_QUERY_LOCATOR', conn.queryMore(first.nextRecordsUrl))
    const all = await conn.query("SELECT Id FROM Account WHERE Name LIKE 'Node %'", { autoFetch: true, maxFetch: 5000 })
    assert.equal(all.records.length, 2050)
  })

  test('find builds a query the org understands', async () => {
    const found = await conn.sobject('Account')
      .find({ Name: { $like: 'Node 0000%' }, CreatedDate: { $gte: SfDate.toDateTimeLiteral('2026-01-01T00:00:00Z') } }, 'Id, Name, Owner.Name')
      .sort({ Name: -1 }).limit(5)
    assert.deepEqual(found.map((record) => record.Name), [9, 8, 7, 6, 5].map((at) => `Node 0000${at}`))
    assert.equal(found[0].Owner.Name, 'Integration User')
    assert.equal(await conn.sobject('Account').count({ Name: { $like: 'Node 0000%' } }), 10)
  })

  test('scanAll finds the deleted', async () => {
    const lead = await conn.sobject('Lead').create({ LastName: 'Scan', Company: 'Juniper Foods' })
    await conn.sobject('Lead').delete(lead.id)
    const text = `SELECT Id, IsDeleted FROM Lead WHERE Id = '${lead.id}'`
    assert.equal((await conn.query(text)).totalSize, 0)
    assert.equal((await conn.query(text, { scanAll: true })).records[0].IsDeleted, true)
  })

  test('a wrong query is refused in the vendor\'s words', async () => {
    const error = await refused('INVALID_FIELD', conn.query('SELECT Id, Nope FROM Task'))
    assert.match(error.message, /ERROR at Row:1:Column:12\nNo such column 'Nope' on entity 'Task'/)
    await refused('INVALID_TYPE', conn.query('SELECT Id FROM Nope'))
    await refused('MALFORMED_QUERY', conn.query('SELECT FROM Task'))
    await refused('MALFORMED_QUERY', conn.query("SELECT Id FROM Task WHERE Subject = 'open"))
  })
})

describe('describe and limits', () => {
  test('objects and fields are described', async () => {
    const global = await conn.describeGlobal()
    assert.ok(global.sobjects.some((kind) => kind.name === 'EmailMessage' && kind.keyPrefix === '02s'))
    const task = await conn.sobject('Task').describe()
    const status = task.fields.find((field) => field.name === 'Status')
    assert.deepEqual(status.picklistValues.filter((value) => value.defaultValue).map((value) => value.value), ['Not Started'])
    const key = task.fields.find((field) => field.name === 'FollowupKey__c')
    assert.deepEqual([key.externalId, key.unique, key.type, key.length], [true, true, 'string', 255])
    await refused('NOT_FOUND', conn.sobject('Nope').describe())
  })

  test('usage is in every answer and in the limits', async () => {
    await conn.query('SELECT Id FROM Organization')
    assert.ok(conn.limitInfo.apiUsage.used > 0)
    assert.equal(conn.limitInfo.apiUsage.limit, 110_000)
    assert.equal((await conn.limits()).DailyApiRequests.Max, 110_000)
  })

  test('versions need no token', async () => {
    const versions = await (await fetch(`${base}/services/data/`)).json()
    assert.deepEqual(Object.keys(versions[0]).sort(), ['label', 'url', 'version'])
    assert.equal(versions.at(-1).version, '68.0')
  })
})

describe('rows', () => {
  test('they are created, retrieved, updated and deleted', async () => {
    const task = conn.sobject('Task')
    const made = await task.create({ Subject: 'Reply', ActivityDate: '2026-03-05' })
    assert.ok(made.success)
    const read = await task.retrieve(made.id)
    assert.equal(read.ActivityDate, '2026-03-05')
    assert.match(read.SystemModstamp, /\.000\+0000$/)
    assert.equal(read.attributes.type, 'Task')
    assert.ok((await task.update({ Id: made.id, Status: 'Completed' })).success)
    assert.equal((await task.retrieve(made.id)).IsClosed, true)
    assert.ok((await task.destroy(made.id)).success)
    await refused('ENTITY_IS_DELETED', task.destroy(made.id))
    await refused('NOT_FOUND', task.retrieve(made.id))
  })

  test('many go by collections, each with its own outcome', async () => {
    const task = conn.sobject('Task')
    const rows = await task.create([{ Subject: 'One' }, { Subject: 'Two', Priority: 'Whenever' }, { Subject: 'Three' }])
    assert.deepEqual(rows.map((row) => row.success), [true, false, true])
    assert.equal(rows[1].errors[0].statusCode, 'INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST')
    assert.deepEqual(rows[1].errors[0].fields, ['Priority'])
    const ids = [rows[0].id, rows[2].id]
    const changed = await task.update(ids.map((Id) => ({ Id, Subject: 'Changed' })))
    assert.ok(changed.every((row) => row.success))
    const read = await task.retrieve([...ids, '00T5g0000000000AAA'])
    assert.deepEqual(read.map((record) => record && record.Subject), ['Changed', 'Changed', null])
    const gone = await task.delete(ids)
    assert.ok(gone.every((row) => row.success))
  })

  test('an external id creates once and finds after', async () => {
    const task = conn.sobject('Task')
    const first = await task.upsert({ FollowupKey__c: 'fu-node-1', Subject: 'One' }, 'FollowupKey__c')
    const second = await task.upsert({ FollowupKey__c: 'fu-node-1', Subject: 'Two' }, 'FollowupKey__c')
    assert.deepEqual([first.created, second.created, first.id === second.id], [true, false, true])
    const many = await task.upsert([
      { FollowupKey__c: 'fu-node-1', Subject: 'Three' }, { FollowupKey__c: 'fu-node-2', Subject: 'New' },
    ], 'FollowupKey__c')
    assert.deepEqual(many.map((row) => row.created), [false, true])
    const error = await refused('DUPLICATE_VALUE', task.create({ Subject: 'Four', FollowupKey__c: 'fu-node-1' }))
    assert.match(error.message, /^duplicate value found: FollowupKey__c duplicates value on record with id: 00T/)
    await refused('NOT_FOUND', task.upsert({ Subject: 'x', Description: 'y' }, 'Description'))
  })

  test('changed and deleted ids come by time', async () => {
    const lead = await conn.sobject('Lead').create({ LastName: 'Time', Company: 'Harbor Tools' })
    const gone = await conn.sobject('Lead').create({ LastName: 'Gone', Company: 'Harbor Tools' })
    await conn.sobject('Lead').destroy(gone.id)
    const now = new Date((await control('now')).now).getTime()
    await control('advance', { by: '10m' })
    const [start, end] = [new Date(now - 300_000), new Date(now + 540_000)]
    assert.ok((await conn.sobject('Lead').updated(start, end)).ids.includes(lead.id))
    const deleted = await conn.sobject('Lead').deleted(start, end)
    assert.ok(deleted.deletedRecords.some((record) => record.id === gone.id))
  })
})

describe('bulk', () => {
  test('a query streams its rows', async () => {
    conn.bulk2.pollInterval = 50
    const stream = await conn.bulk2.query("SELECT Id, Name, OwnerId FROM Account WHERE Name LIKE 'Node %'")
    const records = await stream.toArray()
    assert.equal(records.length, 2050)
    assert.deepEqual(Object.keys(records[0]), ['Id', 'Name', 'OwnerId'])
  })

  test('what bulk cannot read is refused', async () => {
    await refused('INVALIDENTITY', conn.bulk2.query('SELECT Id FROM TaskStatus'))
    await refused('INVALID_FIELD', conn.bulk2.query('SELECT Nope FROM Task'))
  })
})

describe('trouble', () => {
  test('both meanings of the limit have one code', async () => {
    await fault('GET /services/data', 'throttle:daily')
    assert.equal((await refused('REQUEST_LIMIT_EXCEEDED', conn.query('SELECT Id FROM Lead'))).message, 'TotalRequests Limit exceeded.')
    await fault('GET /services/data', 'throttle:long_txn')
    const error = await refused('REQUEST_LIMIT_EXCEEDED', conn.query('SELECT Id FROM Lead'))
    assert.equal(error.message, 'ConcurrentPerOrgLongTxn Limit exceeded')
  })

  test("the client's own retry gets past server errors and 420", async () => {
    await fault('GET /services/data', 'status:503', 2)
    assert.equal((await conn.query('SELECT Id FROM Organization')).totalSize, 1)
    await fault('GET /services/data', 'status:420', 2)
    assert.equal((await conn.query('SELECT Id FROM Organization')).totalSize, 1)
  })

  test('a 401 that no refresh heals is told apart by its words', async () => {
    await fault('GET /services/data', 'error:SESSION_NOT_FOR_REST')
    const error = await refused('INVALID_SESSION_ID', conn.query('SELECT Id FROM Lead'))
    assert.equal(error.message, 'This session is not valid for use with the REST API')
  })

  test('a collection answers 200 with failed rows', async () => {
    await fault('POST /services/data', 'error:UNABLE_TO_LOCK_ROW')
    const rows = await conn.sobject('Task').create([{ Subject: 'One' }, { Subject: 'Two' }])
    assert.deepEqual(rows.map((row) => row.errors[0].statusCode), ['UNABLE_TO_LOCK_ROW', 'UNABLE_TO_LOCK_ROW'])
  })
})
