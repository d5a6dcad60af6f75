# Every habit of the project; `make` lists them.
.DEFAULT_GOAL := help
.PHONY: help build demo test counterparts lint bench coverage soak compliance docs site wheel format clean

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

build: ## Build the native library, the jar and the test server
	scripts/build

demo: ## Build all and run the main job
	scripts/demo

test: ## Build all and run every test
	scripts/test

counterparts: ## Run the core against servers of others
	scripts/counterparts

lint: ## Run formatters and linters of the three languages
	scripts/test lint

bench: ## Measure against the peers and write docs/benchmarks.md
	scripts/bench

coverage: ## Simulate intervals and tests and write docs/coverage.md
	scripts/coverage

soak: ## Run the long proofs and write docs/soak.md
	scripts/soak

compliance: ## Try every fault of the independent servers and write docs/compliance.md
	scripts/compliance

docs: ## Write the generated parts of docs/
	scripts/docs

site: ## Build the pages of docs/ as a site, .build/site
	scripts/docs site

wheel: build ## Build the Python wheel with the jar inside, into dist/
	scripts/wheel

format: ## Format the sources of the three languages
	cargo fmt --all
	scripts/sbt --error scalafmtAll scalafmtSbt
	.build/venv-lint/bin/ruff format python examples scripts tests benchmarks

clean: ## Remove what was built
	cargo clean
	rm -rf .build dist scala-shim/target target project/target project/project python/spark_assay/jars
