"""What every notebook keeps to; `make notebooks` runs them."""

import ast
import json
import pathlib

import pytest

FOLDER = pathlib.Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
FUNCTION_LINES = 10  # a notebook shows what the package does


def code(path: pathlib.Path) -> list[dict]:
  cells = json.loads(path.read_text())["cells"]
  return [cell for cell in cells if cell["cell_type"] == "code"]


def nodes(path: pathlib.Path) -> list[ast.AST]:
  trees = [ast.parse("".join(cell["source"])) for cell in code(path)]
  return [node for tree in trees for node in ast.walk(tree)]


def test_there_are_the_six_notebooks():
  assert [path.name[:2] for path in NOTEBOOKS] == [f"0{i}" for i in range(1, 7)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_no_outputs(path):
  for cell in code(path):
    assert cell["outputs"] == []
    assert cell["execution_count"] is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_function_of_a_notebook_is_short(path):
  for node in nodes(path):
    if isinstance(node, ast.FunctionDef):
      lines = node.end_lineno - node.lineno + 1
      assert lines <= FUNCTION_LINES, node.name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_uses_public_names_only(path):
  for node in nodes(path):
    if isinstance(node, ast.Attribute):
      assert not node.attr.startswith("_")
    if isinstance(node, ast.ImportFrom):
      names = [*node.module.split("."), *(alias.name for alias in node.names)]
      assert not any(name.startswith("_") for name in names)
