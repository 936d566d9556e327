"""Bodies with siblings of the payload: what hypothesis draws them from, and how they are put together."""

import json
from random import Random

from hypothesis import strategies as st

PAYLOAD = '{"TaskId":"t","FileId":"f","ErrCode":0}'
VALUES = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.text().map(json.dumps),
    st.sampled_from(
        [
            "true",
            "false",
            "null",
            "0",
            "-0",
            "00",
            "1.0",
            "1e2",
            "[]",
            "{}",
            '["A",{"A":1}]',
            "nonsense",
            '"%b',
            '"%(A)b"',
            '"\\u0041"',
            '"a,\\"B\\":1"',
            '"x" ',
            '"\x7f"',
            '"é"',
            '"a\nb"',
            "1E5",
            "1.50",
            "1e999",
            "-",
            "12345678901234567890123",
            '"中"',
            '"\\ud800"',
            '"\\u007b"',
            '"{"',
            '"}"',
            '"a\\"}{"',
            '{"x":"}"}',
            '{"x":"{"}',
            '{"z":[{"y":null}],"a":1.50,"n":null}',
            '{"d":1,"d":2}',
            '{"A":{"B":1}}',
            '{"中":"é"}',
            '{"x":"\\ud800"}',
            '{"a":}',
            "{}5",
            "[].5",
            "[1, 2]",
            '[{"a":"]"}]',
            "[[[[",
            "{" * 20 + "}" * 20,
        ]
    ),
)
PAYLOADS = st.sampled_from(
    [
        PAYLOAD,
        '{"TaskId":"t","FileId":"f","A":{"B":1},"ErrCode":0}',
        '{"TaskId":"t","SessionContext":",\\"A\\":{}"}',
        '{"TaskId":"t","B":{"A":{}}}',
    ]
)
KEYS = st.sampled_from(
    [
        '"A"',
        '"B"',
        '"A" ',
        '"\\u0041"',
        '"%A"',
        '"Trace Id"',
        '"C"',
        '"a"',
        '"T"',
        '"FileUploadEvent"',
        '"A":1,"A"',
        '"x\\"A"',
    ]
)
MEMBERS = st.lists(st.tuples(KEYS, VALUES), max_size=4)


def body_of(members: list[tuple[str, str]], seed: int = 0, payload: str = PAYLOAD) -> bytes:
    """Put the payload of a type, and the type, somewhere among members."""
    parts = [f"{key}:{value}" for key, value in members]
    random = Random(seed)  # noqa: S311 - no secret hangs on it
    for part in ('"EventType":"TranscodeComplete"', f'"TranscodeCompleteEvent":{payload}'):
        parts.insert(random.randint(0, len(parts)), part)
    return ("{" + random.choice((",", " , ")).join(parts) + "}").encode()
