"""The digest of a result's code changes with the code that it runs, and with nothing else."""

import shutil

import pytest

from monkeys.reporting import code as module

MODULES = {
    "shapes": """
        SIDES = 4

        def area(width):
            return width * SIDES

        def unused():
            return 7
        """,
    "drawing": """
        import math
        from monkeys import shapes
        from monkeys.shapes import area as surface
        from monkeys import colours

        class Pen:
            width = 1

        def draw():
            from monkeys.late import finish

            return finish(surface(Pen.width), colours.RED)

        def erase():
            return shapes.unused()
        """,
    "colours": """
        RED = "red"
        BLUE = "blue"
        """,
    "late": """
        def finish(*parts):
            return parts
        """,
}


@pytest.fixture
def digest(tmp_path, monkeypatch):
    """Function that returns the digest of `drawing.draw` after replacing text in a module."""
    monkeypatch.setattr(module, "SCRIPTS", tmp_path)

    def digest(changed=None, old="", new="", name="draw"):
        folder = tmp_path / "monkeys"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "__init__.py").touch()
        for file, text in MODULES.items():
            text = "\n".join(line.removeprefix(" " * 8) for line in text.splitlines())
            if file == changed:
                assert old in text
                text = text.replace(old, new)
            (folder / f"{file}.py").write_text(text)
        for cached in (module._source, module._text_and_uses, module.code_digest):
            cached.cache_clear()
        return module.code_digest(("monkeys.drawing", name))

    yield digest
    for cached in (module._source, module._text_and_uses, module.code_digest):
        cached.cache_clear()


@pytest.mark.parametrize(
    ("changed", "old", "new"),
    [
        ("drawing", "finish(surface", "finish( surface"),
        ("drawing", "width = 1", "width = 2"),
        ("shapes", "width * SIDES", "SIDES * width"),
        ("shapes", "SIDES = 4", "SIDES = 5"),
        ("colours", '"red"', '"crimson"'),
        ("late", "return parts", "return list(parts)"),
    ],
)
def test_code_used_by_a_function_changes_its_digest(digest, changed, old, new):
    assert digest(changed, old, new) != digest()


@pytest.mark.parametrize(
    ("changed", "old", "new"),
    [
        ("shapes", "return 7", "return 8"),
        ("colours", '"blue"', '"navy"'),
        ("drawing", "shapes.unused()", "None"),
        ("drawing", "def draw", "# a remark\n\n\ndef draw"),
    ],
)
def test_code_not_used_by_a_function_does_not_change_its_digest(digest, changed, old, new):
    assert digest(changed, old, new) == digest()


def test_the_digest_of_a_whole_script_covers_everything_it_names(digest):
    assert digest("shapes", "return 7", "return 8", name="*") != digest(name="*")


def test_the_selection_figure_depends_on_the_style_but_on_no_estimator():
    text = "\0".join(module.reachable_code(("monkeys.results.selection", "draw")))
    assert "monkeys.reporting.style.arrange" in text
    assert "monkeys.analysis" not in text
