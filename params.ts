/**
 * Every default knob of drover, one comment each. A flag overrules the environment, which overrules the config file,
 * which overrules this file.
 */

/** Workers in the cluster; `auto` takes the cores of the machine, within the target's free connections. */
export const CLUSTER_SIZE: number | 'auto' = 'auto'

/** Rows in a batch: one message to a worker, one transaction, one ledger entry. Where nobody sets it, it is the beginning only. */
export const ITEMS_PER_PAGE = 8000

/** Bytes in a batch; whichever bound is met first closes it. A row larger than this is a batch of its own. */
export const BATCH_BYTES: number = 8 * 1024 * 1024

/**
 * What a worker is: `threads`, `processes`, or `inline` (loops in the coordinator's own thread). `auto`: threads, or inline
 * where rows are only passed on, which leaves a worker nothing to compute.
 */
export const ISOLATION: 'auto' | 'threads' | 'processes' | 'inline' = 'auto'

/** Who reads the source: the coordinator (`paged`), each worker its own partition (`partitioned`), or drover decides. */
export const FEED: 'paged' | 'partitioned' | 'auto' = 'auto'

/** Rows expected, for percent and ETA only; null asks the source. */
export const AMOUNT_USERS: number | null = null

/** Rows that `drover seed` writes when --rows is not given. */
export const AMOUNT_USERS_SEED = 1_000_000

/** Batches a worker may hold: one with the server, one being encoded meanwhile. */
export const CREDITS_PER_WORKER = 2

/** Rows looked at to choose types. It takes a tenth of a second; a field that one row in 2,000 has is seen 99 times in 100. */
export const SAMPLE_ROWS = 10_000

/** Bytes of documents looked at to choose types, so that a sample of huge documents stays bounded. */
export const SAMPLE_BYTES: number = 32 * 1024 * 1024

/** How long rows of one table may be looked for, in seconds; where a filter is slow, what was found by then has to do. */
export const SAMPLE_SECONDS = 10

/** Columns of a table that are planned at most; the fields beyond, the rarest, share one `jsonb` column. */
export const MAX_COLUMNS = 400

/** Columns that fields first seen during the copy may add to a table; those beyond go to the same `jsonb` column. */
export const MAX_NEW_COLUMNS = 200

/** How long a worker may take from its start to being connected, in milliseconds. */
export const READY_TIMEOUT_MS = 30_000

/** How long SIGINT and SIGTERM wait for batches in flight before they are rolled back, in milliseconds. */
export const DRAIN_TIMEOUT_MS = 10_000

/** Workers replaced in one run, per worker of the cluster, before the run gives up. */
export const RESPAWNS_PER_WORKER = 3

/** How long transient faults are retried before the run stops (resumable), in seconds. */
export const RETRY_BUDGET_SECONDS = 300

/** Time between two progress reports on a pipe, in milliseconds. */
export const PROGRESS_INTERVAL_MS = 2000

/** Schema that holds drover's own tables in the target. */
export const LEDGER_SCHEMA = 'drover'

/** Schema of the target tables. */
export const TARGET_SCHEMA = 'public'

/** Zone of dates in a source that name none. */
export const TIME_ZONE = 'UTC'
