-- Model calls over HTTP. The model `m` is the test server, which knows the answers of examples/data/questions.jsonl.

-- plan: Completion
-- calls: 2
-- rows:
--   0 | Kabul | ok | stop | 1 | NULL
--   1 | Asia | ok | stop | 1 | NULL
SELECT id, r.text, r.status, r.finish_reason, r.attempts, r.error.condition
FROM (
  SELECT id, llm_complete('m', if(id = 0, 'What is the capital of Afghanistan?', 'On which continent is Afghanistan?')) AS r
  FROM range(0, 2, 1, 2)
) ORDER BY id;

-- Template, call, metric and interval in one SELECT.
-- plan: Completion NativeEval
-- calls: 3
-- rows:
--   0.3333 | 3 | 0
SELECT round(r.estimate, 4), r.n, r.n_null FROM (
  SELECT mean_ci(llm_exact_match(
    llm_complete('m', llm_prompt('Question: {{ q }}\nAnswer:', struct(q))).text, 'Kabul')) AS r
  FROM (SELECT concat(if(id = 0, 'What is the capital of Afghanistan?', 'On which continent is Afghanistan? '), substr('   ', 1, CAST(id AS INT))) AS q
        FROM range(0, 3, 1, 3))
);

-- Options of mixed types in three forms are one request.
-- plan: Completion
-- calls: 3
-- rows:
--   1 | 3
SELECT count(DISTINCT r.request_key), sum(CASE r.status WHEN 'ok' THEN 1 ELSE 0 END) FROM (
  SELECT llm_complete('m', q, named_struct('temperature', 0.2D, 'max_tokens', 20, 'stop', array('END'), 'seed', 7)) AS r
  FROM (SELECT concat('What is the capital of ', if(id = 0, 'Afghanistan?', '')) AS q FROM range(1))
  UNION ALL
  SELECT llm_complete('m', q, map('temperature', '0.2', 'max_tokens', '20', 'stop', '["END"]', 'seed', '7')) AS r
  FROM (SELECT concat('What is the capital of ', if(id = 0, 'Afghanistan?', '')) AS q FROM range(1))
  UNION ALL
  SELECT llm_complete('m', q, '{"temperature": 0.2, "max_tokens": 20, "stop": ["END"], "seed": 7}') AS r
  FROM (SELECT concat('What is the capital of ', if(id = 0, 'Afghanistan?', '')) AS q FROM range(1))
);

-- Options that are columns: three requests that differ in their seed.
-- plan: Completion
-- calls: 3
-- rows:
--   3
SELECT count(DISTINCT r.request_key)
FROM (SELECT llm_complete('m', 'What is the capital of Peru?', named_struct('seed', id, 'temperature', 0.0D)) AS r
      FROM range(0, 3, 1, 2));

-- A chat of several messages.
-- plan: Completion
-- calls: 1
-- rows:
--   Kabul
SELECT llm_complete('m', array(
    named_struct('role', 'system', 'content', 'Be brief.'),
    named_struct('role', 'user', 'content', concat('What is the capital of Afghanistan', substr('?', 1 + CAST(id AS INT))))
  )).text
FROM range(1);

-- plan: Completion
-- calls: 0
-- rows:
--   no_prompt | NULL
SELECT r.status, r.text FROM (SELECT llm_complete('m', if(id < 0, 'x', CAST(NULL AS STRING))) AS r FROM range(1));

-- calls: 0
-- contains: Completion NativeEval
EXPLAIN SELECT llm_exact_match(llm_complete('m', CAST(id AS STRING)).text, 'x') FROM range(3);

-- A text so short that the answer does not fit.
-- plan: Completion
-- calls: 1
-- rows:
--   truncated | length | true | true
SELECT r.status, r.finish_reason, r.text IS NULL, length(r.partial_text) > 0
FROM (SELECT llm_complete('m', concat('Tell me about the world in many words, ', id), named_struct('max_tokens', 2)) AS r FROM range(1));

-- calls: 0
-- error: ASSAY_UNKNOWN_MODEL
SELECT llm_complete('mm', CAST(id AS STRING)) FROM range(3);

-- calls: 0
-- error: ASSAY_UNKNOWN_OPTION
SELECT llm_complete('m', CAST(id AS STRING), named_struct('temprature', 0.2D)) FROM range(3);

-- calls: 0
-- error: ASSAY_CALL_NOT_ALLOWED
SELECT transform(array('a'), x -> llm_complete('m', x)) FROM range(3);
