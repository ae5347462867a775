"""Data: what people have, turned into arrays a network can learn from.

The files, from the door inwards:

    open.py            the one door: `open_data` tells what a source is and hands it on
    image_folder.py    a folder of class folders      folders.py  images.py  frames.py  pixels.py  cache.py
    arrays.py          .npz, arrays and data sets in memory
    tables.py          .csv, .tsv, .parquet           columns.py  targets.py
    builtins.py        data sets that need no download
    partition.py       who learns and who judges      splits.py
    dataset.py         what comes out: `Data`
"""
