"""Reports: everything known about a training run, on one page.

- `write_report`: the page, with its pictures inside
- `SavedRun`: the files that ``pycnn train`` left in a folder, and the test data that go with them;
  `Run`, its name until version 0.1, still works
- `sections`: the parts of the page; `page`: HTML and style
"""

from pycnn.report.run import SavedRun
from pycnn.report.write import write_report

Run = SavedRun

__all__ = ["Run", "SavedRun", "write_report"]
