-- Prompts: one template, every row.

-- plan: NativeEval
-- rows:
--   0 | Item 0
--   1 | Item 1
--   2 | Item 2
SELECT id, llm_prompt('Item {{ id }}', struct(id)) FROM range(3) ORDER BY id;

-- plan: NativeEval
-- rows:
--   Pick one: (1) a (2) b0
SELECT llm_prompt('Pick one:{% for o in options %} ({{ loop.index }}) {{ o }}{% endfor %}', struct(array('a', concat('b', id)) AS options))
FROM range(1);

-- Text of the data is never read as a template.
-- plan: NativeEval
-- rows:
--   It says {{ x }} and $5
SELECT llm_prompt('It says {{ q }}', struct(concat('{{ x }} and $', id) AS q)) FROM range(5, 6);

-- A NULL has no text; the template can give it one.
-- plan: NativeEval
-- rows:
--   NULL | none
SELECT llm_prompt('{{ q }}', struct(q)), llm_prompt('{{ q | default("none") }}', struct(q))
FROM (SELECT if(id >= 0, CAST(NULL AS STRING), 'x') AS q FROM range(1));

-- error: ASSAY_TEMPLATE_VARIABLE
SELECT llm_prompt('{{ questoin }}', struct(id AS question)) FROM range(3);

-- error: ASSAY_TEMPLATE_SYNTAX
SELECT llm_prompt('{{ question', struct(id AS question)) FROM range(3);
