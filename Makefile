# One word for each thing to do; CMake presets do the building. `make help` lists them.
SHELL := /bin/sh
PREFIX ?= /usr/local
DESTDIR ?=
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
SUITE ?= trixie

SEEDS ?= 10000
COMMANDS ?= 2000
SECONDS_EACH ?= 60
SEED ?= $(shell date +%s)
DEMO ?= on
DEMO_OPTIONS ?=

.PHONY: all run stop test dev kill bench bench-pages simulate mutants coverage fuzz fuzz-api pages install test-install test-fresh format clean help

all: ## build the release programs into build/bin
	@tools/bootstrap --check build
	@tools/build release programs -DBUILD_TESTING=OFF

run: ## install what is missing, build, clear the example market, serve a loaded market day (DEMO=off: do not)
	@tools/bootstrap build
	@tools/build release programs -DBUILD_TESTING=OFF
	@[ "$(DEMO)" = off ] || { tools/bootstrap pages && tools/build_web; } || echo "The pages could not be built; the market runs without them."
	@tools/run_example
	@[ "$(DEMO)" = off ] || build/bin/flexgrid-demo $(DEMO_OPTIONS)

stop: ## stop the server that `make run` has left in the background
	@build/bin/flexgrid-demo --stop

test: ## install what is missing, build with and without the sanitizers, run all tests
	@tools/bootstrap test
	@tools/run_tests

dev: ## build with the sanitizers into build/dev
	@tools/bootstrap --check test
	@tools/build dev all

kill: ## 200 SIGKILLs to writers, to PostgreSQL and to the trading server, 3000 power cuts; minutes
	@tools/bootstrap test
	@tools/build release all -DBUILD_TESTING=ON
	FG_KILLS=200 build/release/bin/test_store_kill
	FG_CRASHES=3000 build/release/bin/test_store_crash
	FG_KILLS=200 build/release/bin/test_trading

bench: ## measure against the references in the same run
	@tools/bootstrap build bench
	@tools/run_bench

bench-pages: ## measure the pages in Chromium: first useful view, a book with many updates a second
	@tools/bootstrap test
	@tools/build release programs -DBUILD_TESTING=OFF
	@tests/web/run build/bin build/bench-pages measure.mjs

simulate: ## order book: SEEDS=10000 simulated days of COMMANDS=2000 under the auditor
	@tools/bootstrap --check test
	@tools/build release simulate_book -DBUILD_TESTING=ON
	@build/release/bin/simulate_book --seeds $(SEEDS) --commands $(COMMANDS)

mutants: ## order book: every planted fault of tests/book_mutants must be caught by the auditor
	@tools/run_mutants

coverage: ## line coverage of the tests
	@tools/bootstrap coverage
	@tools/run_coverage

fuzz: ## fuzz every reader; SECONDS_EACH=60 by default
	@tools/bootstrap fuzz
	@tools/run_fuzz

fuzz-api: ## every operation of the API with generated requests; SECONDS_EACH=60, SEED
	@tools/bootstrap test
	@tools/build dev test_api_fuzz
	@echo "seed $(SEED), $(SECONDS_EACH) s"
	@FG_FUZZ_SEED=$(SEED) FG_FUZZ_SECONDS=$(SECONDS_EACH) build/dev/bin/test_api_fuzz

pages: ## build the pages into build/web; the libraries come from npm
	@tools/bootstrap --check pages
	@tools/build_web

install: ## install library, headers, program, manual and (where `make pages` built them) the pages; PREFIX and DESTDIR are honoured
	@tools/bootstrap --check build
	@tools/build release all -DBUILD_TESTING=OFF -DCMAKE_INSTALL_PREFIX="$(PREFIX)"
	@DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(PREFIX)"

test-install: ## install into an empty folder and build the library example against it
	@tools/bootstrap test
	@tools/test_install

test-fresh: ## prove `make run` and `make test` in an empty Debian 13 (SUITE=bookworm: 12); needs root
	@tools/bootstrap fresh
	@tools/test_fresh "$(SUITE)"

format: ## format the sources with clang-format
	@tools/bootstrap format
	@git ls-files '*.c' '*.h' | xargs clang-format -i

clean: ## remove everything built
	rm -rf build

help:
	@sed -n 's/^\([a-z-]*\):.*## /  make \1|/p' Makefile | awk -F'|' '{printf "%-20s %s\n", $$1, $$2}'
