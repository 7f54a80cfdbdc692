/**
 * What kind of failure an error is; each connector classifies its own, by codes, never by message text where a code
 * exists. `transient`: the attempt was rolled back, and another may work. `unknown`: so it may, but whether this one took
 * effect is not known; claiming the same batch again tells. `data`: the row's own fault. `drift`: the table is not what
 * the plan says. `fatal`: none of these.
 */
export type FaultClass = 'transient' | 'unknown' | 'data' | 'drift' | 'fatal'
