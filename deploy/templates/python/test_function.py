"""Run with: PYTHONPATH=__PYTHON__ python3 -m unittest"""

import types
import unittest

from function import handle


class HandleTest(unittest.TestCase):
    def test_counts_words(self):
        event = types.SimpleNamespace(text=lambda: "one two three")
        ctx = types.SimpleNamespace(log=types.SimpleNamespace(info=lambda *_, **__: None))
        self.assertEqual(handle(event, ctx), {"words": 3})


if __name__ == "__main__":
    unittest.main()
