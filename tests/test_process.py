"""What is set for the whole process."""

import sys

from bridge.process import share_interpreter


def test_a_thread_that_computes_gives_way_well_before_pythons_five_milliseconds() -> None:
    before_s = sys.getswitchinterval()
    try:
        share_interpreter()
        assert sys.getswitchinterval() <= 0.001
    finally:
        sys.setswitchinterval(before_s)
