"""Convolution arithmetic: the steps, their numbers, the picture and the animation."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image
from support.guide_example import IMAGE, KERNEL
from support.pictures import png_pixels, texts

from pycnn import ops, plot
from pycnn.plot.convolution_geometry import sliding

NO_PADDING = [[12, 12, 17], [10, 17, 19], [9, 6, 14]]
STRIDED = [[6, 17, 3], [8, 17, 13], [6, 4, 4]]


def batch(plane: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(plane, np.float32)[np.newaxis, np.newaxis]


@given(
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.sampled_from([0, 1, (1, 2), (0, 1, 2, 0), "same", "valid"]),
    dilation=st.integers(1, 2),
)
def test_the_steps_of_a_convolution_give_its_outputs(
    size: tuple[int, int], kernel: tuple[int, int], **geometry: Any
) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.integers(-3, 4, size), rng.integers(-3, 4, kernel)
    try:
        expected = ops.conv2d(batch(x), batch(w), **geometry)[0, 0]
    except ValueError:
        assume(False)
    scene = sliding(x, w, **geometry)
    np.testing.assert_array_equal(scene.output, expected)
    assert len(scene) == expected.size
    assert scene.given.sum() == x.size
    np.testing.assert_array_equal(scene.padded[scene.given].reshape(size), x)
    assert not scene.padded[~scene.given].any()
    for number in range(len(scene)):
        taps = scene.taps(number)
        total = sum(scene.padded[row, column] * w[r, s] for row, column, r, s in taps)
        assert total == expected[scene.step(number)]


@given(
    size=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 2),
)
def test_a_transposed_convolution_is_drawn_as_a_convolution_with_the_same_outputs(
    size: tuple[int, int], kernel: tuple[int, int], padding: int, **geometry: Any
) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.integers(-3, 4, size), rng.integers(-3, 4, kernel)
    assume(padding <= geometry["dilation"] * (min(kernel) - 1))
    try:
        expected = ops.conv_transpose2d(batch(x), batch(w), padding=padding, **geometry)[0, 0]
    except ValueError:
        assume(False)
    scene = sliding(x, w, padding=padding, transposed=True, **geometry)
    np.testing.assert_array_equal(scene.output, expected)
    assert scene.given.sum() == x.size


def numbers(panel: Any) -> list[str]:
    """Return the numbers in the cells of the output of a step, row by row."""
    middle = max(annotation.xy[0] for annotation in panel.texts if hasattr(annotation, "xyann"))
    cells = [text for text in panel.texts if text.get_position()[0] > middle and text.get_text()]
    cells.sort(key=lambda text: (text.get_position()[1], text.get_position()[0]))
    return [text.get_text() for text in cells]


@pytest.mark.parametrize(
    ("geometry", "expected", "title"),
    [
        ({}, NO_PADDING, "5\u00d75 with 3\u00d73 \u2192 3\u00d73"),
        ({"stride": 2, "padding": 1}, STRIDED, "stride 2, padding 1 \u2192 3\u00d73"),
    ],
)
def test_each_panel_of_the_picture_shows_the_outputs_so_far(
    tmp_path: Path, geometry: dict[str, Any], expected: list[list[int]], title: str
) -> None:
    figure = plot.convolution_arithmetic(IMAGE, KERNEL, tmp_path / "a.png", **geometry)
    png_pixels(tmp_path / "a.png")
    flat = [str(number) for row in expected for number in row]
    assert [numbers(panel) for panel in figure.axes] == [flat[: n + 1] for n in range(9)]
    assert [panel.get_title() for panel in figure.axes] == [f"step {n} of 9" for n in range(1, 10)]
    assert any(text.endswith(title) for text in texts(figure))


def test_a_step_may_stay_as_long_as_a_gif_can_say(tmp_path: Path) -> None:
    plot.convolution_animation(1, 1, tmp_path / "A.GIF", milliseconds=218_450)
    with Image.open(tmp_path / "A.GIF") as gif:
        assert gif.info["duration"] == 655_350


@pytest.mark.parametrize("geometry", [{"stride": 2, "padding": 1}, {"padding": "valid"}])
def test_the_animation_has_a_frame_for_each_output(
    tmp_path: Path, geometry: dict[str, Any]
) -> None:
    path = tmp_path / "a.gif"
    outputs = ops.conv2d(batch(np.array(IMAGE)), batch(np.array(KERNEL)), **geometry).size
    count = plot.convolution_animation(IMAGE, KERNEL, path, milliseconds=120, **geometry)
    with Image.open(path) as gif:
        assert (gif.format, gif.n_frames, gif.info["loop"]) == ("GIF", outputs, 0)
        frames = []
        for number in range(gif.n_frames):
            gif.seek(number)
            frames.append(gif.convert("RGB").tobytes())
            assert gif.info["duration"] == (360 if number == outputs - 1 else 120)
    assert count == outputs == len(set(frames))


def test_an_animation_without_a_path_is_the_file_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    animation = plot.convolution_animation(3, 2, title="<i>")
    assert len(animation) == plot.convolution_animation(3, 2, path, title="<i>") == 4
    assert animation.content == path.read_bytes()
    animation.save(tmp_path / "b.gif")
    assert (tmp_path / "b.gif").read_bytes() == animation.content
    assert repr(animation) == "Animation('<i>', 4 frames)"
    html = animation._repr_html_()
    assert html.startswith('<img src="data:image/gif;base64,R0lGOD')
    assert html.endswith('" alt="&lt;i&gt;">')


def test_sizes_alone_are_drawn_without_numbers() -> None:
    figure = plot.convolution_arithmetic((2, 4), 2, dilation=(1, 2), columns=2)
    assert set(texts(figure)) == {
        "2\u00d74 with 2\u00d72, dilation (1, 2) \u2192 1\u00d72", "step 1 of 2", "\u2217",
        "step 2 of 2",
    }  # fmt: skip
    figure = plot.convolution_arithmetic(2, 2, stride=2, transposed=True, title="up")
    assert "up" in texts(figure)
    assert len(figure.axes) == 12


def test_a_picture_of_many_steps_shows_some_with_room_between_them() -> None:
    figure = plot.convolution_arithmetic(5, 3, stride=2, transposed=True)
    names = [panel.get_title() for panel in figure.axes]
    steps = [int(name.split(" of ")[0].split()[-1]) for name in names]
    assert steps == [*range(1, 11), 61, 121]
    assert names[:10] == [f"step {n} of 121" for n in range(1, 11)]
    assert names[10:] == ["\u2026 step 61 of 121", "\u2026 step 121 of 121"]
    assert any(text.endswith("(12 of 121 steps)") for text in texts(figure))
    assert max(figure.get_size_inches()) <= 24
    figure.draw_without_rendering()
    first, second = (panel.get_window_extent() for panel in figure.axes[:2])
    cell = first.width / (figure.axes[0].get_xlim()[1] - figure.axes[0].get_xlim()[0])
    assert second.x0 - first.x1 > 2.2 * cell


def test_numbers_of_any_kind_are_written_short() -> None:
    figure = plot.convolution_arithmetic([[1 / 3, np.nan], [-2.5, 1e6]], [[1.0]])
    assert {"0.333", "nan", "-2.5", "1000000"} <= set(texts(figure))


def test_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for image, kernel, geometry, text in (
        (3, 5, {}, "does not fit into the padded input"),
        (9, 3, {"padding": 99_999_999}, r"200000007\u00d7200000007 cells"),
        (10**9, 3, {}, "1000000000\u00d71000000000 cells"),
        (2, 10**9, {"padding": "same"}, "are too many to draw"),
        (3, 2, {"transposed": True, "stride": (1, 10**9)}, "5\u00d72000000003 cells"),
        (39, 1, {"padding": 1}, r"41\u00d741 cells, .* up to 40\u00d740: take a smaller image"),
        ([1, 2], 1, {}, r"the image must be \(height, width\), got shape \(2,\)"),
        (3, [[]], {}, r"the kernel must be \(height, width\)"),
        (0, 1, {}, "size of the image must be at least 1, got 0"),
        (3, 2, {"transposed": True, "padding": 2}, r"padding \(2, 2\) .* up to \(1, 1\)"),
    ):
        with pytest.raises(ValueError, match=text):
            plot.convolution_arithmetic(image, kernel, **geometry)
    with pytest.raises(ValueError, match="takes padding as numbers, got 'same'"):
        plot.convolution_arithmetic(3, 2, transposed=True, padding="same")
    with pytest.raises(ValueError, match=r"144 steps are too many for a GIF.* \(--input\) or"):
        plot.convolution_animation(12, 1, tmp_path / "a.gif")
    for path in ("a.png", "gif"):
        with pytest.raises(ValueError, match=rf"must end in \.gif, got '.*{path}'"):
            plot.convolution_animation(3, 2, tmp_path / path)
    with pytest.raises(ValueError, match="milliseconds must be at most 218450, got 218451"):
        plot.convolution_animation(3, 2, tmp_path / "a.gif", milliseconds=218_451)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"a GIF needs Pillow: pip install 'pycnn\[plot\]'"):
        plot.convolution_animation(3, 2, tmp_path / "a.gif")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("numbered", [False, True])
def test_large_images_are_drawn_quickly_with_labels_off_the_panels(numbered: bool) -> None:
    rng = np.random.default_rng(0)
    sides = (30, 3)
    image, kernel = (rng.integers(0, 4, (n, n)) if numbered else n for n in sides)
    figure = plot.convolution_arithmetic(image, kernel)
    assert len(figure.axes) == (2 if numbered else 10)
    assert sum(len(panel.patches) + len(panel.collections) for panel in figure.axes) < 200
    figure.draw_without_rendering()
    panels = [panel.get_window_extent() for panel in figure.axes]
    pixel = figure.bbox.width / 1280
    for panel in figure.axes:
        label = panel.title.get_window_extent()
        assert label.height > 9 * pixel
        assert not any(box.shrunk(1, 0.999).overlaps(label) for box in panels)
        (star,) = (text for text in panel.texts if text.get_text() == "\u2217")
        assert float(star.get_fontsize()) * figure.dpi / 72 > 15 * pixel


def test_steps_between_the_first_and_the_last_are_told_apart() -> None:
    for side in (4, 12, 40):
        figure = plot.convolution_arithmetic((1, side), (1, 1))
        names = [panel.get_title() for panel in figure.axes]
        assert len(set(names)) == min(side, 12)
        assert [name for name in names if name.startswith("\u2026")] == (
            ["\u2026 step 21 of 40", "\u2026 step 40 of 40"] if side > 12 else []
        )
