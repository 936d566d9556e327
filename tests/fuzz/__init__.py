"""Coverage-guided fuzzing of what reads a stranger's bytes: `codec` (bodies) and `http` (connections).

`python -m tests.fuzz codec 60` runs one harness for 60 s (it needs the extra ``fuzz``). The corpus in the
tree is small: seeds, and each input that once failed; `test_corpus` runs it with all tests, without atheris.
"""
