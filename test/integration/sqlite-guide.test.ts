import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { drover } from '../support/run-bin.ts'
import { databases } from '../support/both-databases.ts'
import { sqliteFile } from '../support/sqlite.ts'

/** What somebody who moves an application's table by a script has at the beginning: both databases, and a file of settings. */
it('a table is moved into one made beforehand by what config.env says alone', async () => {
  await using both = await databases()
  await using file = sqliteFile(`
    create table users (id integer primary key autoincrement, username text not null, email text, created_at datetime default current_timestamp);
    insert into users (username, email, created_at) values
      ('ada', 'ada@example.org', '2024-03-31 12:00:00'), ('bob', null, '2024-03-31 12:00:00.123456'), ('émile', '', null), ('gone', '', null);
    delete from users where username = 'gone'`)
  await both.sql(
    'create table users (id serial primary key, username varchar(50) not null, email varchar(120), created_at timestamptz)',
  )
  const url = new URL(both.to)
  const settings = join(dirname(file.path), 'config.env')
  await writeFile(
    settings,
    `DB_NAME=${url.pathname.slice(1)}
DB_USER=${decodeURIComponent(url.username)}
DB_PASSWORD="${decodeURIComponent(url.password)}"
DB_HOST=${url.hostname}
DB_PORT=${url.port}
SQLITE_DB_PATH=${file.path}
`,
    { mode: 0o600 },
  )
  const run = (...more: readonly string[]): ReturnType<typeof drover> =>
    drover(['migrate', '--env-file', settings, '--json', ...more])

  const first = await run()
  expect(first).toMatchObject({ code: 0, stderr: expect.stringContaining('created_at holds times as ISO 8601 text') })
  expect(JSON.parse(first.stdout)).toMatchObject({ totals: { read: 3, written: 3 }, verification: { equal: true } })
  const rows = 'select id, username, email, created_at::text from users order by id'
  const copied = [
    { id: 1, username: 'ada', email: 'ada@example.org', created_at: '2024-03-31 12:00:00+00' },
    { id: 2, username: 'bob', email: null, created_at: '2024-03-31 12:00:00.123456+00' },
    { id: 3, username: 'émile', email: '', created_at: null },
  ]
  expect(await both.sql(rows)).toEqual(copied)

  // The application goes on with the new one; 4 was given to a row once.
  await both.sql(`insert into users (username) values ('eve')`)
  const now = [...copied, { id: 5, username: 'eve', email: null, created_at: null }]
  expect(await both.sql(rows)).toEqual(now)

  expect(await run()).toMatchObject({ code: 3, stderr: expect.stringContaining('target-not-empty') })
  const again = await run('--mode', 'append', '--on-conflict', 'skip')
  expect(again.code).toBe(0)
  expect(JSON.parse(again.stdout)).toMatchObject({ totals: { read: 3, written: 0, skipped: 3 } })
  expect(await both.sql(rows)).toEqual(now)
})
