import io
import os
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from trainwell.data.images import BARS, Frame, read_header, read_image, read_photo, resize_array, strict_decoding
from trainwell.errors import BadData


def read(path: Path, frame: Frame) -> np.ndarray:
    with strict_decoding():
        return read_image(path, frame).pixels


def reason(path: Path) -> str:
    with strict_decoding(), pytest.raises(BadData) as caught:
        read_image(path, Frame(8, 8, 3))
    return str(caught.value)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "gif", "webp", "jpg", "ppm"])
def test_formats_whatever_the_suffix_says(tmp_path: Path, suffix: str) -> None:
    image = Image.new("RGB", (8, 6), (200, 100, 0))
    image.save(tmp_path / f"a.{suffix}")
    (tmp_path / f"a.{suffix}").rename(tmp_path / "a.txt")
    pixels = read(tmp_path / "a.txt", Frame(6, 8, 3))
    assert pixels.shape == (6, 8, 3)
    assert np.abs(pixels.astype(int) - (200, 100, 0)).max() <= 2


def test_alpha_is_put_on_white(tmp_path: Path) -> None:
    half = np.zeros((4, 4, 4), np.uint8)
    half[..., 0], half[..., 3] = 255, 51  # red, a fifth opaque: 255, 204, 204 on white
    Image.fromarray(half).save(tmp_path / "rgba.png")
    assert read(tmp_path / "rgba.png", Frame(4, 4, 3))[0, 0].tolist() == [255, 204, 204]
    Image.new("LA", (4, 4), (0, 0)).save(tmp_path / "la.png")
    assert read(tmp_path / "la.png", Frame(4, 4, 1)).tolist() == np.full((4, 4, 1), 255).tolist()


def test_transparent_colour_of_a_palette_is_put_on_white(tmp_path: Path) -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([10, 20, 30, 90, 80, 70])
    image.putpixel((0, 0), 0)
    image.save(tmp_path / "p.png", transparency=0)
    pixels = read(tmp_path / "p.png", Frame(4, 4, 3))
    assert pixels[0, 0].tolist() == [255, 255, 255] and pixels[1, 1].tolist() == [90, 80, 70]


def test_16_bits_are_scaled_and_not_clipped(tmp_path: Path) -> None:
    levels = np.array([[0, 257, 25700, 65535]], np.uint16)
    Image.fromarray(levels).save(tmp_path / "deep.png")
    Image.fromarray(levels).save(tmp_path / "deep.tiff")
    Image.fromarray(levels.astype(np.int32)).save(tmp_path / "int.tiff")
    for name in ("deep.png", "deep.tiff", "int.tiff"):
        assert read(tmp_path / name, Frame(1, 4, 1))[0, :, 0].tolist() == [0, 1, 100, 255]


def test_cmyk_one_bit_and_grey(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "c.tiff")
    assert read(tmp_path / "c.tiff", Frame(8, 8, 3))[0, 0].tolist() == [255, 0, 0]
    Image.new("1", (8, 8), 1).save(tmp_path / "one.png")
    assert read(tmp_path / "one.png", Frame(8, 8, 1)).min() == 255
    Image.new("L", (8, 8), 77).save(tmp_path / "l.png")
    assert read(tmp_path / "l.png", Frame(8, 8, 3))[0, 0].tolist() == [77, 77, 77]


def test_palette_of_greys_counts_as_grey(tmp_path: Path) -> None:
    Image.new("L", (4, 4), 9).convert("P").save(tmp_path / "grey.png")
    colours = Image.new("P", (4, 4))
    colours.putpalette([255, 0, 0])
    colours.save(tmp_path / "red.png")
    assert read_header(tmp_path / "grey.png").mode == "P (grey)"
    assert read_header(tmp_path / "red.png").mode == "P"


def test_exif_orientation_comes_first(tmp_path: Path) -> None:
    image = Image.new("RGB", (8, 4), "black")
    image.paste((255, 255, 255), (0, 0, 4, 4))  # left half white
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees: white comes to the top
    image.save(tmp_path / "turned.png", exif=exif)
    pixels = read(tmp_path / "turned.png", Frame(8, 4, 3))
    assert pixels[:4].min() == 255 and pixels[4:].max() == 0


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read(tmp_path / "a.gif", Frame(8, 8, 3))[0, 0].tolist() == [255, 0, 0]


def test_covers_the_frame_and_crops_the_centre(tmp_path: Path) -> None:
    image = Image.new("RGB", (40, 20), "black")
    image.paste((255, 255, 255), (10, 0, 30, 20))  # the centre square
    image.save(tmp_path / "wide.png")
    for side in (10, 40):  # made smaller and larger; the filter reaches one pixel over the edge
        assert read(tmp_path / "wide.png", Frame(side, side, 3))[:, 1:-1].min() == 255


def test_large_jpeg_looks_as_if_resized_from_full_size(tmp_path: Path) -> None:
    y, x = np.mgrid[:512, :512]
    smooth = np.stack([x // 2, y // 2, (x + y) // 4], axis=-1).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "a.jpg", quality=95)
    expected = smooth.reshape(64, 8, 64, 8, 3).mean(axis=(1, 3))
    assert np.abs(read(tmp_path / "a.jpg", Frame(64, 64, 3)) - expected).max() < 4


@pytest.mark.parametrize("suffix", ["png", "jpg"])
@pytest.mark.parametrize("size", [(400, 200), (200, 400)])
def test_letterbox_shows_all_of_it_between_bars(tmp_path: Path, suffix: str, size: tuple[int, int]) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.new("RGB", size, (250, 10, 10)).save(path)
    pixels = read(path, Frame(20, 20, 3, "letterbox"))
    pixels = pixels if size[0] > size[1] else pixels.transpose(1, 0, 2)
    assert (pixels[:5] == BARS).all() and (pixels[15:] == BARS).all()
    assert np.abs(pixels[5:15].astype(int) - (250, 10, 10)).max() <= 3
    alike = resize_array(np.asarray(Image.open(path)), Frame(20, 20, 3, "letterbox"))
    assert np.abs(alike.astype(int) - read(path, Frame(20, 20, 3, "letterbox"))).max() <= 3


def test_a_photo_is_kept_whole_and_never_enlarged(tmp_path: Path) -> None:
    rows, columns = np.mgrid[:600, :901]
    wave = np.sin(rows / 40) + np.cos(columns / 60)
    image = Image.fromarray(((wave + 2) * 63).astype(np.uint8))
    image.save(tmp_path / "a.jpg", quality=95)
    found = read_photo(tmp_path / "a.jpg", 100, 3)  # decoded at 1/4
    assert found.pixels.shape == (100, 150, 3) and found.size == (901, 600) and found.mode == "L"
    whole = np.asarray(image.resize((150, 100), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(found.pixels[..., 0] - whole).mean() < 2  # 901 columns are decoded as 226, the last in part
    assert read_photo(tmp_path / "a.jpg", 1000, 1).pixels.shape == (600, 901, 1)
    assert read_photo(tmp_path / "a.jpg", 100, 1, "letterbox").pixels.shape == (100, 100, 1)
    assert read_photo(tmp_path / "a.jpg", 1000, 1, "letterbox").pixels.shape == (901, 901, 1)


def test_resize_array_equals_the_way_of_files(tmp_path: Path, noise: Callable[..., Image.Image]) -> None:
    image = noise(1, 30, 20)
    image.save(tmp_path / "a.png")
    frame = Frame(10, 10, 3)
    assert (resize_array(np.asarray(image), frame) == read(tmp_path / "a.png", frame)).all()


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "gif", "webp", "tiff"])
def test_truncated(tmp_path: Path, suffix: str, noise: Callable[..., Image.Image]) -> None:
    buffer = io.BytesIO()
    noise(0, 64, 64).save(buffer, {"jpg": "jpeg"}.get(suffix, suffix))
    (tmp_path / "a").write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    assert reason(tmp_path / "a").startswith(("truncated", "damaged"))


def test_truncated_stays_an_error_where_the_process_allows_it(
    tmp_path: Path, noise: Callable[..., Image.Image]
) -> None:
    buffer = io.BytesIO()
    noise(0, 64, 64).save(buffer, "jpeg")
    (tmp_path / "a.jpg").write_bytes(buffer.getvalue()[:1500])
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        assert reason(tmp_path / "a.jpg") == "truncated"
        assert ImageFile.LOAD_TRUNCATED_IMAGES is True
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


def test_empty_text_and_heic(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "note.jpg").write_text("these are ants")
    (tmp_path / "phone.jpg").write_bytes(b"\0\0\0\x18ftypheic" + bytes(50))
    (tmp_path / "head.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert reason(tmp_path / "empty.jpg") == "empty file"
    assert reason(tmp_path / "note.jpg") == "not an image"
    assert "HEIC" in reason(tmp_path / "phone.jpg") and "JPEG" in reason(tmp_path / "phone.jpg")
    assert reason(tmp_path / "head.png").startswith(("damaged", "truncated"))


@pytest.mark.parametrize("side", [10_001, 30_000])
def test_decompression_bomb_is_refused_from_its_header(tmp_path: Path, side: int) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"x"))
    assert reason(tmp_path / "bomb.png").startswith("decompression bomb") and "100,000,000" in reason(
        tmp_path / "bomb.png"
    )


def test_floating_point_pixels_are_not_guessed(tmp_path: Path) -> None:
    Image.fromarray(np.ones((4, 4), np.float32)).save(tmp_path / "f.tiff")
    assert "floating-point" in reason(tmp_path / "f.tiff")


def test_links_and_pipes(tmp_path: Path) -> None:
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    assert reason(tmp_path / "gone.jpg") == "cannot be read: No such file or directory"
    assert reason(tmp_path / "pipe.jpg") == "not a regular file"


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder that any user can enter and write to, unlike tmp_path."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o777)
        yield Path(name)


def test_no_permission(open_place: Path) -> None:
    Image.new("RGB", (8, 8)).save(open_place / "secret.png")
    os.chmod(open_place / "secret.png", 0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # root may read everything
    try:
        assert reason(open_place / "secret.png") == "cannot be read: Permission denied"
    finally:
        os.seteuid(user)
