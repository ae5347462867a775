"""The slow tests read the data sets from the folder TRAINWELL_TEST_DATA names; without it they are not collected."""

import os

collect_ignore_glob = [] if os.environ.get("TRAINWELL_TEST_DATA") else ["test_real_data.py"]
