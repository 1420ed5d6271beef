# make demo     trains a small codec, compresses a photograph with it
# make test     runs the tests and checks who imports whom
# make test-tfc runs the codec's part of them with the oldest JAX, NumPy and
#               Flax, beside tensorflow-compression, in .venv-tfc, but for what
#               hangs on none of these
# make notebooks  runs every notebook, on small inputs
# make lint     checks style and imports; make format repairs the style
#
# Each sets up .venv first where setup.cfg or pyproject.toml is newer than it.
# Another Python: make PYTHON=python3.12 demo

PYTHON ?= python3
BIN := .venv/bin
# Bytecode is left to the imports: most of what is installed is never imported.
INSTALL := -m pip --quiet --disable-pip-version-check \
  install --no-compile --editable
# Processes of pytest.
WORKERS ?= 2
# Most of a test's time is compilation by one thread, and what runs once does not
# pay for optimising it. test-tfc has the codec run as users have it.
QUICK := XLA_FLAGS=--xla_backend_optimization_level=0

.PHONY: demo test test-tfc notebooks lint format
# Two targets may not install into one .venv at a time.
.NOTPARALLEL:

demo: .venv/installed
	$(BIN)/python experiments/demo/run.py

test: .venv/installed-dev
	$(QUICK) $(BIN)/python -m pytest -n $(WORKERS) --dist loadscope
	$(BIN)/lint-imports

test-tfc: .venv-tfc/installed
	.venv-tfc/bin/python -m pytest -n $(WORKERS) --dist loadscope \
	  -k "not fuzz and not margin and not gradient and not iterative" \
	  tests/codec tests/entropy tests/ops tests/test_compress.py

# Cells that take longer than this many seconds have gone wrong.
notebooks: .venv/installed-dev
	JAX_PLATFORMS=cpu $(BIN)/python -m pytest -n $(WORKERS) \
	  --nbmake --nbmake-timeout=120 notebooks

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

format: .venv/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.venv/installed: setup.cfg pyproject.toml | $(BIN)/pip
	@echo "installing lic_jax into .venv (a minute or two)"
	@$(BIN)/python $(INSTALL) .
	@touch $@

.venv/installed-dev: setup.cfg pyproject.toml | $(BIN)/pip
	@echo "installing lic_jax and its tools into .venv (a minute or two)"
	@$(BIN)/python $(INSTALL) '.[dev]'
	@touch .venv/installed $@

.venv-tfc/installed: setup.cfg pyproject.toml | .venv-tfc/bin/pip
	@echo "installing lic_jax and tensorflow-compression into .venv-tfc"
	@.venv-tfc/bin/python $(INSTALL) '.[test,tfc]'
	@touch $@

# pip comes last into a new environment: while it is missing, begin again.
$(BIN)/pip .venv-tfc/bin/pip:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "make: no $(PYTHON) here; say which with PYTHON=" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit( \
	  "make: Python 3.11 or newer is needed, $(PYTHON) is " \
	  + sys.version.split()[0] + "; say which with PYTHON=")'
	@$(PYTHON) -m venv $(@D)/..
