# make demo   the whole road once, on a synthetic speaker: out/demo/report.html
# make test   every test
# make zip    the extension for Blender: dist/lipsync3d-VERSION.zip

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-blender-5 lint zip environment clean

demo: environment
	$(BIN)/python -m tools.demo --output out/demo

test: environment
	$(BIN)/python -m pytest

# The Blender tests once more, under Blender 5.0 as a module.
test-blender-5: .venv-blender-5/.ready
	.venv-blender-5/bin/python -m pytest tests/blender tests/packaging

lint: environment
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

zip: environment
	$(BIN)/python tools/build_extension.py

environment: $(VENV)/.ready

# torch first and alone: `pip install torch==2.13.0` takes a local CPU build where there is one.
$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check -e ".[train,track,demo,blender,dev]"
	touch $@

.venv-blender-5/.ready: pyproject.toml
	$(PYTHON) -m venv .venv-blender-5
	.venv-blender-5/bin/pip install --quiet --disable-pip-version-check bpy==5.0.1 "numpy<2" pytest
	touch $@

clean:
	rm -rf out build dist .pytest_cache .ruff_cache .mypy_cache
