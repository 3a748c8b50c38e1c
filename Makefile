# Everything sets itself up: each target works from a fresh clone, alone and twice in a row. Prerequisites: Linux, make, openssl, npm with any Node from 20 on, cargo.
SHELL := /bin/sh
.DEFAULT_GOAL := help

# The Node of the machine may be too old: the npm package `node` brings the one that is used.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
# No daemon may stay, and nothing asks or tells a server of Nx's makers anything.
export NX_DAEMON := false
export NX_NO_CLOUD := true
export NX_TUI := false
export NX_DISABLE_NX_CONSOLE_INSTALL := true

INSTALLED := node_modules/.package-lock.json
need = @command -v $(1) >/dev/null || { echo '$(1) is missing: $(2)' >&2; exit 1; }

.PHONY: help
help: ## Say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1 \2/p' $(MAKEFILE_LIST) | while read -r target what; do printf '  make %-12s %s\n' "$$target" "$$what"; done

.PHONY: prerequisites
prerequisites:
	$(call need,npm,install Node.js 20 or newer with npm)
	$(call need,cargo,install Rust: https://rustup.rs)
	$(call need,openssl,apt-get install openssl)

$(INSTALLED): package.json package-lock.json packages/*/package.json | prerequisites
	npm ci --loglevel=error --no-progress
	@touch $@

.PHONY: build
build: $(INSTALLED) ## Build every package
	nx run-many -t build --outputStyle=stream-without-prefixes

.PHONY: demo
demo: build certs ## The main job for real: submit, follow, status, stop, refusals; leaves nothing running
	tools/demo.sh

.PHONY: serve
serve: build certs ## The server in the foreground on 127.0.0.1:7443
	@mkdir -p -m 700 .worker && report=$$(mktemp) && flags=$$(tools/choose-isolation.sh .worker $$report) && rm $$report && \
	  exec worker-server --listen 127.0.0.1:7443 --state-dir .worker --ca certs/ca.crt --cert certs/server.crt --key certs/server.key $$flags

.PHONY: certs
certs: ## The development PKI under certs/; DAYS=N sets how long leaves are valid
	$(call need,openssl,apt-get install openssl)
	@tools/make-certs.sh certs

.PHONY: test
test: build ## Every test that needs no system package; the last line sums them
	@tools/run-tests.sh test native-test

.PHONY: soak
soak: build ## The tests of make test, each with all the rounds, kills and bytes it was made for
	@WORKER_TEST_SOAK=1 tools/run-tests.sh test native-test

.PHONY: qemu
qemu:
	@packages/vm/prepare/install-qemu.sh

.PHONY: test-vm
test-vm: qemu build ## What needs a kernel of its own, in virtual machines: cgroup v2, reboot, power loss, the clock; on Debian, installs qemu when run as root
	@packages/vm/prepare/prepare.sh && tools/run-tests.sh vm-test

.PHONY: chromium
chromium:
	@tools/install-tools.sh test-browser chromium:chromium certutil:libnss3-tools unshare:util-linux

.PHONY: test-browser
test-browser: chromium build ## The client for browsers in a real Chromium, headless; on Debian, installs it when run as root
	@tools/run-tests.sh browser-test

.PHONY: fuzz
fuzz: build ## Fuzz all that is read from others for TIME=10m; INPUT=file runs what broke once more
	@tools/fuzz.sh

.PHONY: check
check: build ## Format, lint, types, boundaries, contracts, protocol, generated code, unused code
	@tools/check.sh

.PHONY: bench
bench: build ## The benchmarks, as ratios to a limit measured in the same run
	@node --conditions=@worker/source packages/bench/src/main.ts

.PHONY: format
format: $(INSTALLED) ## Put every file in its format
	prettier --write --log-level warn .
	buf format -w
	cargo fmt --manifest-path packages/supervisor/native/Cargo.toml
	cargo fmt --manifest-path packages/supervisor/native/fuzz/Cargo.toml

.PHONY: gen
gen: $(INSTALLED) ## Generate the code of proto/ anew
	tools/generate.sh .

.PHONY: clean
clean: ## Remove what was built
	rm -rf packages/*/dist packages/vm/cache packages/supervisor/native/target packages/supervisor/native/codegen/target packages/supervisor/native/fuzz/target .fuzz/target .nx test-results
