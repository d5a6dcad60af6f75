-- Metrics, with their options in the three forms. ANSI mode is on: a MAP holds texts, a STRUCT and JSON hold any types.

-- rows:
--   spark.sql.ansi.enabled | true
SET spark.sql.ansi.enabled;

-- error: DATATYPE_MISMATCH.CREATE_MAP_VALUE_DIFF_TYPES
SELECT llm_contains('a', 'b', map('normalize', array('none'), 'case_sensitive', false)) FROM range(1);

-- plan: NativeEval
-- rows:
--   0 | 1.0 | 1.0 | 1.0
--   1 | 0.0 | 1.0 | 0.5
--   2 | 0.0 | 0.0 | 0.0
SELECT id,
  llm_exact_match(p, 'Paris') AS em,
  llm_contains(p, 'Paris') AS contains,
  llm_token_f1(p, 'Paris') AS f1
FROM (SELECT id, CASE id WHEN 0 THEN 'Paris' WHEN 1 THEN 'city of the Paris' ELSE 'London' END AS p FROM range(3))
ORDER BY id;

-- plan: NativeEval
-- rows:
--   0.0 | 1.0 | 1.0 | 1.0
SELECT
  llm_exact_match(p, 'Paris'),
  llm_exact_match(p, 'Paris', named_struct('normalize', 'squad')),
  llm_exact_match(p, 'Paris', map('normalize', 'squad')),
  llm_exact_match(p, 'Paris', '{"normalize": "squad"}')
FROM (SELECT concat('the Paris', substr('....', 1, CAST(id AS INT))) AS p FROM range(1, 2));

-- Options of mixed types: a text and a BOOLEAN.
-- plan: NativeEval
-- rows:
--   1.0 | 1.0 | 1.0
SELECT
  llm_contains(p, 'PARIS', named_struct('normalize', 'none', 'case_sensitive', false)),
  llm_contains(p, 'PARIS', map('normalize', 'none', 'case_sensitive', 'false')),
  llm_contains(p, 'PARIS', '{"normalize": "none", "case_sensitive": false}')
FROM (SELECT concat('It is Paris ', id) AS p FROM range(1));

-- Several references: the best counts; NULL elements are left out; an empty array gives NULL.
-- plan: NativeEval
-- rows:
--   1.0 | 0.0 | NULL | NULL
SELECT
  llm_exact_match(p, array('Lutetia', 'Paris')),
  llm_exact_match(p, array('Lutetia', CAST(NULL AS STRING))),
  llm_exact_match(p, CAST(array() AS ARRAY<STRING>)),
  llm_exact_match(CAST(NULL AS STRING), p)
FROM (SELECT if(id = 0, 'Paris', '') AS p FROM range(1));

-- Where no operator can take a function out it gives the same.
-- rows:
--   [0.0,1.0]
SELECT transform(array('a', 'b'), x -> llm_exact_match(x, 'b')) FROM range(1);

-- error: ASSAY_UNKNOWN_OPTION
SELECT llm_token_f1('a', 'b', named_struct('variantt', 'v2.0')) FROM range(1);

-- error: ASSAY_INVALID_OPTION
SELECT llm_token_f1('a', 'b', '{"variant": "v3"}') FROM range(1);

-- error: ASSAY_INVALID_ARGUMENT
SELECT llm_exact_match(id, 'b') FROM range(1);
