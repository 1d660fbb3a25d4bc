"""The notebook under examples/ runs from its first cell to its last, in a kernel of its own."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parents[2] / "examples"

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.ipynb")), ids=lambda path: path.name)
def test_a_notebook_runs_and_shows_something_in_each_cell(path: Path, tmp_path: Path) -> None:
    """As a reader would run it: in an empty folder, without an error, and no cell silent. It is kept without outputs."""
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.outputs for cell in code] == [[]] * len(code)

    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()

    assert [cell.source for cell in code if not cell.outputs] == []
    assert [output.text for cell in code for output in cell.outputs if output.output_type == "stream"] == []
    assert "text/html" in code[-1].outputs[0].data
    assert list(tmp_path.iterdir()) == []
