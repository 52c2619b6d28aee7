"""Every kind of bad picture is named, none is decoded needlessly, and none leaves the folder."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from multimodal_study.encoders import pictures
from multimodal_study.encoders.pictures import Examined, examine, load_picture
from multimodal_study.errors import InputError


def _noise(width: int = 40, height: int = 30) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def _bytes(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _png_header(width: int, height: int) -> bytes:
    """A PNG that promises pixels it does not have."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(header)) + chunk
    start += struct.pack(">I", zlib.crc32(chunk))
    data = b"IDAT" + zlib.compress(b"\0" * 1000)
    end = struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
    return start + end


def _gif(frames: int) -> bytes:
    images = [Image.new("RGB", (8, 8), (90 * number, 0, 0)) for number in range(frames)]
    return _bytes(images[0], "GIF", save_all=True, append_images=images[1:])


def _one(root: Path, name: str, content: bytes, **limits: Any) -> Examined:
    (root / name).write_bytes(content)
    (found,) = examine([name], root=root, **limits)
    return found


def _broken_checksum() -> bytes:
    content = bytearray(_bytes(_noise(), "PNG"))
    content[len(content) // 2] ^= 0xFF
    return bytes(content)


BAD: dict[str, tuple[str, Callable[[], bytes], str, str]] = {
    "empty": ("a.jpg", lambda: b"", "empty", "0 bytes"),
    "text": ("a.jpg", lambda: b"<html>not found</html>", "not_an_image", "starts with 3c 68"),
    "svg": ("a.svg", lambda: b"<svg xmlns='x'/>", "not_an_image", "not as JPEG"),
    "postscript": ("a.jpg", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n", "not_an_image", "25 21 50"),
    "tiff": ("a.tif", lambda: _bytes(_noise(), "TIFF"), "not_an_image", "starts with"),
    "suffix": ("a.jpg", lambda: _bytes(_noise(), "PNG"), "wrong_extension", "PNG in a file"),
    "foreign suffix": ("a.exe", lambda: _bytes(_noise(), "PNG"), "wrong_extension", "*.exe"),
    "bomb": ("a.png", lambda: _png_header(60_000, 60_000), "too_large", "3600000000 pixels"),
    "wide": ("a.png", lambda: _png_header(9_000, 9_000), "too_large", "9,000 x 9,000 pixels"),
    "gif": ("a.gif", lambda: _gif(3), "animated", "more than one frame"),
    "webp": (
        "a.webp",
        lambda: _bytes(_noise(), "WEBP", save_all=True, append_images=[Image.new("RGB", (40, 30))]),
        "animated",
        "WEBP",
    ),
    "png": (
        "a.png",
        lambda: _bytes(_noise(), "PNG", save_all=True, append_images=[Image.new("RGB", (40, 30))]),
        "animated",
        "PNG",
    ),
    "cmyk": ("a.jpg", lambda: _bytes(_noise().convert("CMYK"), "JPEG"), "cmyk", "in CMYK"),
    "16 bit": (
        "a.png",
        lambda: _bytes(Image.fromarray(np.full((4, 4), 40_000, np.uint16)), "PNG"),
        "unsupported_colours",
        "I;16",
    ),
    "cut jpeg": ("a.jpg", lambda: _bytes(_noise(), "JPEG")[:-400], "truncated", "truncated"),
    "cut png": ("a.png", lambda: _bytes(_noise(), "PNG")[:-400], "truncated", "Error"),
    "cut webp": ("a.webp", lambda: _bytes(_noise(), "WEBP")[:-100], "truncated", ""),
    "cut header": ("a.png", lambda: _bytes(_noise(), "PNG")[:20], "truncated", ""),
    "flipped bits": ("a.png", _broken_checksum, "truncated", ""),
}


@pytest.mark.parametrize("case", list(BAD))
def test_a_bad_picture_is_named(tmp_path: Path, case: str) -> None:
    name, make, reason, value = BAD[case]
    content = make()
    found = _one(tmp_path, name, content)
    assert found.reason == reason, found
    assert value in found.value
    if content:
        assert found.sha256 == hashlib.sha256(content).hexdigest()
    if case != "flipped bits":  # a checksum is the only thing that shows it
        with pytest.raises(InputError, match=reason):
            load_picture(tmp_path / name)


def test_the_header_alone_refuses_a_large_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("decoded")

    monkeypatch.setattr(pictures, "_decode", never)
    assert _one(tmp_path, "a.png", _png_header(9_000, 9_000)).reason == "too_large"
    small = _one(tmp_path, "b.png", _bytes(_noise(), "PNG"), max_pixels=1_000)
    assert (small.reason, small.sha256 is not None) == ("too_large", True)


def test_a_file_of_too_many_bytes_is_not_read(tmp_path: Path) -> None:
    found = _one(tmp_path, "a.png", _bytes(_noise(), "PNG"), max_bytes=100)
    assert (found.reason, found.sha256) == ("too_large", None)


def test_pillows_own_alarm_neither_stops_nor_prints(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(_png_header(10_000, 10_000))
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        (found,) = examine(["a.png"], root=tmp_path)
    assert found.reason == "too_large" and not heard
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError, match="too_large"):
            load_picture(tmp_path / "a.png")


def test_nothing_outside_the_folder_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    (root / "inner").mkdir(parents=True)
    outside = tmp_path / "secret.png"
    outside.write_bytes(_bytes(_noise(), "PNG"))
    (root / "link.png").symlink_to(outside)
    (root / "folder").symlink_to(tmp_path)
    (root / "inside.png").write_bytes(_bytes(_noise(), "PNG"))
    (root / "alias.png").symlink_to(root / "inside.png")
    read: list[Path] = []
    real = pictures._read
    monkeypatch.setattr(
        pictures, "_read", lambda path, limit: (read.append(path), real(path, limit))[1]
    )
    escapes = ["../secret.png", "inner/../../secret.png", str(outside), str(root / "inside.png")]
    escapes += ["link.png", "folder/secret.png"]
    found = examine([*escapes, "inside.png", "alias.png"], root=root)
    assert [item.reason for item in found] == ["outside_root"] * len(escapes) + [None, None]
    assert {path.name for path in read} == {"inside.png", "alias.png"}
    with pytest.raises(InputError, match="outside_root"):
        load_picture(Path("link.png"), root=root)


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    names = ["gone.jpg", "folder.jpg", "pipe.jpg", "loop.jpg", "a\0b.jpg", "x" * 300, "gone.jpg/a"]
    reasons = [item.reason for item in examine(names, root=tmp_path)]
    assert reasons[:3] == ["missing", "not_an_image", "not_an_image"]
    assert set(reasons[3:]) <= {"missing", "unreadable"}


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("RGB", "JPEG"), ("L", "JPEG"), ("L", "PNG"), ("1", "PNG"), ("P", "GIF"), ("P", "PNG")],
)
def test_colours_that_become_rgb(tmp_path: Path, mode: str, kind: str) -> None:
    image = _noise().convert(mode)
    content = _bytes(image, kind)
    name = f"a.{kind.lower()}"
    assert _one(tmp_path, name, content).reason is None
    pixels = load_picture(tmp_path / name)
    assert pixels.shape == (30, 40, 3) and pixels.dtype == np.uint8
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    np.testing.assert_array_equal(pixels, expected)


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    red = Image.new("RGBA", (4, 4), (255, 0, 0, 255))
    red.putpixel((0, 0), (0, 0, 0, 0))
    red.putpixel((1, 0), (255, 0, 0, 128))
    red.save(tmp_path / "rgba.png")
    pixels = load_picture(tmp_path / "rgba.png")
    assert pixels[0, 0].tolist() == [255, 255, 255] and pixels[3, 3].tolist() == [255, 0, 0]
    assert pixels[0, 1].tolist() == pytest.approx([255, 127, 127], abs=1)
    palette = Image.new("P", (2, 1))
    palette.putpalette([0, 0, 0, 0, 0, 255])
    palette.putpixel((1, 0), 1)
    palette.save(tmp_path / "p.png", transparency=0)
    assert load_picture(tmp_path / "p.png").tolist() == [[[255, 255, 255], [0, 0, 255]]]
    grey = Image.fromarray(np.array([[[0, 0], [9, 255]]], np.uint8), mode="LA")
    grey.save(tmp_path / "la.png")
    assert load_picture(tmp_path / "la.png")[0, :, 0].tolist() == [255, 9]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stands_upright(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = _bytes(_noise(), "JPEG", exif=exif)
    found = _one(tmp_path, "a.jpg", content)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    pixels = load_picture(tmp_path / "a.jpg")
    np.testing.assert_array_equal(pixels, np.asarray(expected))
    assert (found.width, found.height) == expected.size


def test_damaged_exif_is_no_reason(tmp_path: Path) -> None:
    content = _bytes(_noise(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\xff\xff garbage")
    found = _one(tmp_path, "a.jpg", content)
    assert (found.reason, found.width) == (None, 40)


def test_several_views_of_a_camera_are_one_picture(tmp_path: Path) -> None:
    content = _bytes(_noise(), "MPO", save_all=True, append_images=[Image.new("RGB", (9, 9))])
    assert _one(tmp_path, "a.jpg", content).reason is None
    assert load_picture(tmp_path / "a.jpg").shape == (30, 40, 3)


def test_scaled_decoding_keeps_what_is_asked_for(tmp_path: Path) -> None:
    smooth = _noise(8, 6).resize((800, 600), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = 6
    smooth.save(tmp_path / "a.jpg", exif=exif, quality=95)
    whole = load_picture(tmp_path / "a.jpg")
    scaled = load_picture(tmp_path / "a.jpg", at_least=(140, 190))
    assert whole.shape == (800, 600, 3) and scaled.shape == (200, 150, 3)
    reduced = np.asarray(Image.fromarray(whole).reduce(4), dtype=float)
    assert np.abs(scaled - reduced).mean() < 2
    assert load_picture(tmp_path / "a.jpg", at_least=(151, 201)).shape == (400, 300, 3)


def test_order_is_that_of_the_paths(tmp_path: Path) -> None:
    for number in range(12):
        Image.new("RGB", (10 + number, 5), (number, 0, 0)).save(tmp_path / f"{number}.png")
    names = [f"{number}.png" for number in range(12)]
    many = examine(names, root=tmp_path, threads=4)
    assert many == examine(names, root=tmp_path, threads=1)
    assert [item.width for item in many] == [10 + number for number in range(12)]


def test_limits_are_checked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="max_pixels is 10000000000"):
        examine([], root=tmp_path, max_pixels=10**10)
    with pytest.raises(InputError, match="does not exist"):
        examine([], root=tmp_path / "gone")
