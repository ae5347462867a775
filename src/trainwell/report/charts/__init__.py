"""Charts: inline SVG made by small functions from numbers alone.

Each function gives a whole `<svg>` element as text: one column wide, so that it reads on a phone, with a title and a
description for those who do not see it, and colours that follow the light or dark mode of the reader. A page may set
`--tw-ink`, `--tw-quiet`, `--tw-grid`, `--tw-paper` and `--tw-1` to `--tw-6` anew on `body .tw-chart`. What can be
read off a chart stands in its attribute `data-read`, for `report/static/script.js`; it is a plain picture without it.
"""
