function split(text: string): readonly string[] {
  return text.trim().split(/\s*(?:;|\n)\s*/)
}

/** Conditions that mean the same in both systems, once translated. */
export const carried: readonly string[] = split(String.raw`
  flag; NOT flag; n; f; d; NULL; 0; flag = 1; flag <> 0; flag IN (0, 1); flag IN (0, 2); flag = n; flag >= 1
  flag IS TRUE; n IS NOT FALSE; flag = true; n = true; flag + (n IS NULL) + (m > 0) = 2; -flag < 0; flag NOT IN (NULL, 1)
  n + n > 0; m + m > 5; m - 1 < 0; m * m = 25; -m > 0; abs(n) > 5; abs(-flag) = 1; n / 2 = -4; n / (n - 1) IS NULL
  n / 0 IS NULL; m % 2; m % n IS NULL; n % -1 = 0; n & 3; m | 4 > 4; ~n = -2; ~m < 0; 1 << 40 > n; m >> 3 = 7; m << 62; n - (-1)
  n = 0.5; m > 12345678901234.5; f = 0.1; f > n; d = 0.1; d >= 10.25; d > n; f BETWEEN -2 AND 0.1; f; d < -7; f = 3e-310
  m = 9223372036854775807; m = -9223372036854775808; m IN (0, NULL, 5); m NOT IN (0, NULL); m IN (); n NOT IN (); m = 0xFFFFFFFFFFFFFFFF
  s = 'abc'; s < 'a'; s >= 'Z'; s <= c; c = s; s = c; c = 'ABC'; c IN ('ABC', 'k'); 'ABC' = c; c > r; c < '_'; s > c COLLATE binary
  s = 'ABC' COLLATE NOCASE; c = 'ABC' COLLATE BINARY; r = 'a'; s = 'a ' COLLATE RTRIM; r IS s; c IS NOT s; r > 'a  '; NULL IS s
  s COLLATE NOCASE BETWEEN 'A' AND 'b'; lower(s) = 'äb'; lower(c) = 'ABC'; upper(s) = 'ÄB'; upper(s) = upper(c); s || '' = c
  s LIKE 'A%'; s LIKE 'ä_'; s LIKE 'K'; s LIKE 'a\c'; s LIKE 'a\%c' ESCAPE '\'; s LIKE 'ax_c' ESCAPE 'x'; s LIKE 'Ä%'
  s NOT LIKE '%b%'; s LIKE '_c'; s LIKE ''; s LIKE '%'; s GLOB 'a*'; s GLOB '?c'; s GLOB 'a%c'; s GLOB '*[^a-z]*'; s GLOB '[]x]*'
  s GLOB 'a[-^]c'; s NOT GLOB '[A-Z]*'; s GLOB '*[[]*'; s GLOB 'a[\%]c'; s GLOB '[^]]?c'; s GLOB '[a-c-]*'; s GLOB '[]-a]*'
  s GLOB '[0-9][0-9]'; s GLOB '{[^.(]' OR s GLOB '[_].$+|'; b = x'ff01'; b < x'61'; b IS NULL; b > x''; b IN (x'', x'00')
  s || n = 'abc7'; s || '-' || flag > 'a'; length(s) = 3; length(b) > 0; length(s || c) < 4; trim(s) = 'a'; rtrim(s, 'cb') < 'a'
  ltrim(s, ' a') = ''; substr(s, 2) = 'bc'; substr(s, 1, 1) = 'a'; replace(s, 'a', c) = 'xbc'; length(s COLLATE nocase) = 1; s COLLATE nocase LIKE 'a'; instr(s, 'c') > 1; instr(s, '')
  min(n, m) > 0; max(n, 3, m) = 7; coalesce(n, m, 0) = 0; ifnull(f, 0) >= 0; coalesce(flag, 0); nullif(n, 1) IS NULL; abs(f) > 1
  nullif(c, 'ABC') IS NULL; iif(n > 0, 'a', s) = 'a'; CASE flag WHEN 1 THEN n WHEN 0 THEN m END > 0; iif(flag, n, flag) = 0
  CASE WHEN n IS NULL THEN 'x' ELSE s END = 'x'; CASE c WHEN 'ABC' THEN 1 WHEN 'a' THEN 2 END = 1; n IS NULL AND m IS NULL OR flag
  CAST(n AS TEXT) = '7'; CAST(flag AS INTEGER) = 1; 'a' = "a"; "N" = "M"; NOT n = 1; n IS 1; n IS NOT NULL = flag; s = "it's"
  n NOT BETWEEN -1 AND m; (n > 0) = (m > 0); (n > 0) < (m > 0); n > (m > 0); 1 = 1; s NOTNULL AND s <> ''; +c = 'ABC'; t.n = 1
  d IN (3, 0.1); f IN (2, 0.1); n IN (1, 0.5); coalesce(d, 0.5) = 0.5; s == 'a' OR s != 'b' OR n; length('abc') = 3; s IN ('a')
`)

/** Conditions that PostgreSQL has no exact form for. */
export const refused: readonly string[] = split(String.raw`
  s; b; n = '1'; s = 5; f = m; f = d; m > d; f + 1 > 0; n * 0.5 > 1; d * 2 > 1; (m + m) * 2 > 0; m + m > m; abs(m) + 1 > 0
  m / n > 0; s LIKE c; n LIKE 1; s GLOB '[z-a]'; s GLOB '[abc'; s LIKE 'a%' ESCAPE 'ab'; s LIKE 'ax' ESCAPE 'x'; s LIKE 'a' ESCAPE '%'
  typeof(n) = 1; round(f) = 1; s = 'a' COLLATE unicode; n << m > 0; n << 64; m > 0.12345678901234567; m > 9007199254740993.0; f = 1e999
  CAST(s AS INTEGER) = 1; CAST(f AS TEXT) = 1; substr(s, -1) = 'a'; substr(s, 0) = 'a'; s || f = 'a'; max(n) > 0; max(s, c) > 'a'; (m + m) || '' = 'a'
  strftime('%s') > 0; unknown = 1; [unknown] = 1; t.unknown = "a"; CURRENT_DATE > s; coalesce(n, s) = 1; coalesce(NULL, NULL)
  s REGEXP 'a'; s -> 'a' = 1; lower(s COLLATE nocase) = 'a'; s IN ('a' COLLATE nocase); n IN (SELECT 1); (n, m) = (1, 2); b = 'a'; coalesce(m, f) > 0
  'a' = "unknown" || '${'\0'}'; lower(n) = 'a'; lower(s, s) = 'a'; length(n) = 1; json_valid(s); substr(s, n) = 'a'; replace(s, c, 'x') = 'a'; replace(s, '', r) = 'a'; s || nullif(r, s COLLATE nocase) > 'a'
`)
