"""The block types of GGML: which numbers a block of bytes holds, in which bits, and what their bit patterns stand for.

A row is divided into blocks of equally many elements. A block holds a code for each element, and numbers that several elements
share: scales, by which codes are multiplied, and offsets, which are added. An element is

    product of its scales × its code + product of its offsets.

Invariant: every bit of a block belongs to exactly one number, and every number belongs to one run of elements. So it is known to
the bit what a head owns in a block that it shares with its neighbours.
Layouts: https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Bits = npt.NDArray[np.uint8]
"""Unpacked bits of blocks, [blocks, bits]; bit 0 is the lowest bit of the first byte."""

_HALF: Floats = np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float64)


@dataclass(frozen=True, kw_only=True, eq=False)
class Numbers:
    """Numbers of one kind in a block. Each belongs to a run of elements; all runs are equally long.

    Args:
        role: What they are for.
        bits: Where they are: [number, bit], the lowest bit first.
        values: What each bit pattern stands for.
    """

    role: Literal["scale", "offset", "code"]
    bits: Ints
    values: Floats

    @property
    def count(self) -> int:
        """How many there are in a block."""
        return len(self.bits)

    @property
    def is_half(self) -> bool:
        """Whether they are float16."""
        return self.values is _HALF

    @cached_property
    def _levels(self) -> tuple[Floats, Ints]:
        """The finite values in ascending order, and the first bit pattern of each."""
        finite = np.flatnonzero(np.isfinite(self.values))
        levels, first = np.unique(self.values[finite], return_index=True)
        return levels, finite[first]

    @cached_property
    def _steps(self) -> Floats:
        """For each bit pattern the larger of the distances to the next value below and above it."""
        levels, _ = self._levels
        gaps = np.diff(levels)
        wider = np.maximum(np.concatenate([gaps[:1], gaps]), np.concatenate([gaps, gaps[-1:]]))
        places = np.searchsorted(levels, np.nan_to_num(self.values, posinf=0, neginf=0)).clip(max=len(levels) - 1)
        steps: Floats = wider[places]
        return steps

    def read(self, bits: Bits, which: slice = slice(None)) -> Ints:
        """The bit patterns of some of the numbers, [blocks, numbers]."""
        places = self.bits[which]
        found = np.zeros((len(bits), len(places)), dtype=np.uint8 if places.shape[1] <= 8 else np.uint16)
        for shift in range(places.shape[1]):
            found |= bits[:, places[:, shift]].astype(found.dtype) << found.dtype.type(shift)
        return found

    def write(self, bits: Bits, patterns: Ints, which: slice = slice(None)) -> None:
        """Store bit patterns."""
        places = self.bits[which]
        for shift in range(places.shape[1]):
            bits[:, places[:, shift]] = (patterns >> shift) & 1

    def nearest(self, values: Floats) -> Ints:
        """The bit patterns of the nearest values. Beyond the largest one: inf (float16), or the largest."""
        if self.is_half:
            with np.errstate(over="ignore", invalid="ignore"):
                return values.astype(np.float16).view(np.uint16)
        levels, patterns = self._levels
        found: Ints = patterns[np.searchsorted((levels[1:] + levels[:-1]) / 2, values)]
        return found

    def overflows(self, values: Floats) -> bool:
        """Whether any value is beyond the largest or smallest that can be stored, by more than rounding."""
        levels, _ = self._levels
        low, high = levels[0] - (levels[1] - levels[0]) / 2, levels[-1] + (levels[-1] - levels[-2]) / 2
        return bool(((values < low) | (values > high)).any())

    def steps_at(self, patterns: Ints) -> Floats:
        """The distance to the next value, for each bit pattern."""
        found: Floats = self._steps[patterns]
        return found

    @property
    def has_zero(self) -> bool:
        """Whether 0 can be stored."""
        return bool((self.values == 0).any())

    @property
    def has_both_signs(self) -> bool:
        """Whether each value can be stored with the other sign, or nearly."""
        return bool((self.values < 0).any() and (self.values > 0).any())

    @property
    def are_powers(self) -> bool:
        """Whether only powers of two can be stored."""
        return bool((np.frexp(self.values)[0] == 0.5).all())


@dataclass(frozen=True, kw_only=True, eq=False)
class BlockType:
    """One type.

    Args:
        name: Its name in GGML.
        size: Elements of a block.
        num_bytes: Bytes of a block.
        numbers: What it holds. Numbers that more elements share come first. The bits of types without codes here belong to codes
            that several elements share (codebooks), and are not read.
    """

    name: str
    size: int
    num_bytes: int
    numbers: tuple[Numbers, ...]

    @property
    def codes(self) -> Numbers | None:
        """The codes of its elements; None if elements have no codes of their own."""
        return next((numbers for numbers in self.numbers if numbers.role == "code"), None)

    @property
    def levels(self) -> tuple[tuple[Numbers, ...], ...]:
        """Scales and offsets, grouped by how many elements share them, the most first."""
        counts = dict.fromkeys(numbers.count for numbers in self.numbers if numbers.role != "code")
        return tuple(
            tuple(numbers for numbers in self.numbers if numbers.role != "code" and numbers.count == count) for count in counts
        )

    def run_of(self, numbers: Numbers) -> int:
        """How many elements share one of these numbers."""
        return self.size // numbers.count

    def inside(self, numbers: Numbers, start: int, stop: int) -> slice:
        """Those of the numbers that belong to elements from `start` to `stop` alone; empty if none do."""
        run = self.run_of(numbers)
        first = -(-start // run)
        return slice(first, max(first, stop // run))

    def unpack(self, blocks: npt.NDArray[np.uint8]) -> Bits:
        """The bits of blocks, [blocks, bytes]."""
        return np.unpackbits(blocks, axis=1, bitorder="little")

    def decode(self, bits: Bits, start: int = 0, stop: int | None = None) -> Floats:
        """The values of elements, [blocks, elements], in float64.

        Types without codes give the product of each element's scales.
        """
        stop = self.size if stop is None else stop
        found = self._product(bits, ("scale", "code"), start, stop)
        if any(numbers.role == "offset" for numbers in self.numbers):
            found += self._product(bits, ("offset",), start, stop)
        return found

    def scales(self, bits: Bits, start: int, stop: int) -> Floats:
        """The product of the scales of each element, [blocks, elements]."""
        return self._product(bits, ("scale",), start, stop)

    def offsets(self, bits: Bits, start: int, stop: int) -> Floats:
        """What is added to each element, [blocks, elements]."""
        if not any(numbers.role == "offset" for numbers in self.numbers):
            return np.zeros((len(bits), stop - start))
        return self._product(bits, ("offset",), start, stop)

    def _product(self, bits: Bits, roles: Sequence[str], start: int, stop: int) -> Floats:
        found: Floats = np.ones((len(bits), stop - start))
        for numbers in self.numbers:
            if numbers.role in roles:
                run = self.run_of(numbers)
                first, last = start // run, -(-stop // run)
                values = numbers.values[numbers.read(bits, slice(first, last))]
                with np.errstate(invalid="ignore", over="ignore"):
                    found *= np.repeat(values, run, axis=1)[:, start - first * run : stop - first * run]
        return found

    def touched(self, changed: Bits) -> npt.NDArray[np.bool_]:
        """Which elements have a bit that changed, [blocks, elements].

        Args:
            changed: 1 for each bit that changed, [blocks, bits].
        """
        found = np.zeros((len(changed), self.size), dtype=np.bool_)
        known = np.zeros(changed.shape[1], dtype=np.bool_)
        for numbers in self.numbers:
            found |= np.repeat(changed[:, numbers.bits].any(axis=2), self.run_of(numbers), axis=1)
            known[numbers.bits] = True
        found |= changed[:, ~known].any(axis=1, keepdims=True)
        return found

    @lru_cache(maxsize=4096)  # noqa: B019  # types live as long as the program
    def own_bits(self, start: int, stop: int) -> bytes:
        """The bits that belong to elements from `start` to `stop` alone, as a mask of a block's bytes."""
        if (start, stop) == (0, self.size):
            return b"\xff" * self.num_bytes
        mask = np.zeros(8 * self.num_bytes, dtype=np.uint8)
        for numbers in self.numbers:
            mask[numbers.bits[self.inside(numbers, start, stop)]] = 1
        return np.packbits(mask, bitorder="little").tobytes()

    def mask(self, block: range) -> bytes:
        """The bits that belong to some elements of a row alone, as a mask of the bytes of all blocks that hold such elements."""
        first, last = block.start // self.size, -(-block.stop // self.size)
        ends = ((max(block.start - at * self.size, 0), min(block.stop - at * self.size, self.size)) for at in range(first, last))
        return b"".join(self.own_bits(start, stop) for start, stop in ends)


def _run(at: int, width: int) -> list[int]:
    return list(range(at, at + width))


def _bits(places: Iterable[Sequence[int]]) -> Ints:
    return np.array(list(places), dtype=np.intp)


def _half(role: Literal["scale", "offset"], byte: int) -> Numbers:
    return Numbers(role=role, bits=_bits([_run(8 * byte, 16)]), values=_HALF)


def _codes(places: Iterable[Sequence[int]], values: npt.ArrayLike) -> Numbers:
    return Numbers(role="code", bits=_bits(places), values=np.asarray(values, dtype=np.float64))


def _in_halves(byte: int, size: int, group: int) -> list[list[int]]:
    """Where codes of 4 bits are: of each group, the first half of the elements in the lower halves of its bytes."""
    half = group // 2
    return [
        _run(8 * (byte + element // group * half + element % half) + 4 * (element % group // half), 4) for element in range(size)
    ]


def _in_quarters(byte: int) -> list[list[int]]:
    """Where codes of 2 bits are: 128 elements in 32 bytes, every 32 of them in other bits of these bytes."""
    return [_run(8 * (byte + 32 * (e // 128) + e % 32) + 2 * (e % 128 // 32), 2) for e in range(256)]


def _with_high(places: list[list[int]], high: Iterable[Sequence[int]]) -> list[list[int]]:
    return [[*low, *more] for low, more in zip(places, high, strict=True)]


_ALTERNATING = [[8 * (e % 32) + e // 32] for e in range(256)]
"""One bit for each element: bit k of 32 bytes for the elements from 32 k."""


def _six_bits(byte: int, high_nibble: bool) -> Ints:
    """Scales or offsets of Q4_K and Q5_K: the first four in 6 bits of a byte each, the others in 4 bits and 2 bits."""
    own = byte + (4 if high_nibble else 0)
    first = [_run(8 * (own + j), 6) for j in range(4)]
    return _bits([*first, *(_run(8 * (byte + 8 + j) + 4 * high_nibble, 4) + _run(8 * (own + j) + 6, 2) for j in range(4))])


def _k_numbers() -> tuple[Numbers, ...]:
    """What Q4_K and Q5_K have in common."""
    return (
        _half("scale", 0),
        _half("offset", 2),
        Numbers(role="scale", bits=_six_bits(4, False), values=np.arange(64.0)),
        Numbers(role="offset", bits=_six_bits(4, True), values=-np.arange(64.0)),
    )


def _q6_k_codes() -> list[list[int]]:
    low = [_run(8 * (64 * (e // 128) + e % 64) + 4 * (e % 128 // 64), 4) for e in range(256)]
    return _with_high(low, (_run(8 * (128 + 32 * (e // 128) + e % 32) + 2 * (e % 128 // 32), 2) for e in range(256)))


_BYTES = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.float64)
_IQ4 = (-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)
_FP4 = (0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12)
"""Twice the values of E2M1; scales are stored to match."""


def _ue4m3() -> Floats:
    """Half the values of unsigned E4M3; 0x7f stands for 0, and the highest bit is not read."""
    patterns = np.arange(256)
    exponent, mantissa = patterns >> 3 & 15, patterns & 7
    values = np.where(exponent == 0, mantissa * 2.0**-9, (1 + mantissa / 8) * 2.0 ** (exponent - 7.0)) / 2
    return np.where((patterns == 0) | (patterns == 0x7F), 0.0, values)


_THREE = np.arange(8.0) - 4
_SHIFT_32 = np.arange(64.0) - 32

_KNOWN = (
    BlockType(name="Q4_0", size=32, num_bytes=18, numbers=(_half("scale", 0), _codes(_in_halves(2, 32, 32), np.arange(16) - 8))),
    BlockType(
        name="Q4_1",
        size=32,
        num_bytes=20,
        numbers=(_half("scale", 0), _half("offset", 2), _codes(_in_halves(4, 32, 32), np.arange(16))),
    ),
    BlockType(
        name="Q5_0",
        size=32,
        num_bytes=22,
        numbers=(_half("scale", 0), _codes(_with_high(_in_halves(6, 32, 32), ([16 + e] for e in range(32))), np.arange(32) - 16)),
    ),
    BlockType(
        name="Q5_1",
        size=32,
        num_bytes=24,
        numbers=(
            _half("scale", 0),
            _half("offset", 2),
            _codes(_with_high(_in_halves(8, 32, 32), ([32 + e] for e in range(32))), np.arange(32)),
        ),
    ),
    BlockType(
        name="Q8_0", size=32, num_bytes=34, numbers=(_half("scale", 0), _codes((_run(16 + 8 * e, 8) for e in range(32)), _BYTES))
    ),
    BlockType(
        name="Q2_K",
        size=256,
        num_bytes=84,
        numbers=(
            _half("scale", 80),
            _half("offset", 82),
            Numbers(role="scale", bits=_bits(_run(8 * j, 4) for j in range(16)), values=np.arange(16.0)),
            Numbers(role="offset", bits=_bits(_run(8 * j + 4, 4) for j in range(16)), values=-np.arange(16.0)),
            _codes(_in_quarters(16), np.arange(4)),
        ),
    ),
    BlockType(
        name="Q3_K",
        size=256,
        num_bytes=110,
        numbers=(
            _half("scale", 108),
            Numbers(
                role="scale",
                bits=_bits(_run(8 * (96 + j % 8) + 4 * (j // 8), 4) + _run(8 * (104 + j % 4) + 2 * (j // 4), 2) for j in range(16)),
                values=_SHIFT_32,
            ),
            _codes(_with_high(_in_quarters(32), _ALTERNATING), _THREE),
        ),
    ),
    BlockType(name="Q4_K", size=256, num_bytes=144, numbers=(*_k_numbers(), _codes(_in_halves(16, 256, 64), np.arange(16)))),
    BlockType(
        name="Q5_K",
        size=256,
        num_bytes=176,
        numbers=(
            *_k_numbers(),
            _codes(_with_high(_in_halves(48, 256, 64), ([8 * 16 + place[0]] for place in _ALTERNATING)), np.arange(32)),
        ),
    ),
    BlockType(
        name="Q6_K",
        size=256,
        num_bytes=210,
        numbers=(
            _half("scale", 208),
            Numbers(role="scale", bits=_bits(_run(8 * (192 + j), 8) for j in range(16)), values=_BYTES),
            _codes(_q6_k_codes(), np.arange(64) - 32),
        ),
    ),
    BlockType(name="IQ4_NL", size=32, num_bytes=18, numbers=(_half("scale", 0), _codes(_in_halves(2, 32, 32), _IQ4))),
    BlockType(
        name="IQ4_XS",
        size=256,
        num_bytes=136,
        numbers=(
            _half("scale", 0),
            Numbers(
                role="scale",
                bits=_bits(_run(8 * (4 + j // 2) + 4 * (j % 2), 4) + _run(16 + 2 * j, 2) for j in range(8)),
                values=_SHIFT_32,
            ),
            _codes(_in_halves(8, 256, 32), _IQ4),
        ),
    ),
    BlockType(
        name="MXFP4",
        size=32,
        num_bytes=17,
        numbers=(
            Numbers(role="scale", bits=_bits([_run(0, 8)]), values=2.0 ** (np.arange(256.0) - 128)),
            _codes(_in_halves(1, 32, 32), _FP4),
        ),
    ),
    BlockType(
        name="NVFP4",
        size=64,
        num_bytes=36,
        numbers=(
            Numbers(role="scale", bits=_bits(_run(8 * j, 8) for j in range(4)), values=_ue4m3()),
            _codes(_in_halves(4, 64, 16), _FP4),
        ),
    ),
    BlockType(name="TQ2_0", size=256, num_bytes=66, numbers=(_half("scale", 64), _codes(_in_quarters(0), np.arange(4) - 1))),
    BlockType(name="TQ1_0", size=256, num_bytes=54, numbers=(_half("scale", 52),)),
    *(
        BlockType(name=name, size=256, num_bytes=num_bytes, numbers=(_half("scale", 0),))
        for name, num_bytes in (("IQ2_XXS", 66), ("IQ2_XS", 74), ("IQ2_S", 82), ("IQ3_XXS", 98), ("IQ3_S", 110), ("IQ1_S", 50))
    ),
    BlockType(
        name="IQ1_M",
        size=256,
        num_bytes=56,
        numbers=(
            Numbers(role="scale", bits=_bits([[bit for k in range(4) for bit in _run(8 * (49 + 2 * k) + 4, 4)]]), values=_HALF),
        ),
    ),
)
"""The last eight have codes that several elements share (codebooks, base 3), so only the scale of a whole block can change."""

BLOCK_TYPES: Mapping[str, BlockType] = {kind.name: kind for kind in _KNOWN}
"""By the name that `TensorInfo.dtype` has."""
