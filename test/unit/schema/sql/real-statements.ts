/** Statements in the ways that software in wide use writes them, by what is odd about them. */
export const realTables: readonly (readonly [about: string, sql: string])[] = [
  [
    'a browser: types of its own, defaults of all kinds',
    `CREATE TABLE moz_places (id INTEGER PRIMARY KEY, url LONGVARCHAR, title LONGVARCHAR, rev_host LONGVARCHAR,
      visit_count INTEGER DEFAULT 0, hidden INTEGER DEFAULT 0 NOT NULL, frecency INTEGER DEFAULT -1 NOT NULL,
      last_visit_date INTEGER, guid TEXT, foreign_count INTEGER DEFAULT 0 NOT NULL, url_hash INTEGER DEFAULT 0 NOT NULL,
      origin_id INTEGER REFERENCES moz_origins(id), alt_frecency INTEGER)`,
  ],
  [
    'a browser: keys as constraints with names and conflicts',
    `CREATE TABLE moz_hosts (id INTEGER PRIMARY KEY AUTOINCREMENT, host TEXT NOT NULL UNIQUE ON CONFLICT REPLACE,
      prefix TEXT NULL, typed INTEGER NOT NULL ON CONFLICT ABORT DEFAULT 0,
      CONSTRAINT moz_unique UNIQUE (host, "prefix" COLLATE NOCASE DESC) ON CONFLICT IGNORE)`,
  ],
  [
    'another browser: columns added later',
    `CREATE TABLE urls(id INTEGER PRIMARY KEY AUTOINCREMENT,url LONGVARCHAR,title LONGVARCHAR,visit_count INTEGER DEFAULT
      0 NOT NULL,last_visit_time INTEGER NOT NULL,hidden INTEGER DEFAULT 0 NOT NULL, is_known BOOLEAN DEFAULT FALSE NOT NULL, extra "any type" )`,
  ],
  [
    'a web framework in Python: checks on columns, deferred references',
    `CREATE TABLE "app_order" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "data" text NOT NULL CHECK
      ((JSON_VALID("data") OR "data" IS NULL)), "count" integer unsigned NOT NULL CHECK ("count" >= 0), "price" decimal NOT NULL,
      "paid" bool NOT NULL DEFAULT 0, "uuid" char(32) NOT NULL UNIQUE, "at" datetime NULL,
      "user_id" integer NULL REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED,
      CONSTRAINT "price_positive" CHECK ("price" > '0'), CONSTRAINT "one" UNIQUE ("uuid", "at"))`,
  ],
  [
    'a web framework in Ruby: text in double quotes, functions',
    `CREATE TABLE "posts" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "title" varchar(255) DEFAULT "untitled" NOT NULL,
      "active" boolean DEFAULT 't', "score" decimal(10,2) DEFAULT 0.0, "created_at" datetime(6) DEFAULT CURRENT_TIMESTAMP NOT NULL,
      "kind" varchar COLLATE "NOCASE" DEFAULT 'a''b', CONSTRAINT "fk_rails_1" FOREIGN KEY ("id") REFERENCES "users" ("id")
      ON DELETE CASCADE ON UPDATE NO ACTION)`,
  ],
  [
    'in backquotes, with defaults that are computed',
    `CREATE TABLE \`issue\` (\`id\` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, \`is_closed\` INTEGER NOT NULL DEFAULT(0),
      \`name\` TEXT DEFAULT "null", \`deadline_unix\` INTEGER DEFAULT (strftime('%s','now')), \`ref\` NVARCHAR(255) DEFAULT (lower(hex(randomblob(4)))),
      \`body\` TEXT NOT NULL DEFAULT x'00', \`n\` NUMERIC(10 , -2) DEFAULT +5.5e3)`,
  ],
  [
    'comments everywhere, names in brackets, no commas between constraints',
    `CREATE TABLE [odd -- name] ( -- first
      [a b] INT /* key */ PRIMARY KEY DESC, 'b' VARCHAR ( 10 ) NOT NULL, -- it's "quoted"
      c, d double precision CHECK (d > 0) CONSTRAINT low CHECK (d < 9) COLLATE rtrim,
      CONSTRAINT x CHECK (c <> ')') CHECK ([a b] > 0), UNIQUE ('b') CONSTRAINT y CONSTRAINT u
      FOREIGN KEY (c, d) REFERENCES "other one" MATCH FULL ON DELETE SET NULL ON UPDATE SET DEFAULT NOT DEFERRABLE INITIALLY IMMEDIATE, CONSTRAINT z
      /* the end */ ) -- of it`,
  ],
  [
    'composite key, without rowid, strict',
    `CREATE TABLE kv (ns TEXT NOT NULL, k TEXT, v ANY, PRIMARY KEY (ns, k DESC)) WITHOUT ROWID, STRICT`,
  ],
  [
    'generated columns, with and without the words',
    `CREATE TABLE g (id INTEGER PRIMARY KEY, a INT, full TEXT GENERATED ALWAYS AS (a || '-' || id) STORED NOT NULL,
      twice INT AS (a * 2), half GENERATED ALWAYS AS (a / 2) VIRTUAL UNIQUE, "generated" TEXT)`,
  ],
  [
    'words of SQL as names, a reference that is deferred apart from it',
    `CREATE TABLE "order" (key TEXT, desc INT, "group" TEXT DEFAULT abc, "end" INT REFERENCES "order"(key) ON DELETE RESTRICT
      CONSTRAINT later DEFERRABLE INITIALLY DEFERRED, action INT CONSTRAINT pos CHECK (action > 0) DEFAULT true, if INT DEFAULT NULL)`,
  ],
  ['a key in the table that counts up', 'CREATE TABLE t (a INTEGER, b, PRIMARY KEY (a AUTOINCREMENT))'],
  ['what CREATE TABLE … AS SELECT leaves', 'CREATE TABLE copy(\n  id INT,\n  "total of" NUM,\n  note TEXT\n)'],
]

export const realIndexes: readonly string[] = [
  'CREATE UNIQUE INDEX moz_places_url ON moz_places (url_hash, title COLLATE nocase DESC) WHERE hidden = 0 AND title IS NOT NULL',
  'CREATE INDEX "index_posts_on_lower_title" ON "posts" (lower("title"), "created_at" ASC) WHERE "active" = \'t\'',
  "CREATE UNIQUE INDEX IF NOT EXISTS `UQE_issue` ON `issue` (`id`,'name' COLLATE binary,(`is_closed` + 1) DESC) -- done",
  'CREATE INDEX kv_v ON kv(v)',
]
