"""Show an evaluation: one page that needs no network, the figures as JSON, and pictures for papers.

`wording` turns figures into words, `charts` into SVG, `views` into the rows of tables; `html` fills them into `page.html` and
`page.css`; `png` draws with matplotlib where that is installed; `write` puts the files in their folder.
"""

from headsurgery.report.write import write_report as write_report
