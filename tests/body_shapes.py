"""Bodies that are dear to read: fifty shapes of any size, which no sender has reason to send.

Each is what one unsigned request may hold. They stand where an event's payload stands, so that all of the
reading is asked for: numbers with unusual exponents, escapes, very many keys, empty containers, depth.
"""

from collections.abc import Callable, Mapping
from itertools import count
from random import Random

Maker = Callable[[int], bytes]

_V3 = b'{"EventType":"ProcedureStateChanged","ProcedureStateChangeEvent":{"TaskId":"t","Status":"FINISH",'
_QUALITY = b'{"EventType":"QualityInspectComplete","QualityInspectCompleteEvent":{"TaskId":"t",'
_LEGACY = b'{"version":"4.0","eventType":"ConcatComplete","data":{"vodTaskId":"t",'
_NEW = b'{"EventType":"Unheard","UnheardEvent":{"TaskId":"t",'


def _repeated(head: bytes, unit: bytes, tail: bytes) -> Maker:
    """Fill with copies of ``unit``, with commas between them."""
    return lambda size: head + b",".join([unit] * _repeat_count(size, head, tail, len(unit) + 1)) + tail


def _counted(head: bytes, unit: str, tail: bytes, *, step: int = 1) -> Maker:
    """Fill with ``unit`` for each of 0, 1, 2 …, with commas between them; a negative ``step`` counts down."""

    def make_body(size: int) -> bytes:
        parts: list[bytes] = []
        left = size - len(head) - len(tail)
        for number in count(0 if step > 0 else 10**9, step):
            part = unit.replace("#", str(number)).encode()
            left -= len(part) + 1
            if left < 0:
                return head + b",".join(parts) + tail
            parts.append(part)
        raise AssertionError

    return make_body


def _shuffled(head: bytes, unit: str, tail: bytes) -> Maker:
    def make_body(size: int) -> bytes:
        parts = _counted(b"", unit, b"")(size - len(head) - len(tail)).split(b",")
        Random(7).shuffle(parts)  # noqa: S311 - no secret hangs on it
        return head + b",".join(parts) + tail

    return make_body


def _filled(head: bytes, unit: bytes, tail: bytes) -> Maker:
    """Fill with copies of ``unit`` without anything between them."""
    return lambda size: head + unit * _repeat_count(size, head, tail, len(unit)) + tail


def _nested(head: bytes, opening: bytes, closing: bytes, tail: bytes, levels: int) -> Maker:
    """Fill with an array of values that are ``levels`` deep."""
    return _repeated(head + b'"Deep":[', opening * levels + closing * levels, b"]" + tail)


def _deep(opening: bytes, closing: bytes) -> Maker:
    """One value, as deep as its size allows."""

    def make_body(size: int) -> bytes:
        levels = (size - len(_NEW) - 16) // (len(opening) + len(closing))
        return _NEW + b'"Deep":' + opening * levels + b"1" + closing * levels + b"}}"

    return make_body


def _repeat_count(size: int, head: bytes, tail: bytes, step: int) -> int:
    return max(1, (size - len(head) - len(tail)) // step)


def _numbers(literal: bytes) -> Maker:
    return _repeated(_QUALITY + b'"TimestampSet":[', literal, b"]}}")


def _elements(literal: bytes) -> Maker:
    return _repeated(_V3 + b'"MediaProcessResultSet":[', literal, b"]}}")


_TEXT = _NEW + b'"Text":"'

SHAPES: Mapping[str, Maker] = {
    "1e308": _numbers(b"1e308"),
    "1e308 of an unknown type": _repeated(_NEW + b'"N":[', b"1e308", b"]}}"),
    "1e308 of a legacy type": _repeated(_LEGACY + b'"fileInfo":[{"n":[', b"1e308", b"]}]}}"),
    "1e308 beside the payload": _repeated(_V3[:-1] + b'},"Beside":[', b"1e308", b"]}"),
    "1e308 at other keys": _counted(_NEW, '"k#":1e308', b"}}"),
    "smallest normal": _numbers(b"2.2250738585072011e-308"),
    "denormal": _numbers(b"4.9406564584124654e-324"),
    "1e-400": _numbers(b"1e-400"),
    "1e999": _numbers(b"1e999"),
    "1e999 of an unknown type": _repeated(_NEW + b'"N":[', b"1e999", b"]}}"),
    "1E+0308": _numbers(b"1E+0308"),
    "1e200": _numbers(b"1e200"),
    "1e-27": _numbers(b"1e-27"),
    "0.1": _numbers(b"0.1"),
    "25 digits after the point": _numbers(b"0.3333333333333333333333333"),
    "800 digits after the point": _numbers(b"0." + b"123456789" * 90),
    "zeros before an exponent": _numbers(b"0." + b"0" * 300 + b"1"),
    "one number of all digits": _filled(_NEW + b'"N":', b"9", b"}}"),
    "numbers of 4,000 digits": _repeated(_NEW + b'"N":[', b"7" * 4000, b"]}}"),
    "numbers of 20 digits": _repeated(_NEW + b'"N":[', b"9" * 20, b"]}}"),
    "digits": _repeated(_NEW + b'"N":[', b"1", b"]}}"),
    "escapes": _filled(_TEXT, rb"\n", b'"}}'),
    "escapes in a body that is no JSON": _filled(_TEXT, rb"\n", b'"}'),
    "escapes and half a pair": _filled(_TEXT, rb"\n", rb'\ud800"}}'),
    "halves of pairs": _filled(_TEXT, rb"\ud800", b'"}}'),
    "pairs": _filled(_TEXT, rb"\ud83d\ude00", b'"}}'),
    "escaped keys": _counted(_NEW, r'"\u0041\u0042#":1', b"}}"),
    "empty arrays": _elements(b"[]"),
    "empty objects": _elements(b"{}"),
    "empty arrays of an unknown type": _repeated(_NEW + b'"N":[', b"[]", b"]}}"),
    "arrays in arrays": _repeated(_NEW + b'"N":[', b"[[1]]", b"]}}"),
    "arrays in elements": _repeated(_NEW + b'"N":[', b'{"a":[{"b":[1]}]}', b"]}}"),
    "arrays for objects of legacy ConcatComplete": _repeated(_LEGACY + b'"fileInfo":[', b"[[1]]", b"]}}"),
    "empty objects of legacy ConcatComplete": _repeated(_LEGACY + b'"fileInfo":[', b"{}", b"]}}"),
    "empty objects, then a code": _repeated(_LEGACY + b'"status":1,"fileInfo":[', b"{}", b"]}}"),
    "objects of one key": _repeated(_NEW + b'"N":[', b'{"a":1}', b"]}}"),
    "objects of null": _repeated(_NEW + b'"N":[', b'{"a":null}', b"]}}"),
    "failures": _elements(b'{"ErrCode":1}'),
    "100 levels, again and again": _nested(_NEW, b"[", b"]", b"}}", 100),
    "as deep as it is long": _deep(b'{"a":', b"}"),
    "keys at the top": _counted(b"{", '"k#":1', b"}"),
    "objects at the top": _counted(b'{"EventType":"Unheard",', '"k#":{}', b"}"),
    "keys in the payload, counting down": _counted(_NEW, '"k#":1', b"}}", step=-1),
    "keys in the payload, in no order": _shuffled(_NEW, '"k#":1', b"}}"),
    "keys of a known payload": _counted(_V3, '"k#":1', b"}}"),
    "one key again and again": _repeated(_NEW, b'"a":1', b"}}"),
    "one key at the top again and again": _repeated(b'{"EventType":"Unheard","a":{},', b'"b":1', b"}"),
    "nulls at the top": _counted(b'{"EventType":"Unheard","a":{},', '"k#":null', b"}"),
    "blanks": _filled(b'{"EventType":"Unheard","a":{}', b" ", b"}"),
    "blanks between members": _repeated(_NEW + b'"N":[', b" \n\t 1 ", b"]}}"),
    "integers for texts": _repeated(
        _V3 + b'"MediaProcessResultSet":[{"Type":"a"}],"AiAnalysisResultSet":[', b'{"Type":5}', b"]}}"
    ),
    "wide characters": _filled(_TEXT, "😀".encode(), b'"}}'),
    "one wide character": _filled(_TEXT + "😀".encode(), b"x", b'"}}'),
    "not UTF-8 at its end": _filled(_TEXT, b"x", b'\xff"}}'),
    "texts": _counted(_NEW + b'"N":[', '"text #"', b"]}}"),
}
