-- Means with their intervals.

-- plan: NativeEval
-- rows:
--   0 | 0.5 | 0.2366 | 0.7634 | 10 | 0 | wilson
--   1 | 0.5 | 0.2366 | 0.7634 | 10 | 0 | wilson
SELECT g, r.estimate, round(r.lower, 4), round(r.upper, 4), r.n, r.n_null, r.method
FROM (
  SELECT id % 2 AS g, mean_ci(llm_exact_match(if(id % 4 < 2, 'yes', 'no'), 'yes')) AS r
  FROM range(0, 20, 1, 4) GROUP BY id % 2
) ORDER BY g;

-- Options of mixed types in three forms give one result, whatever the partitions.
-- rows:
--   true | true | bca | 0.9
SELECT a.lower = b.lower AND b.lower = c.lower, a.upper = b.upper AND b.upper = c.upper, a.method, a.level FROM (
  SELECT
    mean_ci(x, named_struct('method', 'bca', 'level', 0.9D, 'n_resamples', 499, 'seed', 7)) AS a,
    mean_ci(x, map('method', 'bca', 'level', '0.9', 'n_resamples', '499', 'seed', '7')) AS b,
    mean_ci(x, '{"method": "bca", "level": 0.9, "n_resamples": 499, "seed": 7}') AS c
  FROM (SELECT CAST(pmod(hash(id), 1000) AS DOUBLE) AS x FROM range(0, 500, 1, 5))
);

-- rows:
--   NULL | 0 | true
SELECT r.estimate, r.n, r.reason IS NOT NULL FROM (SELECT mean_ci(CAST(NULL AS DOUBLE)) AS r FROM range(0));

-- error: ASSAY_UNKNOWN_OPTION
SELECT mean_ci(id, named_struct('levl', 0.9)) FROM range(3);
