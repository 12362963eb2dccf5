"""Reports: everything known about a training run, on one page.

- `write_report`: the page, with its pictures inside
- `Run`: the files that ``pycnn train`` left in a folder, and the test data that belong to them
- `sections`: the parts of the page; `page`: HTML and style
"""

from pycnn.report.run import Run
from pycnn.report.write import write_report

__all__ = ["Run", "write_report"]
