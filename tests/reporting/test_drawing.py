"""Titles hold names as they are."""

import warnings

import pytest

from strtf.reporting import drawing


@pytest.fixture
def figure():
    return drawing.panels(1, "--figure")[0]


@pytest.fixture
def drawn(figure, tmp_path):
    """drawn(title): the picture's bytes; a warning is an error."""

    def draw(title):
        drawing.write_title(figure, title)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            drawing.write_png(figure, tmp_path / "x.png")
        return (tmp_path / "x.png").read_bytes()

    return draw


@pytest.mark.parametrize("title", ["病历", "a $ b", r"$\nothing$", "${"])
def test_any_name_is_drawn_without_a_warning(drawn, monkeypatch, title):
    monkeypatch.setattr(drawing, "CJK_FONTS", ("None Such",))
    assert drawn(title).startswith(b"\x89PNG\r\n")


def test_letters_that_the_usual_font_lacks_come_from_another(drawn, monkeypatch):
    monkeypatch.setattr(drawing, "CJK_FONTS", ())
    boxes = drawn("ℊ")
    monkeypatch.setattr(drawing, "CJK_FONTS", ("None Such", "STIXGeneral"))
    assert drawn("ℊ") != boxes


def test_only_fonts_that_are_installed_stand_behind_the_usual_one(figure, monkeypatch):
    monkeypatch.setattr(drawing, "CJK_FONTS", ("None Such", "STIXGeneral"))
    drawing.write_title(figure, "病历")
    assert figure.get_suptitle() == "病历"
    assert figure._suptitle.get_fontfamily()[-1] == "STIXGeneral" and len(figure._suptitle.get_fontfamily()) == 2
